#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "artifacts/store/layout.hpp"
#include "base/time/clock.hpp"
#include "job/client.hpp"
#include "job/retention.hpp"

namespace vbrain::api {

// What this server has published for each tenant, and when. So a tenant cannot pass its quota by many uploads between
// two measurements of the leading controller. What other replicas publish meanwhile is not known. Thread-safe.
class SpaceLedger {
 public:
  // Bytes that were published since the measurement that began at `measured_at`, by the clock of the controller. What
  // was published while it ran counts here, although it may be in the measurement as well: the next one ends that.
  // Older entries are forgotten.
  std::uint64_t since(const artifacts::Tenant& tenant, base::TimePoint measured_at);
  void add(const artifacts::Tenant& tenant, base::TimePoint now, std::uint64_t bytes);
  // Bytes that are gone again, whether they were measured or not.
  void take_off(const artifacts::Tenant& tenant, std::uint64_t bytes);

 private:
  using Entries = std::map<base::TimePoint, std::uint64_t>;  // bytes by the time of their publication, in seconds

  std::mutex mutex_;
  std::map<artifacts::Tenant, Entries> entries_;
};

// What a tenant stores and may store.
struct TenantSpace {
  std::optional<job::SpaceUsage> measured = {};
  std::uint64_t added = 0;                  // since then, by this server
  std::optional<std::uint64_t> quota = {};  // bytes; nothing: no limit

  std::uint64_t used() const;
};

// The tenant's oldest Client, whose settings apply; null if there is none. Thread-safe, no I/O.
std::shared_ptr<const job::Client> client_of(const Services& services, const artifacts::Tenant& tenant);

// By the tenant's oldest Client, whose storageQuota applies. Thread-safe, no I/O.
TenantSpace space_of(const Services& services, const artifacts::Tenant& tenant);

// The refusal (507) of new work that adds `more` bytes: the quota is used up, or it would be passed. Pure.
std::optional<Refusal> check_space(const TenantSpace& space, std::uint64_t more);

// Adds published bytes to the ledger.
void note_published(const Services& services, const artifacts::Tenant& tenant, std::uint64_t bytes);

// The answer of GET /usage. Pure.
std::string render_usage(const TenantSpace& space);

// When a job that ended at `ended` is removed because of its age, by its Application and its Client; nothing if never.
std::optional<base::TimePoint> expiry_of(const Services& services, const artifacts::Tenant& tenant,
                                         base::TimePoint ended);

}  // namespace vbrain::api
