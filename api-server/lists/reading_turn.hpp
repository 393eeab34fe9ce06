#pragma once

#include <condition_variable>
#include <mutex>

namespace vbrain::api {

// Whether a call may take long: kLong reads a list from its beginning, or waits until another thread has read it.
enum class Effort { kLong, kShort };

// Lets one thread at a time work on a list. A call that must be short does not wait behind one that may take long.
// Thread-safe.
class ReadingTurn {
 public:
  // False, and only for kShort: a call with kLong is at work. After true, leave() has to be called.
  bool enter(Effort effort) {
    std::unique_lock lock(mutex_);
    while (busy_) {
      if (effort == Effort::kShort && is_long_) return false;
      changed_.wait(lock);
    }
    busy_ = true;
    is_long_ = effort == Effort::kLong;
    return true;
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool busy_ = false;
  bool is_long_ = false;  // of the call at work
};

}  // namespace vbrain::api
