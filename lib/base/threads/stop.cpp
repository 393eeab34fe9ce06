#include "base/threads/stop.hpp"

#include <condition_variable>
#include <csignal>
#include <ctime>
#include <mutex>

namespace vbrain::base {
namespace {

sigset_t termination_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void block_termination_signals() {
  const sigset_t set = termination_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int wait_for_termination(std::stop_token stop) {
  const sigset_t set = termination_signals();
  const timespec quarter_second{0, 250'000'000};
  while (!stop.stop_requested()) {
    const int signal = sigtimedwait(&set, nullptr, &quarter_second);
    if (signal > 0) return signal;
  }
  return 0;
}

bool sleep_for(std::stop_token stop, std::chrono::nanoseconds duration) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace vbrain::base
