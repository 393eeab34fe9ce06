#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <shared_mutex>

#include "api-server/limits/connection_place.hpp"
#include "api-server/limits/token_bucket.hpp"
#include "api-server/services.hpp"
#include "base/tenant.hpp"

namespace vbrain::api {

// The rate of requests that each tenant has.
RequestRate rate_of(const Limits& limits);

// What one tenant has of the server.
struct Seat {
  const Services services;                                 // those of all, but with the tenant's own lanes on the pools
  TokenBucket bucket;                                      // of its requests
  const ConnectionCount connections;                       // null: without a limit, as tenants share this seat
  TokenBucket refusals{{.per_second = 10, .burst = 100}};  // audit lines of its requests that were refused
};

// The seats of all tenants that have sent a request with a right key. A seat stays as long as the server: handlers,
// streams and tasks hold on to its Services. Tenants are made by operators, one Client each, so there are few; beyond
// kMost they share some seats, which have lanes and no limit of the rate and of connections. Thread-safe.
class Tenants {
 public:
  static constexpr std::size_t kMost = 16'384;

  // `all` lives longer than the object.
  explicit Tenants(const Services& all, std::size_t most = kMost);
  Tenants(const Tenants&) = delete;

  Seat& of(const base::Tenant& tenant);

 private:
  Seat& shared_seat(const base::Tenant& tenant);
  std::unique_ptr<Seat> new_seat(const RequestRate& rate, ConnectionCount connections) const;

  const Services& all_;
  const std::size_t most_;
  std::shared_mutex mutex_;
  std::map<base::Tenant, std::unique_ptr<Seat>> seats_;
  std::array<std::unique_ptr<Seat>, 64> shared_;
};

}  // namespace vbrain::api
