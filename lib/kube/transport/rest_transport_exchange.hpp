#pragma once

// Internal to rest_transport.cpp: data shared between the HTTP library's thread and a caller's thread.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace vbrain::kube {

// One request under way: the HTTP library's thread writes to it, the caller's thread reads from it.
class Exchange {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using Steady = std::chrono::steady_clock;
  enum class Fill { kHold, kStop };
  // The state after a wait.
  struct View {
    bool finished = false;
    bool too_large = false;
    bool timed_out = false;
    bool stopped = false;
    std::string bytes = {};
  };

  // `limit` bytes are buffered. Then reading waits for the caller (kHold), or the answer is too large (kStop).
  Exchange(std::size_t limit, Fill fill) : limit_(limit), fill_(fill) {}

  // Called on the HTTP library's thread. False if reading has to wait for the caller: then `pause` was called, and what
  // it returned is called once, on the caller's thread, when there is room again.
  template <class Pause>
  bool put(const std::uint8_t* bytes, std::size_t count, const Pause& pause) {
    const std::lock_guard lock(mutex_);
    if (abandoned_ || too_large_) return true;
    ++progress_;
    if (fill_ == Fill::kStop && bytes_.size() + count > limit_) {
      too_large_ = true;
      changed_.notify_all();
      return true;
    }
    bytes_.append(reinterpret_cast<const char*>(bytes), count);
    // A call's answer is useful when it is complete, a stream's at once.
    if (fill_ == Fill::kStop) return true;
    changed_.notify_all();
    if (bytes_.size() < limit_) return true;
    resume_ = pause();
    return false;
  }
  void note_headers(int status, std::string retry_after) {
    const std::lock_guard lock(mutex_);
    ++progress_;
    status_ = status;
    retry_after_ = std::move(retry_after);
    changed_.notify_all();
  }
  void finish(std::optional<std::string> failure, std::error_code code = {}) {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    failure_ = std::move(failure);
    failure_code_ = code;
    changed_.notify_all();
  }

  // Called on the HTTP library's thread before it reads a part of the request's body. False: the body must not be sent
  // any more.
  bool begin_sending() {
    const std::lock_guard lock(mutex_);
    if (sending_forbidden_) return false;
    sending_ = true;
    return true;
  }
  // Called on the caller's thread: from now on no more of the request's body is sent. True if nothing was sent.
  bool forbid_sending() {
    const std::lock_guard lock(mutex_);
    sending_forbidden_ = true;
    return !sending_;
  }

  // Called on the caller's thread. Waits until the status and bytes are available or the exchange has ended, at most
  // until `deadline`. If `idle` is given, any progress restarts the time.
  View wait(std::stop_token stop, Steady::time_point deadline, std::optional<Milliseconds> idle) {
    std::unique_lock lock(mutex_);
    auto seen = progress_;
    const auto ready = [&] { return finished_ || too_large_ || (status_ != 0 && streams() && !bytes_.empty()); };
    while (!ready()) {
      if (idle) deadline = Steady::now() + *idle;
      changed_.wait_until(lock, stop, deadline, [&] { return ready() || (idle && progress_ != seen); });
      if (ready()) break;
      if (stop.stop_requested()) return {.stopped = true};
      if (!idle || progress_ == seen) return {.timed_out = true};
      seen = progress_;
    }
    View view{.finished = finished_, .too_large = too_large_, .bytes = std::exchange(bytes_, {})};
    release(lock);
    return view;
  }

  // Drops everything that arrives later; nobody waits for it.
  void abandon() {
    std::unique_lock lock(mutex_);
    abandoned_ = true;
    release(lock);
  }

  int status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  std::string retry_after() const {
    const std::lock_guard lock(mutex_);
    return retry_after_;
  }
  // Nothing after a success; valid after the end only.
  std::optional<std::string> failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  std::error_code failure_code() const {
    const std::lock_guard lock(mutex_);
    return failure_code_;
  }

 private:
  bool streams() const { return fill_ == Fill::kHold; }

  void release(std::unique_lock<std::mutex>& lock) {
    if (!resume_) return;
    const auto resume = std::exchange(resume_, nullptr);
    lock.unlock();
    resume();
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  const std::size_t limit_;
  const Fill fill_;
  std::string bytes_;
  std::string retry_after_;
  int status_ = 0;
  std::uint64_t progress_ = 0;
  bool finished_ = false;
  bool too_large_ = false;
  bool abandoned_ = false;
  bool sending_ = false;
  bool sending_forbidden_ = false;
  std::optional<std::string> failure_;
  std::error_code failure_code_;
  std::function<void()> resume_;  // empty: reading goes on
};

}  // namespace vbrain::kube
