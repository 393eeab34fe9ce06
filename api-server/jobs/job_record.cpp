#include "api-server/jobs/job_record.hpp"

#include <cerrno>
#include <nlohmann/json.hpp>

#include "api-server/jobs/dates.hpp"
#include "api-server/jobs/job_resource.hpp"
#include "artifacts/store/store.hpp"
#include "base/json.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;

// A Job made with kubectl, before the controller has published its folder.
std::shared_ptr<const StoredJob> stored_form(const job::Job& job) {
  auto stored = std::make_shared<StoredJob>();
  artifacts::JobFile& file = stored->file;
  file.job_id = job.meta.name;
  file.tenant = {job.spec.organization_id, job.spec.application_id, job.spec.client_id};
  file.repository_id = job.spec.repository_id;
  file.created_on = job.meta.creation_timestamp;
  file.created_by = job.spec.username;
  if (!job.spec.params.empty()) file.params = job.spec.params;
  if (!job.spec.metadata.empty()) file.metadata = job.spec.metadata;
  file.priority = job.spec.priority;
  stored->shown = render_fixed(file);
  return stored;
}

// The status in a record of the volume, {"metadata", "status"}; Job::decode wants the rest of a resource around it.
job::JobStatus archived_status(const json& record) {
  json object{{"metadata", {{"name", "archived"}, {"uid", "archived"}, {"resourceVersion", "1"}}},
              {"spec", json::object()}};
  if (const auto status = record.find("status"); status != record.end()) object["status"] = *status;
  return job::Job::decode(object).status;
}

// What the API server itself says. Throws when it can't be asked.
bool is_live(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id) {
  const auto live = has_live_resource(services, tenant, job_id);
  if (!live) throw artifacts::VolumeError(ENOENT, "find the folder of job " + std::string(job_id));
  return *live;
}

}  // namespace

bool belongs_to(const job::Job& job, const artifacts::Tenant& tenant) {
  return job.spec.organization_id == tenant.organization && job.spec.application_id == tenant.application &&
         job.spec.client_id == tenant.client;
}

std::optional<JobRecord> load_job(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id) {
  if (!artifacts::is_job_folder_name(job_id)) return std::nullopt;
  auto resource = services.jobs.get(job_id);
  // Jobs made by hand may share a name with another tenant's, which has ended and has no resource any more.
  if (resource != nullptr && !belongs_to(*resource, tenant)) resource = nullptr;
  if (resource != nullptr && resource->meta.deletion_timestamp) return std::nullopt;
  auto stored = services.view.job(tenant, job_id);
  if (resource != nullptr) {
    const std::shared_ptr<const job::JobStatus> status(resource, &resource->status);
    if (stored != nullptr) return JobRecord{std::move(stored), status, true};
    // No folder yet, or one that is marked deleted, or one that came between the two looks.
    if (services.volume.has_job(tenant, job_id)) {
      stored = services.view.job(tenant, job_id);
      if (stored == nullptr) return std::nullopt;
      return JobRecord{std::move(stored), status, true};
    }
    // A REST server's job had its folder first, one made by hand gets it with its first attempt: now either it is gone,
    // and the cache does not know it yet, or the volume is late or full, or the job ended before it had one.
    const bool may_be_gone = resource->made_by_rest() || status->attempts > 0 || is_terminal(status->phase);
    if (may_be_gone && !is_live(services, tenant, job_id)) return std::nullopt;
    return JobRecord{stored_form(*resource), status, false};
  }
  if (stored == nullptr) return std::nullopt;
  auto status = std::make_shared<job::JobStatus>();
  if (const auto archived = services.volume.read_status(tenant, job_id)) *status = archived_status(*archived);
  return JobRecord{std::move(stored), std::move(status), true};
}

std::string render_job(const JobRecord& record, std::string_view jobs) {
  const job::JobStatus& status = *record.status;
  std::string text;
  text.reserve(512 + record.stored->shown.size() + jobs.size());
  text.append(R"({"job_id":")").append(record.stored->file.job_id);
  text.append(R"(","job_status":")").append(rest_state(status.phase)).append("\"");
  text.append(record.stored->shown).append(R"(,"jobs":)").append(jobs);
  if (!status.reason.empty()) text.append(R"(,"reason":)").append(base::quote_json(status.reason));
  if (!status.message.empty()) text.append(R"(,"message":)").append(base::quote_json(status.message));
  if (status.start_time) text.append(R"(,"started_on":")").append(format_created_on(*status.start_time)).append("\"");
  if (status.completion_time) {
    text.append(R"(,"finished_on":")").append(format_created_on(*status.completion_time)).append("\"");
  }
  return text.append(R"(,"attempts":)").append(std::to_string(status.attempts)).append("}");
}

}  // namespace vbrain::api
