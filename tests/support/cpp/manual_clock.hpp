#pragma once

#include <atomic>
#include <chrono>

#include "base/time/clock.hpp"

namespace vbrain::testing {

// A clock that changes only when the test sets it. Thread-safe.
class ManualClock final : public base::Clock {
 public:
  base::TimePoint now() const override { return base::TimePoint(since_epoch()); }
  base::SteadyPoint steady() const override { return base::SteadyPoint(since_epoch()); }

  void advance(std::chrono::nanoseconds time) {
    milliseconds_ += std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  }

 private:
  std::chrono::milliseconds since_epoch() const { return std::chrono::milliseconds(milliseconds_); }

  std::atomic<std::int64_t> milliseconds_{1'600'000'000'000};
};

}  // namespace vbrain::testing
