#include "api-server/jobs/job_service.hpp"

#include <algorithm>

#include "api-server/jobs/job_resource.hpp"
#include "artifacts/store/store.hpp"

namespace vbrain::api {

std::optional<Refusal> refuse_closed_application(const Services& services, const artifacts::Tenant& tenant) {
  const auto applications = services.applications.by_index(kApplicationIndex, tenant.application);
  const auto is_open = [&](const auto& application) {
    return !application->meta.deletion_timestamp && application->open_to(tenant.organization);
  };
  if (std::ranges::any_of(applications, is_open)) return std::nullopt;
  return Refusal{.problem = Problem::kUnknownKey,
                 .for_operator = applications.empty() ? "no Application has this applicationId"
                                                      : "the Application is not open to the organization"};
}

Result<void, Refusal> confirm_job(const Services& services, const Caller& caller, std::string_view job_id) {
  const auto live = has_live_resource(services, caller.tenant, job_id);
  if (!live) return Unexpected<Refusal>(refusal_of(live.error()));
  if (!*live) return refuse(Problem::kNoJob);
  return {};
}

Result<JobRecord, Refusal> find_job(const Services& services, const Caller& caller, std::string_view job_id,
                                    std::string_view repository_id) {
  auto record = load_job(services, caller.tenant, job_id);
  if (!repository_id.empty()) {
    const bool exists =
        artifacts::is_repository_id(repository_id) && services.volume.has_repository(caller.tenant, repository_id);
    if (!exists || (record && record->stored->file.repository_id != repository_id))
      return refuse(Problem::kNoRepository);
  }
  if (!record) return refuse(Problem::kNoJob);
  return std::move(*record);
}

}  // namespace vbrain::api
