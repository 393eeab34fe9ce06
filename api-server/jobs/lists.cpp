#include "api-server/jobs/lists.hpp"

#include <optional>

#include "api-server/jobs/job_record.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/store/store.hpp"
#include "base/log.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

// Ids that our servers made contain the time. A Job made with kubectl may have any name.
std::optional<base::TimePoint> time_of_job(const Services& services, const artifacts::Tenant& tenant,
                                           std::string_view id) {
  if (const auto told = job::time_of_job_id(id)) return told;
  try {
    if (const auto stored = services.view.job(tenant, id)) return stored->file.created_on;
  } catch (const artifacts::CorruptFile& problem) {
    // One unreadable file must not hide the other jobs.
    base::log_error("unreadable file on the volume", {{"error", problem.what()}});
  } catch (const artifacts::UnsafeFile& problem) {
    base::log_error("unreadable file on the volume", {{"error", problem.what()}});
  }
  const auto resource = services.jobs.get(id);
  if (resource == nullptr || !belongs_to(*resource, tenant)) return std::nullopt;
  return resource->meta.creation_timestamp;
}

}  // namespace

std::string filter_ids(std::string_view list, const std::function<bool(std::string_view)>& wanted) {
  std::string kept = "[";
  for (auto from = list.find('"'); from != std::string_view::npos; from = list.find('"', from)) {
    const auto to = list.find('"', from + 1);
    if (to == std::string_view::npos) break;
    if (wanted(list.substr(from + 1, to - from - 1))) {
      if (kept.size() > 1) kept += ',';
      kept.append(list.substr(from, to + 1 - from));
    }
    from = to + 1;
  }
  return kept + "]";
}

std::shared_ptr<const std::string> list_jobs(const Services& services, const artifacts::Tenant& tenant,
                                             std::string_view repository_id, const DateRange& range,
                                             JsonBudget::Share& memory) {
  auto all = services.view.job_list(tenant, repository_id, memory);
  if (all == nullptr || range.is_open()) return all;
  memory.cover(all->size());
  return std::make_shared<const std::string>(filter_ids(*all, [&](std::string_view id) {
    const auto time = time_of_job(services, tenant, id);
    return time && range.contains(*time);
  }));
}

std::shared_ptr<const std::string> list_repositories(const Services& services, const artifacts::Tenant& tenant,
                                                     const DateRange& range, JsonBudget::Share& memory) {
  auto all = services.view.repository_list(tenant, memory);
  if (range.is_open()) return all;
  memory.cover(all->size());
  return std::make_shared<const std::string>(filter_ids(*all, [&](std::string_view id) {
    const auto time = time_of_repository_id(id);
    return time && range.contains(*time);
  }));
}

}  // namespace vbrain::api
