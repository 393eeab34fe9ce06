#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "artifacts/safe_open.hpp"

namespace vbrain::artifacts {

// Group commit: callers that want the same folder synced while a sync of it runs share the next one. Thread-safe.
class SyncGroup {
 public:
  // Returns when a sync of `folder` that began after this call has succeeded. Throws VolumeError.
  void sync(const Dir& folder);

 private:
  struct Slot {
    std::uint64_t asked = 0;   // the newest caller's number
    std::uint64_t synced = 0;  // callers up to here are done
    bool running = false;
    std::size_t users = 0;
    std::condition_variable changed;
  };

  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, Slot> slots_;
};

}  // namespace vbrain::artifacts
