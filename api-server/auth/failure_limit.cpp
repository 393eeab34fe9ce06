#include "api-server/auth/failure_limit.hpp"

#include <algorithm>
#include <random>

#include "http/source.hpp"

namespace vbrain::api {
namespace {

constexpr std::chrono::nanoseconds kWindow = std::chrono::minutes(1);

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

// The finalizer of MurmurHash3: every bit of the input reaches every bit of the output.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdULL;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

}  // namespace

FailureLimit::FailureLimit(std::uint64_t per_minute)
    : per_token_(per_minute == 0 ? std::chrono::nanoseconds(0)
                                 : kWindow / static_cast<std::chrono::nanoseconds::rep>(per_minute)),
      seed_(random_seed()),
      full_at_(per_minute == 0 ? 0 : kBuckets) {}

std::optional<std::chrono::seconds> FailureLimit::count(std::string_view peer, base::SteadyPoint now) {
  if (full_at_.empty()) return std::nullopt;
  const std::uint64_t bucket = mix(http::source_of(peer) ^ seed_) % kBuckets;
  const std::lock_guard lock(mutex_);
  base::SteadyPoint& full_at = full_at_[bucket];
  // Each token that is taken moves the time at which the bucket is full again. If that is a window away, it is empty.
  const auto wanted = std::max(full_at, now) + per_token_;
  if (wanted - now > kWindow) {
    return std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(wanted - now - kWindow));
  }
  full_at = wanted;
  return std::nullopt;
}

}  // namespace vbrain::api
