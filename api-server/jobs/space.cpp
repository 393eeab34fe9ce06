#include "api-server/jobs/space.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "api-server/jobs/dates.hpp"
#include "job/oldest.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::api {
namespace {

constexpr std::size_t kEntries = 1'000;  // of a tenant in the ledger

}  // namespace

std::shared_ptr<const job::Client> client_of(const Services& services, const artifacts::Tenant& tenant) {
  return job::oldest(services.clients.by_index(kTenantIndex, tenant_key(tenant)));
}

std::uint64_t SpaceLedger::since(const artifacts::Tenant& tenant, base::TimePoint measured_at) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(tenant);
  if (found == entries_.end()) return 0;
  Entries& entries = found->second;
  // measuredAt has no fractions of a second either.
  entries.erase(entries.begin(), entries.lower_bound(std::chrono::floor<std::chrono::seconds>(measured_at)));
  std::uint64_t bytes = 0;
  for (const auto& [time, published] : entries) bytes += published;
  if (entries.empty()) entries_.erase(found);
  return bytes;
}

void SpaceLedger::add(const artifacts::Tenant& tenant, base::TimePoint now, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Entries& entries = entries_[tenant];
  entries[std::chrono::floor<std::chrono::seconds>(now)] += bytes;
  if (entries.size() <= kEntries) return;
  // Nobody measures. The two oldest become one with the later time.
  const auto oldest = entries.begin();
  std::next(oldest)->second += oldest->second;
  entries.erase(oldest);
}

void SpaceLedger::take_off(const artifacts::Tenant& tenant, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(tenant);
  if (found == entries_.end()) return;
  for (auto entry = found->second.rbegin(); entry != found->second.rend() && bytes > 0; ++entry) {
    const std::uint64_t taken = std::min(entry->second, bytes);
    entry->second -= taken;
    bytes -= taken;
  }
}

std::uint64_t TenantSpace::used() const {
  return (measured ? static_cast<std::uint64_t>(std::max<std::int64_t>(measured->bytes, 0)) : 0) + added;
}

TenantSpace space_of(const Services& services, const artifacts::Tenant& tenant) {
  TenantSpace space;
  const auto client = client_of(services, tenant);
  if (client == nullptr) return space;
  space.measured = client->usage;
  space.added = services.space_ledger.since(tenant, space.measured ? space.measured->measured_at : base::TimePoint{});
  if (const auto quota = kube::parse_quantity(client->storage_quota)) space.quota = static_cast<std::uint64_t>(*quota);
  return space;
}

std::optional<Refusal> check_space(const TenantSpace& space, std::uint64_t more) {
  if (!space.quota) return std::nullopt;
  const std::uint64_t used = space.used();
  if (used < *space.quota && more <= *space.quota - used) return std::nullopt;
  std::string detail = "the client stores " + std::to_string(used) + " bytes, its storageQuota is " +
                       std::to_string(*space.quota) + " bytes";
  if (used < *space.quota) detail += ", and this request has " + std::to_string(more);
  detail += ". Remedy: delete jobs or repositories, or ask the operator for a higher storageQuota";
  return Refusal{.problem = Problem::kNoSpace, .detail = std::move(detail)};
}

void note_published(const Services& services, const artifacts::Tenant& tenant, std::uint64_t bytes) {
  const auto client = client_of(services, tenant);
  // Without a quota nobody asks for it.
  if (client == nullptr || client->storage_quota.empty()) return;
  services.space_ledger.add(tenant, services.clock.now(), bytes);
}

std::string render_usage(const TenantSpace& space) {
  std::string text = R"({"bytes_used":)" + std::to_string(space.used());
  if (space.quota) text += R"(,"bytes_quota":)" + std::to_string(*space.quota);
  if (!space.measured) return text + "}";
  return text + R"(,"files":)" + std::to_string(space.measured->files) + R"(,"jobs":)" +
         std::to_string(space.measured->jobs) + R"(,"repositories":)" + std::to_string(space.measured->repositories) +
         R"(,"measured_on":")" + format_created_on(space.measured->measured_at) + "\"}";
}

std::optional<base::TimePoint> expiry_of(const Services& services, const artifacts::Tenant& tenant,
                                         base::TimePoint ended) {
  job::Retention retention;
  if (const auto client = client_of(services, tenant)) retention = client->retention;
  if (const auto application = job::oldest(services.applications.by_index(kApplicationIndex, tenant.application))) {
    retention = job::stricter(retention, application->retention);
  }
  return job::expiry_of(retention, ended);
}

}  // namespace vbrain::api
