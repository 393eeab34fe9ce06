#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

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
  struct Since {
    std::uint64_t added = 0;  // bytes that this server has published
    std::uint64_t freed = 0;  // bytes of the measurement that are gone again
  };
  // What has changed since the measurement that began at `measured_at`, by the clock of the controller. What was
  // published while it ran counts here, although it may be in the measurement as well: the next one ends that. Older
  // entries are forgotten.
  Since since(const artifacts::Tenant& tenant, base::TimePoint measured_at);
  // `upload`: the resumable upload of which the bytes are; empty: of none.
  void add(const artifacts::Tenant& tenant, base::TimePoint now, std::uint64_t bytes, std::string_view upload = {});
  // The upload is gone. What add() was told of it counts no more, whether that was measured at `measured_at` or not,
  // and nothing else does: its other bytes came through other servers, and this one has not counted them. `measured`:
  // how many bytes of it the caller knows to be in that measurement.
  void take_off(const artifacts::Tenant& tenant, std::string_view upload, base::TimePoint measured_at,
                std::uint64_t measured);

 private:
  using Entries = std::map<base::TimePoint, std::uint64_t>;  // bytes by the time of their publication, in seconds
  struct OfUpload {
    Entries entries{};
    std::uint64_t measured = 0;  // bytes that add() was told before the last measurement
  };
  struct OfTenant {
    Entries published{};
    std::map<std::string, OfUpload, std::less<>> uploads{};  // by id, which begins with its time
    base::TimePoint freed_of{};                              // the measurement of which bytes are gone
    std::uint64_t freed = 0;
  };

  std::mutex mutex_;
  std::map<artifacts::Tenant, OfTenant> tenants_;
};

// What a tenant stores and may store.
struct TenantSpace {
  std::optional<job::SpaceUsage> measured = {};
  std::uint64_t added = 0;                  // since then, by this server
  std::uint64_t freed = 0;                  // of what was measured, by this server
  std::optional<std::uint64_t> quota = {};  // bytes; nothing: no limit

  std::uint64_t used() const;
};

// The tenant's oldest Client, whose settings apply; null if there is none. Thread-safe, no I/O.
std::shared_ptr<const job::Client> client_of(const Services& services, const artifacts::Tenant& tenant);

// By the tenant's oldest Client, whose storageQuota applies. Thread-safe, no I/O.
TenantSpace space_of(const Services& services, const artifacts::Tenant& tenant);

// The refusal (507) of new work that adds `more` bytes: the quota is used up, or it would be passed. Pure.
std::optional<Refusal> check_space(const TenantSpace& space, std::uint64_t more);

// Adds published bytes to the ledger. `upload`: as in SpaceLedger::add().
void note_published(const Services& services, const artifacts::Tenant& tenant, std::uint64_t bytes,
                    std::string_view upload = {});

// Takes an upload that is gone off the ledger. It had `bytes`, and had not changed since `changed`, by the clock of the
// file server (nothing: not known).
void note_upload_gone(const Services& services, const artifacts::Tenant& tenant, std::string_view upload,
                      std::uint64_t bytes, std::optional<base::TimePoint> changed);

// The answer of GET /usage. Pure.
std::string render_usage(const TenantSpace& space);

// When a job that ended at `ended` is removed because of its age, by its Application and its Client; nothing if never.
std::optional<base::TimePoint> expiry_of(const Services& services, const artifacts::Tenant& tenant,
                                         base::TimePoint ended);

}  // namespace vbrain::api
