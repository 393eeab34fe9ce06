#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "artifacts/files/safe_open.hpp"
#include "base/result.hpp"

namespace vbrain::runner {

struct Child {
  pid_t pid = -1;  // the leader of a new process group
  artifacts::Fd out;
  artifacts::Fd err;
};

struct ChildSpec {
  std::vector<std::string> command;  // not empty; looked up in PATH if it contains no slash
  mode_t umask = 0022;
  int ruleset = -1;  // a Landlock ruleset to enter, or -1
};

// Starts the command with the environment of this process, stdin from /dev/null, stdout and stderr into pipes, no
// signal blocked, and SIGPIPE with its default action. Call while the process has one thread. The error is the errno of
// execve(2) or of an earlier step; then no process is left.
Result<Child, int> start_child(const ChildSpec& spec);

}  // namespace vbrain::runner
