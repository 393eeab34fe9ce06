#include "api-server/limits/token_bucket.hpp"

#include <algorithm>

namespace vbrain::api {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

std::uint64_t burst_of(const RequestRate& rate) {
  return rate.burst == 0 ? rate.per_second : rate.burst;
}

}  // namespace

TokenBucket::TokenBucket(const RequestRate& rate)
    : per_token_(rate.per_second == 0 ? Span(0) : Span(seconds(1)) / static_cast<Span::rep>(rate.per_second)),
      whole_(per_token_ * static_cast<Span::rep>(burst_of(rate))) {}

TokenBucket::Taken TokenBucket::take(base::SteadyPoint now) {
  if (!limits()) return {};
  const Span at = now.time_since_epoch();
  Span::rep seen = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const Span missing = std::max(Span(seen), at) - at;  // the tokens that are not there, as a time
    const Span wanted = missing + per_token_;
    if (wanted > whole_) {
      const auto next = std::max(seconds(1), std::chrono::ceil<seconds>(wanted - whole_));
      return {.admitted = false, .remaining = 0, .next_in = next, .retry_after = next};
    }
    if (full_at_.compare_exchange_weak(seen, (at + wanted).count(), std::memory_order_relaxed)) {
      return {.admitted = true,
              .remaining = static_cast<std::uint64_t>((whole_ - wanted) / per_token_),
              .next_in = std::chrono::ceil<seconds>(per_token_),
              .retry_after = seconds(0)};
    }
  }
}

QuotaPolicy policy_of(const RequestRate& rate) {
  QuotaPolicy policy{.name = "default"};
  if (rate.per_second == 0) return policy;
  policy.quota = burst_of(rate);
  policy.window = seconds(std::max<std::uint64_t>(1, (policy.quota + rate.per_second - 1) / rate.per_second));
  return policy;
}

}  // namespace vbrain::api
