#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "api-server/errors.hpp"
#include "api-server/live/log_looks.hpp"
#include "base/tenant.hpp"

namespace prometheus {
class Counter;
}
namespace vbrain::base {
class Metrics;
}

namespace vbrain::api {

// What open streams share. It counts those of each tenant: one has half of all at most. The server's own limit is
// http::HttpOptions::max_streams. Thread-safe; lives longer than its places.
class StreamPlaces {
 public:
  // `period`: how often a stream looks at its key again, and how often one without news shows that it lives.
  StreamPlaces(std::size_t most, base::Metrics& metrics, std::chrono::milliseconds period = std::chrono::seconds(15));
  StreamPlaces(const StreamPlaces&) = delete;

  // Of one stream, as long as it is open.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;

   private:
    friend class StreamPlaces;
    Place(StreamPlaces& places, base::Tenant tenant) : places_(places), tenant_(std::move(tenant)) {}

    StreamPlaces& places_;
    const base::Tenant tenant_;
  };

  std::chrono::milliseconds period() const { return period_; }
  LogLooks& log_looks() { return log_looks_; }

  // Refuses with kTooMany.
  Result<std::unique_ptr<Place>, Refusal> take(const base::Tenant& tenant);

 private:
  const std::size_t most_of_tenant_;
  const std::chrono::milliseconds period_;
  prometheus::Counter& refused_;
  LogLooks log_looks_;
  std::mutex mutex_;
  std::map<base::Tenant, std::size_t> by_tenant_;  // of tenants with streams
};

}  // namespace vbrain::api
