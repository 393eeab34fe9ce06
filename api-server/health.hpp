#pragma once

#include <atomic>
#include <chrono>

#include "base/clock.hpp"

namespace vbrain::api {

// Whether the volume has answered lately. Thread-safe; never blocks.
class VolumeHealth {
 public:
  // The volume is good for `patience` after each good answer.
  VolumeHealth(const base::Clock& clock, std::chrono::milliseconds patience) : clock_(clock), patience_(patience) {}

  void report_good() { last_good_.store(clock_.steady().time_since_epoch().count()); }
  bool good() const;

 private:
  const base::Clock& clock_;
  const std::chrono::milliseconds patience_;
  std::atomic<base::SteadyPoint::rep> last_good_{0};
};

}  // namespace vbrain::api
