#include "kube/transport/backoff.hpp"

#include <algorithm>

namespace vbrain::kube {

Backoff::Backoff(Duration min, Duration max, std::uint32_t seed) : min_(min), max_(max), random_(seed) {}

Backoff::Duration Backoff::next() {
  const double fraction = std::uniform_real_distribution<double>(0, 1)(random_);
  return delay(min_, max_, failures_++, fraction);
}

Backoff::Duration Backoff::delay(Duration min, Duration max, unsigned failures, double fraction) {
  // 2^20 times any min is above any max; a larger shift would overflow.
  const Duration full = std::min<Duration>(max, min * (1LL << std::min(failures, 20u)));
  const auto jittered = Duration(static_cast<Duration::rep>(static_cast<double>(full.count()) * (0.5 + fraction / 2)));
  return std::clamp(jittered, min, max);
}

}  // namespace vbrain::kube
