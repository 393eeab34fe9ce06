#include "controller/volume/volume.hpp"

#include <nlohmann/json.hpp>

#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/log.hpp"

namespace vbrain::controller {
namespace {

namespace layout = artifacts::layout;

// The limits that the Job definition documents for inline params and metadata.
constexpr std::size_t kInlineLimit = 64U << 10;

Unexpected<Failure> refused(std::string reason, std::string message) {
  return Unexpected<Failure>({.reason = std::move(reason), .message = std::move(message), .hopeless = true});
}

// True if the job's names can be used in a path. The definition's schema checks this too.
bool has_sound_names(const job::Job& job) {
  return artifacts::is_name(job.spec.organization_id) && artifacts::is_name(job.spec.application_id) &&
         artifacts::is_name(job.spec.client_id) && artifacts::is_job_folder_name(job.meta.name) &&
         (job.spec.repository_id.empty() || artifacts::is_repository_id(job.spec.repository_id));
}

// Params or metadata of a Job made with kubectl, as text for its job.json; nothing if they are invalid.
std::optional<std::string> inline_object(const std::string& text) {
  if (text.empty()) return "{}";
  if (text.size() > kInlineLimit || !artifacts::split_object(text)) return std::nullopt;
  return text;
}

// The job.json of a Job made with kubectl, without the data of its repository. Invalid params and metadata are left
// out.
artifacts::JobFile file_of(const job::Job& job) {
  artifacts::JobFile file;
  file.job_id = job.meta.name;
  file.tenant = tenant_of(job);
  file.repository_id = job.spec.repository_id;
  file.created_on = job.meta.creation_timestamp;
  file.created_by = job.spec.username;
  file.params = inline_object(job.spec.params).value_or("{}");
  file.metadata = inline_object(job.spec.metadata).value_or("{}");
  file.priority = job.spec.priority;
  return file;
}

void lay_over(const artifacts::RepositoryFile& repository, artifacts::JobFile& file) {
  file.params = artifacts::overlay_object(repository.params, file.params);
  file.input = repository.input;
}

}  // namespace

artifacts::Tenant tenant_of(const job::Job& job) {
  return {
      .organization = job.spec.organization_id, .application = job.spec.application_id, .client = job.spec.client_id};
}

StoreVolume::StoreVolume(const artifacts::Store& store, std::string runner_path, Discard discard)
    : store_(store), runner_path_(std::move(runner_path)), discard_(std::move(discard)) {}

Result<bool, Failure> StoreVolume::publish(const job::Job& job) {
  if (!inline_object(job.spec.params) || !inline_object(job.spec.metadata)) {
    return refused("InvalidSpec", "params and metadata of a Job made with kubectl may have 64 KiB and 64 levels each");
  }
  artifacts::JobFile file = file_of(job);
  if (!job.spec.repository_id.empty()) {
    const auto repository = store_.read_repository(file.tenant, job.spec.repository_id);
    if (!repository) return refused("UnknownRepository", "there is no repository " + job.spec.repository_id);
    lay_over(*repository, file);
  }
  const auto published = store_.publish_job(file);
  // Another controller, or this one before a crash, may have created it.
  if (!published && published.error() == artifacts::PublishError::kNoRepository) {
    return refused("UnknownRepository", "there is no repository " + job.spec.repository_id);
  }
  return published.has_value();
}

Result<PreparedAttempt, Failure> StoreVolume::prepare_attempt(const job::Job& job, int attempt) {
  const artifacts::Tenant tenant = tenant_of(job);
  const std::string& id = job.meta.name;
  if (!has_sound_names(job))
    return refused("InvalidSpec",
                   "a name in the spec is not valid: 1 to 255 bytes of UTF-8 without control characters");
  PreparedAttempt prepared;
  // 1. The job's folder is published as a whole: if job.json exists, all of it exists.
  if (!store_.has_job(tenant, id)) {
    // The params and input of this job are missing. Without them it would be another job.
    if (job.made_by_rest()) {
      return Unexpected<Failure>(
          {.reason = "FolderMissing", .message = "waiting: the job's folder is not on the volume", .hopeless = false});
    }
    auto published = publish(job);
    if (!published) return Unexpected<Failure>(std::move(published.error()));
    prepared.published = *published;
  } else if (store_.is_deleted(tenant, id)) {
    // The client got an error for this create, so it does not wait for this job and may have repeated the request.
    return refused("Deleted", "the job was deleted before it started");
  }
  // 2. The job may have ended, or have a later attempt than the resource says: then no attempt begins.
  if (!prepared.published) {
    prepared.record = read_record(job);
    if (const auto numbers = store_.attempts(tenant, id); !numbers.empty() && numbers.back() > attempt) {
      prepared.newest = numbers.back();
    }
    if (prepared.record || prepared.newest != 0) return prepared;
  }
  // 3. The attempt's folder must exist before its pod: a kubelet creates a missing subPath itself.
  store_.create_attempt(tenant, id, attempt);
  prepared.files = read_attempt(job, attempt);
  // 4. The job's own input has precedence over the repository's.
  prepared.paths.runner = runner_path_;
  prepared.paths.job_file = layout::job_file(tenant, id);
  prepared.paths.attempt = layout::attempt(tenant, id, attempt);
  if (const std::string own = layout::job_input(tenant, id); store_.root().status(own)) {
    prepared.paths.input = own;
  } else if (!job.spec.repository_id.empty()) {
    const std::string shared = layout::repository_input(tenant, job.spec.repository_id);
    if (!store_.has_repository(tenant, job.spec.repository_id)) {
      // Without its input it would be another job.
      return refused("UnknownRepository", "there is no repository " + job.spec.repository_id);
    }
    if (store_.root().status(shared)) prepared.paths.input = shared;
  }
  return prepared;
}

std::optional<job::JobStatus> StoreVolume::read_record(const job::Job& job) const {
  const auto record = store_.read_status(tenant_of(job), job.meta.name);
  if (!record || !record->contains("status")) return std::nullopt;
  try {
    job::JobStatus status = job::decode_status(*record);
    if (job::is_terminal(status.phase)) return status;
  } catch (const kube::DecodeError& error) {
    throw artifacts::CorruptFile("status.json of " + job.meta.name + ": " + error.what());
  }
  return std::nullopt;
}

bool StoreVolume::has_folder(const job::Job& job) const {
  return has_sound_names(job) && store_.has_job(tenant_of(job), job.meta.name);
}

AttemptFiles StoreVolume::read_attempt(const job::Job& job, int attempt) {
  AttemptFiles files;
  if (!has_folder(job)) return files;
  const artifacts::Tenant tenant = tenant_of(job);
  files.claim = store_.read_claim(tenant, job.meta.name, attempt);
  if (files.claim) files.manifest = store_.read_manifest(tenant, job.meta.name, attempt);
  return files;
}

artifacts::Claim StoreVolume::close_attempt(const job::Job& job, int attempt, base::TimePoint now) {
  // Without a job.json no pod can start.
  if (!has_folder(job)) return {.by = artifacts::Claim::By::kController, .pod_uid = {}, .time = now};
  return store_.close_attempt(tenant_of(job), job.meta.name, attempt, now).owner;
}

bool StoreVolume::archive(const job::Job& job) {
  if (!has_sound_names(job)) return false;
  const artifacts::Tenant tenant = tenant_of(job);
  const nlohmann::json record = {{"format", 1},
                                 {"metadata",
                                  {{"name", job.meta.name},
                                   {"uid", job.meta.uid},
                                   {"creationTimestamp", base::format_rfc3339_seconds(job.meta.creation_timestamp)}}},
                                 {"status", job::encode(job.status)}};
  if (!store_.has_job(tenant, job.meta.name)) {
    // The folder of a job created by REST was removed, and a job that is being deleted must not get a new one.
    if (job.made_by_rest() || job.meta.deletion_timestamp) return false;
    if (publish_ended(job, record)) return true;
    if (!store_.has_job(tenant, job.meta.name)) return false;
  }
  try {
    if (store_.read_status(tenant, job.meta.name)) return false;
  } catch (const artifacts::CorruptFile& error) {
    base::log_warning("status.json of a job cannot be read and is written again",
                      {{"job", job.meta.name}, {"error", error.what()}});
  }
  store_.write_status(tenant, job.meta.name, record);
  return false;
}

// For a Job made with kubectl that ended before it had an attempt: refused for its spec, or cancelled.
bool StoreVolume::publish_ended(const job::Job& job, const nlohmann::json& record) const {
  artifacts::JobFile file = file_of(job);
  try {
    const auto repository =
        job.spec.repository_id.empty() ? std::nullopt : store_.read_repository(file.tenant, job.spec.repository_id);
    if (repository) lay_over(*repository, file);
  } catch (const artifacts::CorruptFile& error) {
    base::log_warning("the files of an ended job lack the params and metadata of its repository, which cannot be read",
                      {{"job", job.meta.name}, {"error", error.what()}});
  }
  return store_.publish_ended_job(file, record).has_value();
}

void StoreVolume::purge(const job::Job& job) {
  if (!has_sound_names(job)) return;
  const artifacts::Tenant tenant = tenant_of(job);
  for (const std::string& name : store_.trash_jobs(tenant, {job.meta.name}, job.spec.repository_id)) {
    discard_(tenant, name);
  }
}

}  // namespace vbrain::controller
