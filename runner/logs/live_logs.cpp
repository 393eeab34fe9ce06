#include "runner/logs/live_logs.hpp"

#include <algorithm>
#include <exception>
#include <system_error>

namespace vbrain::runner {

LiveLogs::LiveLogs(const artifacts::Dir& work, const artifacts::Dir& logs, std::uint64_t limit_bytes,
                   std::chrono::milliseconds every)
    : copies_(work, logs, limit_bytes), every_(every) {
  try {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  } catch (const std::system_error&) {
    // See the comment in the header.
  }
}

std::vector<std::string> LiveLogs::finish() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return copies_.names();
}

void LiveLogs::run(const std::stop_token& stop) try {
  using Clock = std::chrono::steady_clock;
  Clock::duration pause = every_;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, pause, [] { return false; });
    }
    if (stop.stop_requested()) return;
    const auto began = Clock::now();
    copies_.update(stop);
    pause = std::max<Clock::duration>(every_, 4 * (Clock::now() - began));
  }
} catch (const std::exception&) {
  // No memory, for example. No problem with logs fails a job: seal_logs copies everything at the end.
}

}  // namespace vbrain::runner
