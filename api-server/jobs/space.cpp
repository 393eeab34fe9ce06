#include "api-server/jobs/space.hpp"

#include <algorithm>

#include "api-server/jobs/dates.hpp"
#include "job/oldest.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::api {
namespace {

std::string tenant_key(const std::string& organization, const std::string& application, const std::string& client) {
  return organization + '\n' + application + '\n' + client;
}

std::shared_ptr<const job::Client> client_of(const Services& services, const artifacts::Tenant& tenant) {
  return job::oldest(
      services.clients.by_index(kTenantIndex, tenant_key(tenant.organization, tenant.application, tenant.client)));
}

}  // namespace

std::vector<std::string> tenant_keys(const job::Client& client) {
  return {tenant_key(client.organization_id, client.application_id, client.client_id)};
}

SpaceLedger::Sum& SpaceLedger::sum_of(const artifacts::Tenant& tenant, base::TimePoint measured_at) {
  Sum& sum = sums_[tenant];
  // A watch that lags shows no older measurement than the last one seen.
  if (measured_at > sum.measured_at) sum = {.measured_at = measured_at, .bytes = 0};
  return sum;
}

std::uint64_t SpaceLedger::since(const artifacts::Tenant& tenant, base::TimePoint measured_at) {
  const std::lock_guard lock(mutex_);
  return sum_of(tenant, measured_at).bytes;
}

void SpaceLedger::add(const artifacts::Tenant& tenant, base::TimePoint measured_at, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  sum_of(tenant, measured_at).bytes += bytes;
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
  services.space_ledger.add(tenant, client->usage ? client->usage->measured_at : base::TimePoint{}, bytes);
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
