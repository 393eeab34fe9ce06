#include "api-server/live/stream_places.hpp"

#include "base/metrics.hpp"

namespace vbrain::api {

StreamPlaces::StreamPlaces(std::size_t most, base::Metrics& metrics, std::chrono::milliseconds period)
    : most_of_tenant_((most + 1) / 2),
      period_(period),
      refused_(metrics.counter("vbrain_api_streams_refused_total",
                               "Streams refused because their tenant had as many as it may (half of max-streams).")) {}

StreamPlaces::Place::~Place() {
  const std::lock_guard lock(places_.mutex_);
  const auto tenant = places_.by_tenant_.find(tenant_);
  if (--tenant->second == 0) places_.by_tenant_.erase(tenant);
}

Result<std::unique_ptr<StreamPlaces::Place>, Refusal> StreamPlaces::take(const base::Tenant& tenant) {
  const std::lock_guard lock(mutex_);
  const auto found = by_tenant_.find(tenant);
  if ((found == by_tenant_.end() ? 0 : found->second) >= most_of_tenant_) {
    refused_.Increment();
    return Unexpected<Refusal>(Refusal{
        .problem = Problem::kTooMany,
        .detail = "your client has as many open streams as it may (half of --max-streams); close one, come back after "
                  "the time in Retry-After, or ask from time to time instead of streaming",
        .limit = QuotaPolicy{.name = "streams", .quota = most_of_tenant_, .unit = kConcurrentRequests}});
  }
  ++by_tenant_[tenant];
  return std::unique_ptr<Place>(new Place(*this, tenant));
}

}  // namespace vbrain::api
