#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "http/handler.hpp"

namespace vbrain::base {
class Metrics;
}

namespace vbrain::api {

// Whether the volume has answered lately. Written by the prober, read by anybody; never blocks.
class VolumeHealth {
 public:
  // `patience`: for how long one good answer counts.
  VolumeHealth(const base::Clock& clock, std::chrono::milliseconds patience) : clock_(clock), patience_(patience) {}

  void report_good() { last_good_.store(clock_.steady().time_since_epoch().count()); }
  bool good() const;

 private:
  const base::Clock& clock_;
  const std::chrono::milliseconds patience_;
  std::atomic<base::SteadyPoint::rep> last_good_{0};
};

// Why the server can't serve now, as constant text; empty if it can.
using Readiness = std::function<std::string_view()>;

// /livez (the loops turn), /readyz (200, or 503 with the reason), /metrics. Never blocks, so that it answers whatever
// hangs.
http::Handler make_health_handler(Readiness readiness, base::Metrics& metrics);

}  // namespace vbrain::api
