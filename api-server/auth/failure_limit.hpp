#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time/clock.hpp"

namespace vbrain::api {

// How many failures each source may have: a bucket of `per_minute` tokens that fills up again within a minute. A source
// is an IPv4 address or an IPv6 /64 (http::source_of). The size is constant: two sources
// may share a bucket, and an attacker with many addresses can empty them all. That does no harm, because only failures
// are refused. Thread-safe.
class FailureLimit {
 public:
  // 0: no limit.
  explicit FailureLimit(std::uint64_t per_minute);

  // Counts a failure of `peer` (a textual address). Nothing if the source had a token left, else the time until it has
  // one, at least a second.
  std::optional<std::chrono::seconds> count(std::string_view peer, base::SteadyPoint now);

 private:
  static constexpr std::size_t kBuckets = 16'384;

  const std::chrono::nanoseconds per_token_;
  const std::uint64_t seed_;
  std::mutex mutex_;
  std::vector<base::SteadyPoint> full_at_;  // of each bucket; empty without a limit
};

}  // namespace vbrain::api
