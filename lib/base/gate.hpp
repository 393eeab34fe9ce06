#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

namespace vbrain::base {

// Counts work under way and refuses new work once closed (Seastar's gate). All members are thread-safe.
class Gate {
 public:
  // Held while the work goes on. Movable; an empty pass means that the gate was closed.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Gate* gate_ = nullptr;
  };

  Pass enter() {
    const std::lock_guard lock(mutex_);
    if (closed_) return Pass{};
    ++inside_;
    return Pass{this};
  }

  // Refuses new entries and waits until everybody inside has left.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

  std::size_t inside() const {
    const std::lock_guard lock(mutex_);
    return inside_;
  }

 private:
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace vbrain::base
