#include "api-server/jobs/space.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "api-server/jobs/dates.hpp"
#include "job/oldest.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::api {
namespace {

using Entries = std::map<base::TimePoint, std::uint64_t>;

// In the ledger.
constexpr std::size_t kEntries = 1'000;      // of a tenant
constexpr std::size_t kUploads = 1'000;      // of a tenant
constexpr std::size_t kUploadEntries = 100;  // of an upload
// The clocks of the file server and of the controller differ by less.
constexpr std::chrono::minutes kClocks{1};

// measuredAt has no fractions of a second, and the entries have none.
base::TimePoint second_of(base::TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

std::uint64_t sum_of(const Entries& entries) {
  std::uint64_t bytes = 0;
  for (const auto& [time, published] : entries) bytes += published;
  return bytes;
}

// Takes out the entries before `second`, and returns their bytes.
std::uint64_t take_before(Entries& entries, base::TimePoint second) {
  std::uint64_t bytes = 0;
  for (auto entry = entries.begin(); entry != entries.end() && entry->first < second; entry = entries.erase(entry)) {
    bytes += entry->second;
  }
  return bytes;
}

void add_entry(Entries& entries, base::TimePoint now, std::uint64_t bytes, std::size_t most) {
  entries[second_of(now)] += bytes;
  if (entries.size() <= most) return;
  // Nobody measures. The two oldest become one with the later time.
  const auto oldest = entries.begin();
  std::next(oldest)->second += oldest->second;
  entries.erase(oldest);
}

}  // namespace

std::shared_ptr<const job::Client> client_of(const Services& services, const artifacts::Tenant& tenant) {
  return job::oldest(services.clients.by_index(kTenantIndex, tenant_key(tenant)));
}

SpaceLedger::Since SpaceLedger::since(const artifacts::Tenant& tenant, base::TimePoint measured_at) {
  const base::TimePoint second = second_of(measured_at);
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return {};
  OfTenant& known = found->second;
  take_before(known.published, second);
  Since since{.added = sum_of(known.published)};
  for (auto& [id, upload] : known.uploads) {
    upload.measured += take_before(upload.entries, second);
    since.added += sum_of(upload.entries);
  }
  // Another measurement may have found the bytes, or not.
  if (known.freed_of != second) known.freed = 0;
  since.freed = known.freed;
  if (known.published.empty() && known.uploads.empty() && known.freed == 0) tenants_.erase(found);
  return since;
}

void SpaceLedger::add(const artifacts::Tenant& tenant, base::TimePoint now, std::uint64_t bytes,
                      std::string_view upload) {
  const std::lock_guard lock(mutex_);
  OfTenant& known = tenants_[tenant];
  if (upload.empty()) return add_entry(known.published, now, bytes, kEntries);
  const auto of_upload = known.uploads.try_emplace(std::string(upload)).first;
  add_entry(of_upload->second.entries, now, bytes, kUploadEntries);
  if (known.uploads.size() <= kUploads) return;
  // The oldest one has expired, or will. What it has counts on until it is measured.
  const auto oldest = known.uploads.begin();
  for (const auto& [time, published] : oldest->second.entries) add_entry(known.published, time, published, kEntries);
  known.uploads.erase(oldest);
}

void SpaceLedger::take_off(const artifacts::Tenant& tenant, std::string_view upload, base::TimePoint measured_at,
                           std::uint64_t measured) {
  const base::TimePoint second = second_of(measured_at);
  const std::lock_guard lock(mutex_);
  OfTenant& known = tenants_[tenant];
  if (const auto found = known.uploads.find(upload); found != known.uploads.end()) {
    measured = std::max(measured, found->second.measured + take_before(found->second.entries, second));
    known.uploads.erase(found);
  }
  if (known.freed_of != second) known.freed = 0;
  known.freed_of = second;
  known.freed += measured;
}

std::uint64_t TenantSpace::used() const {
  const std::uint64_t bytes = measured ? static_cast<std::uint64_t>(std::max<std::int64_t>(measured->bytes, 0)) : 0;
  return bytes - std::min(bytes, freed) + added;
}

TenantSpace space_of(const Services& services, const artifacts::Tenant& tenant) {
  TenantSpace space;
  const auto client = client_of(services, tenant);
  if (client == nullptr) return space;
  space.measured = client->usage;
  const auto since =
      services.space_ledger.since(tenant, space.measured ? space.measured->measured_at : base::TimePoint{});
  space.added = since.added;
  space.freed = since.freed;
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

void note_published(const Services& services, const artifacts::Tenant& tenant, std::uint64_t bytes,
                    std::string_view upload) {
  const auto client = client_of(services, tenant);
  // Without a quota nobody asks for it.
  if (client == nullptr || client->storage_quota.empty()) return;
  services.space_ledger.add(tenant, services.clock.now(), bytes, upload);
}

void note_upload_gone(const Services& services, const artifacts::Tenant& tenant, std::string_view upload,
                      std::uint64_t bytes, std::optional<base::TimePoint> changed) {
  const auto client = client_of(services, tenant);
  if (client == nullptr || client->storage_quota.empty()) return;
  const base::TimePoint measured_at = client->usage ? client->usage->measured_at : base::TimePoint{};
  const bool is_measured = changed && *changed + kClocks < measured_at;
  services.space_ledger.take_off(tenant, upload, measured_at, is_measured ? bytes : 0);
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
