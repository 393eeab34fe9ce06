#include "api-server/auth/failure_limit.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

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

std::uint64_t source_of(std::string_view peer) {
  const std::string text(peer);
  std::uint32_t v4 = 0;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return v4;
  unsigned char v6[16];
  // A link-local address comes with its zone.
  if (inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), v6) != 1) return 0;
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(v6, kMapped, sizeof kMapped) == 0) {
    std::memcpy(&v4, v6 + sizeof kMapped, sizeof v4);
    return v4;
  }
  std::uint64_t network = 0;
  std::memcpy(&network, v6, sizeof network);
  return network;
}

FailureLimit::FailureLimit(std::uint64_t per_minute)
    : per_token_(per_minute == 0 ? std::chrono::nanoseconds(0)
                                 : kWindow / static_cast<std::chrono::nanoseconds::rep>(per_minute)),
      seed_(random_seed()),
      full_at_(per_minute == 0 ? 0 : kBuckets) {}

std::optional<std::chrono::seconds> FailureLimit::count(std::string_view peer, base::SteadyPoint now) {
  if (full_at_.empty()) return std::nullopt;
  const std::uint64_t bucket = mix(source_of(peer) ^ seed_) % kBuckets;
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
