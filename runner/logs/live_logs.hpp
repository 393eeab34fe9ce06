#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "runner/logs/live_copies.hpp"

namespace vbrain::runner {

// Keeps the copies of LiveCopies up to date, once a second, in a thread of its own: a volume that hangs delays neither
// signals nor the streams. On a slow volume the pauses are longer, so that the copies take a fifth of the time at most.
// For an application without log files an update lists one empty folder.
class LiveLogs {
 public:
  // Without a thread (the limit of processes is reached) there are no copies; seal_logs copies everything at the end.
  LiveLogs(const artifacts::Dir& work, const artifacts::Dir& logs, std::uint64_t limit_bytes,
           std::chrono::milliseconds every = std::chrono::milliseconds(1'000));

  // Ends the thread. The copies stay. Returns the entries of logs/ that it made.
  std::vector<std::string> finish();

 private:
  void run(const std::stop_token& stop);

  LiveCopies copies_;
  const std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last member: its destructor joins
};

}  // namespace vbrain::runner
