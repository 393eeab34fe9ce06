#include "api-server/limits/tenants.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace vbrain::api {

RequestRate rate_of(const Limits& limits) {
  return {.per_second = limits.max_requests_per_second, .burst = limits.max_request_burst};
}

Tenants::Tenants(const Services& all, std::size_t most) : all_(all), most_(most) {}

Seat& Tenants::of(const base::Tenant& tenant) {
  {
    const std::shared_lock lock(mutex_);
    const auto found = seats_.find(tenant);
    if (found != seats_.end()) return *found->second;
  }
  const std::unique_lock lock(mutex_);
  if (seats_.size() >= most_ && !seats_.contains(tenant)) return shared_seat(tenant);
  std::unique_ptr<Seat>& seat = seats_[tenant];
  if (seat == nullptr) seat = new_seat(rate_of(all_.limits), std::make_shared<std::atomic<std::size_t>>(0));
  return *seat;
}

// No limit of the rate and of connections: one tenant would use up what another one has.
Seat& Tenants::shared_seat(const base::Tenant& tenant) {
  const std::hash<std::string> hash;
  const std::size_t number = hash(tenant.organization + '\n' + tenant.application + '\n' + tenant.client);
  std::unique_ptr<Seat>& seat = shared_.at(number % shared_.size());
  if (seat == nullptr) seat = new_seat(RequestRate{}, nullptr);
  return *seat;
}

std::unique_ptr<Seat> Tenants::new_seat(const RequestRate& rate, ConnectionCount connections) const {
  Services services = all_;
  for (base::Lane Services::*pool : {&Services::workers, &Services::volume_workers, &Services::transfer_workers,
                                     &Services::bulk_workers, &Services::list_workers}) {
    services.*pool = (services.*pool).pool().new_lane();
  }
  return std::unique_ptr<Seat>(new Seat{
      .services = std::move(services), .bucket = TokenBucket(rate), .connections = std::move(connections)});
}

}  // namespace vbrain::api
