#include "api-server/jobs/job_record.hpp"

#include "api-server/jobs/dates.hpp"
#include "api-server/waits/run_times.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "base/text/digest.hpp"
#include "job/causes.hpp"

namespace vbrain::api {
namespace {

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
  stored->tag = base::sha256_hex(stored->shown);
  return stored;
}

// The status to answer with. A record of another Job that had the same name before is none.
std::shared_ptr<const job::JobStatus> status_of(const Services& services, const JobOnVolume& stored,
                                                const job::Job& resource) {
  const StoredRecord* record = stored.record.get();
  if (record != nullptr && !record->uid.empty() && record->uid != resource.meta.uid) record = nullptr;
  // The usual answer of an ended job, without a copy.
  if (record != nullptr && is_terminal(record->status.phase)) {
    return std::shared_ptr<const job::JobStatus>(stored.record, &record->status);
  }
  const auto recorded = record == nullptr ? std::nullopt : std::optional(record->status);
  return std::make_shared<job::JobStatus>(agreed_status(resource.status, recorded, services.clock.now()));
}

}  // namespace

job::JobStatus agreed_status(const job::JobStatus& cached, const std::optional<job::JobStatus>& recorded,
                             base::TimePoint now) {
  if (recorded && is_terminal(recorded->phase)) return *recorded;
  if (!is_terminal(cached.phase) || !cached.completion_time) return cached;
  if (now - *cached.completion_time > kRecordPatience) return cached;
  job::JobStatus status = cached;
  status.phase = job::Phase::kStarted;
  status.reason.clear();
  status.message.clear();
  status.completion_time.reset();
  return status;
}

bool belongs_to(const job::Job& job, const artifacts::Tenant& tenant) {
  return job.spec.organization_id == tenant.organization && job.spec.application_id == tenant.application &&
         job.spec.client_id == tenant.client;
}

namespace {

std::optional<JobRecord> load(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id) {
  if (!artifacts::is_job_folder_name(job_id)) return std::nullopt;
  auto resource = services.jobs.get(job_id);
  // A Job made with kubectl may have the name of another tenant's job that has ended and has no resource any more.
  if (resource != nullptr && !belongs_to(*resource, tenant)) resource = nullptr;
  if (resource != nullptr && resource->meta.deletion_timestamp) return std::nullopt;
  JobOnVolume stored = services.view.job_and_record(tenant, job_id);
  if (resource != nullptr) {
    if (stored.job == nullptr && services.volume.has_job(tenant, job_id)) {
      // It was created between the two reads, or it is marked deleted.
      stored = services.view.job_and_record(tenant, job_id);
      if (stored.job == nullptr) return std::nullopt;
    }
    if (stored.job != nullptr) return JobRecord{stored.job, status_of(services, stored, *resource)};
    // A job created by REST had its folder before its resource; one made with kubectl gets it with its first attempt.
    // A job without a folder may be deleted, which the cache has not seen yet; or the volume shows the folder late or
    // is full; or the job ended before it had a folder.
    const bool may_be_gone =
        resource->made_by_rest() || resource->status.attempts > 0 || is_terminal(resource->status.phase);
    return JobRecord{.stored = stored_form(*resource),
                     .status = std::shared_ptr<const job::JobStatus>(resource, &resource->status),
                     .on_volume = false,
                     .unconfirmed = may_be_gone};
  }
  if (stored.job == nullptr) return std::nullopt;
  static const auto kUnknown = std::make_shared<const job::JobStatus>();
  const auto& record = stored.record;
  return JobRecord{std::move(stored.job),
                   record == nullptr ? kUnknown : std::shared_ptr<const job::JobStatus>(record, &record->status)};
}

}  // namespace

std::optional<JobRecord> load_job(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id) {
  auto record = load(services, tenant, job_id);
  if (record && !is_terminal(record->status->phase)) {
    record->retry_after =
        retry_after(*record->status, services.run_times.usual(tenant.application), services.clock.now());
  }
  return record;
}

namespace {

// The attempts that are over, of a job that needed several. Of one that had a single attempt the job itself says all.
void append_history(std::string& text, const job::JobStatus& status) {
  if (status.attempts < 2 || status.attempt_history.empty()) return;
  text.append(R"(,"attempt_history":[)");
  for (const job::AttemptRecord& one : status.attempt_history) {
    if (text.back() != '[') text.append(",");
    text.append(R"({"attempt":)").append(std::to_string(one.attempt));
    text.append(R"(,"reason":)").append(base::quote_json(one.reason));
    if (one.start_time) text.append(R"(,"started_on":")").append(format_created_on(*one.start_time)).append("\"");
    if (one.completion_time) {
      text.append(R"(,"finished_on":")").append(format_created_on(*one.completion_time)).append("\"");
    }
    text.append("}");
  }
  text.append("]");
}

}  // namespace

std::string render_job_head(const JobRecord& record) {
  return render_job_head(record.stored->file.job_id, record.status->phase);
}

std::string render_job_head(std::string_view job_id, job::Phase phase) {
  std::string text = R"({"job_id":")";
  text.append(job_id);
  return text.append(R"(","job_status":")").append(rest_state(phase)).append("\"");
}

std::string render_job_tail(const job::JobStatus& status, const std::optional<base::TimePoint>& expires) {
  std::string text;
  if (!status.reason.empty()) text.append(R"(,"reason":)").append(base::quote_json(status.reason));
  if (const std::string message = job::public_message(status); !message.empty()) {
    text.append(R"(,"message":)").append(base::quote_json(message));
  }
  if (status.start_time) text.append(R"(,"started_on":")").append(format_created_on(*status.start_time)).append("\"");
  if (status.completion_time) {
    text.append(R"(,"finished_on":")").append(format_created_on(*status.completion_time)).append("\"");
  }
  if (expires) text.append(R"(,"expires_on":")").append(format_created_on(*expires)).append("\"");
  text.append(R"(,"attempts":)").append(std::to_string(status.attempts));
  append_history(text, status);
  return text.append("}");
}

}  // namespace vbrain::api
