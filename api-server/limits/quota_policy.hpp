#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vbrain::api {

// A limit as draft-ietf-httpapi-ratelimit-headers-10 names it: `quota` of `unit` in `window`, or at the same time.
struct QuotaPolicy {
  std::string_view name;           // a constant, of lower-case letters and hyphens
  std::uint64_t quota = 0;         // `q`
  std::chrono::seconds window{0};  // `w`; zero: the limit is of what there is at the same time
  std::string_view unit = {};      // `qu`; empty: requests
};

// Units of the draft's registry.
inline constexpr std::string_view kConcurrentRequests = "concurrent-requests";
inline constexpr std::string_view kContentBytes = "content-bytes";

// The fields' values (structured fields, RFC 9651).
//   RateLimit-Policy: "default";q=100;w=1
std::string rate_limit_policy(const QuotaPolicy& policy);
// `remaining` (`r`) is left of the quota, and there is more in `reset` (`t`).
//   RateLimit: "default";r=99;t=1
std::string rate_limit(const QuotaPolicy& policy, std::uint64_t remaining, std::chrono::seconds reset);

}  // namespace vbrain::api
