#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::runner {

// The files that execvp(3) tries for a command: itself if it contains a slash, else one per folder of PATH.
std::vector<std::string> find_candidates(const std::string& command);

// True if `head`, the first bytes of a file that execve(2) refuses with ENOEXEC, is text that execvp(3) gives to
// /bin/sh: neither a program, nor empty, nor a script with its own interpreter.
bool is_for_shell(std::string_view head);

// The first bytes of a file, at most 4 KiB; empty if it cannot be read.
std::string read_head(const std::string& path);

// Why the command must not be started, though execve(2) would succeed: a script for env(1) whose first line ends with
// CR LF. env then looks for a program whose name ends with CR.
std::optional<std::string> find_start_fault(const std::string& command);

// Cause and remedy, as a sentence for the job's message, after execve(2) failed with `error` for all candidates. Looks
// at the file, its interpreter or loader, and this machine's architecture.
std::string explain_start_failure(const std::string& command, int error);

}  // namespace vbrain::runner
