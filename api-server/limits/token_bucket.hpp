#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

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

// The fields of draft-ietf-httpapi-ratelimit-headers-10 (structured fields, RFC 9651) as values. The policy is named
// "default": `q` requests in `w` seconds, which are the burst and the time in which the bucket fills up.
//   RateLimit-Policy: "default";q=100;w=1
// Empty without a limit.
std::string rate_limit_policy(const RequestRate& rate);
// `r` requests are left, and there are more in `t` seconds.
//   RateLimit: "default";r=99;t=1
std::string rate_limit(const TokenBucket::Taken& taken);

}  // namespace vbrain::api
