#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <map>

namespace vbrain::testing {

// Whether this machine lets a process follow its child: kernel.yama.ptrace_scope of 2 or 3 forbids it.
inline bool can_follow_children() {
  const pid_t child = fork();
  if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// How often `work` makes each system call, by number (SYS_…). It runs in a child process, which ptrace(2) follows, so
// what it changes in memory is lost. The child ends with status 0 only if `work` returns true; else the test fails.
// Call it while the process has one thread.
inline std::map<std::uint64_t, int> count_system_calls(const std::function<bool()>& work) {
  std::map<std::uint64_t, int> counts;
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
    raise(SIGSTOP);
    bool done = false;
    try {
      done = work();
    } catch (...) {
    }
    _exit(done ? 0 : 2);
  }
  int status = 0;
  const auto next = [&] {
    pid_t got = 0;
    do got = waitpid(child, &status, 0);
    while (got < 0 && errno == EINTR);
    return got == child && WIFSTOPPED(status);
  };
  if (child > 0 && next()) {
    ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    long signal = 0;
    while (ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0 && next()) {
      const bool is_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
      signal = is_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
      __ptrace_syscall_info info{};
      if (is_call && ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0 &&
          info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        ++counts[info.entry.nr];
      }
    }
  }
  EXPECT_TRUE(child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  return counts;
}

}  // namespace vbrain::testing
