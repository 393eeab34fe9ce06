#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "api-server/limits/quota_policy.hpp"
#include "base/time/clock.hpp"

namespace vbrain::api {

// How many requests one tenant may send to one server.
struct RequestRate {
  std::uint64_t per_second = 0;  // in the long run; 0: no limit
  std::uint64_t burst = 0;       // at once, after a pause; 0: as many as per_second
};

// A bucket of `burst` tokens, into which `per_second` tokens come; each request takes one. It is kept as one time, that
// at which the bucket will be full again. Thread-safe without a lock.
class TokenBucket {
 public:
  struct Taken {
    bool admitted = true;
    std::uint64_t remaining = 0;          // whole tokens that are left
    std::chrono::seconds next_in{0};      // until there is one more, rounded up
    std::chrono::seconds retry_after{0};  // until there is a token, at least 1; 0 if there was one
  };

  explicit TokenBucket(const RequestRate& rate);

  bool limits() const { return per_token_ != Span(0); }
  // Takes a token if there is one. What is refused costs nothing. Without a limit all are admitted.
  Taken take(base::SteadyPoint now);

 private:
  using Span = std::chrono::nanoseconds;

  const Span per_token_;               // zero: no limit
  const Span whole_;                   // in which an empty bucket fills up
  std::atomic<Span::rep> full_at_{0};  // since the epoch of the clock
};

// The policy "default": the burst, and the time in which the bucket fills up. The quota is zero without a limit.
QuotaPolicy policy_of(const RequestRate& rate);

}  // namespace vbrain::api
