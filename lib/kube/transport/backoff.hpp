#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace vbrain::kube {

// Waiting times that double from `min` to `max`. After the first step each is multiplied by a random 0.5 .. 1.0, so
// that programs that failed together do not retry together. Not thread-safe.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration min, Duration max, std::uint32_t seed = std::random_device{}());

  // The next waiting time; at least `min`, at most `max`.
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
