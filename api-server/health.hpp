#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"

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

// The size of the volume's file system and what is left of it for the servers, in bytes, as metrics. Kubernetes
// measures volumes of CSI drivers only.
class VolumeSpace {
 public:
  VolumeSpace(std::string root, base::Metrics& metrics);

  // Asks the file system. Blocks when it does. Throws std::filesystem::filesystem_error; the metrics then stay as they
  // were.
  void measure();

 private:
  const std::string root_;
  prometheus::Gauge& size_;
  prometheus::Gauge& available_;
};

}  // namespace vbrain::api
