#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "artifacts/store/safe_open.hpp"
#include "base/result.hpp"

namespace vbrain::runner {

struct Child {
  pid_t pid = -1;  // leader of a process group of its own
  artifacts::Fd out;
  artifacts::Fd err;
};

struct ChildSpec {
  std::vector<std::string> command;  // not empty; looked up in PATH if it has no slash
  mode_t umask = 0022;
  int ruleset = -1;  // a Landlock ruleset to enter, or -1
};

// Starts the command with this process's environment, stdin from /dev/null, stdout and stderr into pipes, signals as a
// new program expects them. Call while the process has one thread. The error is errno: of execve(2) when the command
// can't be had, of what came before otherwise; then nothing runs.
Result<Child, int> start_child(const ChildSpec& spec);

}  // namespace vbrain::runner
