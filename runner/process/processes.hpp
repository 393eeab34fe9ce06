#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>

namespace vbrain::runner {

// The duties of a container's first process: passing signals on and reaping. Make one object, before any thread is
// started, since it blocks the signals that it waits for. A process that is not PID 1 becomes the subreaper of its
// descendants (prctl(2)).
class Processes {
 public:
  Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // Waits until `main` ends and returns its wait status. Reaps all other processes that end; passes SIGTERM, SIGINT,
  // SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 on to `main`'s process group.
  int wait_for(pid_t main);

  // Kills (SIGKILL) and reaps all descendants. False if some did not end within `patience`: they hang in a system call,
  // as on a volume, and run nothing else.
  bool kill_rest(std::chrono::milliseconds patience);

 private:
  sigset_t signals_{};
};

}  // namespace vbrain::runner
