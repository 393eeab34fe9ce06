#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace vbrain::kube {

// Waiting times that double from `min` to `max`, each multiplied by 0.5 .. 1.0 at random after the first step, so that
// programs that failed together do not come back together. Not thread-safe.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration min, Duration max, std::uint32_t seed = std::random_device{}());

  // The next time to wait; at least `min`, at most `max`.
  Duration next();
  void reset() { failures_ = 0; }

  // The same without state, for the `failures`-th failure in a row (from 0). `fraction` is in 0 .. 1.
  static Duration delay(Duration min, Duration max, unsigned failures, double fraction);

 private:
  Duration min_;
  Duration max_;
  unsigned failures_ = 0;
  std::minstd_rand random_;
};

}  // namespace vbrain::kube
