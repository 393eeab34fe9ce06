#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>

namespace vbrain::runner {

// The duties of a container's first process. One object, made before any thread is started: it blocks the signals it
// waits for. Where the process is not PID 1 it makes itself the subreaper of its descendants (prctl(2)).
class Processes {
 public:
  Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // Waits until `main` ends and returns its wait status. Reaps whatever else ends; passes SIGTERM, SIGINT, SIGHUP,
  // SIGQUIT, SIGUSR1 and SIGUSR2 on to `main`'s process group.
  int wait_for(pid_t main);

  // Kills (SIGKILL) and reaps all processes left below us. False if some did not end within `patience`, as one that
  // hangs in a file system's call: it can do nothing more but that call.
  bool kill_rest(std::chrono::milliseconds patience);

 private:
  sigset_t signals_{};
};

}  // namespace vbrain::runner
