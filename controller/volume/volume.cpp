#include "controller/volume/volume.hpp"

#include <cerrno>
#include <nlohmann/json.hpp>

#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "job/schemas.hpp"

namespace vbrain::controller {
namespace {

namespace layout = artifacts::layout;

// The limits that the Job definition documents for inline params and metadata.
constexpr std::size_t kInlineLimit = 64U << 10;

// Bytes of violations in a status.
constexpr std::size_t kToldViolations = 600;

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
  file.callback_url = job.spec.callback_url;
  file.traceparent = job.traceparent;
  return file;
}

void lay_over(const artifacts::RepositoryFile& repository, artifacts::JobFile& file) {
  file.params = artifacts::overlay_object(repository.params, file.params);
  file.input = repository.input;
}

// Completes and checks the params. The runner checks the result.
std::optional<Failure> apply_schemas(const job::Application& application, artifacts::JobFile& file) {
  if (std::string fault = job::schema_fault(application); !fault.empty()) {
    return Failure{.reason = "InvalidSchema", .message = std::move(fault), .hopeless = true};
  }
  schema::Work work;
  auto params = job::complete_params(application, std::move(file.params), work);
  if (!params) {
    return Failure{.reason = "InvalidParams",
                   .message = "the params do not match paramsSchema of the Application: " +
                              schema::in_words(params.error(), kToldViolations),
                   .hopeless = true};
  }
  file.params = std::move(*params);
  file.unknown = job::result_schema_member(application);
  return std::nullopt;
}

AttemptFiles files_in(const artifacts::AttemptFolder& folder) {
  AttemptFiles files;
  files.claim = folder.read_claim();
  if (files.claim) files.manifest = folder.read_manifest();
  return files;
}

// How the job ended, if its folder says so.
std::optional<job::JobStatus> read_record(const artifacts::JobFolder& folder, const std::string& job_id) {
  const auto record = folder.read_status();
  if (!record || !record->contains("status")) return std::nullopt;
  try {
    job::JobStatus status = job::decode_status(*record);
    if (job::is_terminal(status.phase)) return status;
  } catch (const kube::DecodeError& error) {
    throw artifacts::CorruptFile("status.json of " + job_id + ": " + error.what());
  }
  return std::nullopt;
}

}  // namespace

artifacts::Tenant tenant_of(const job::Job& job) {
  return {
      .organization = job.spec.organization_id, .application = job.spec.application_id, .client = job.spec.client_id};
}

StoreVolume::StoreVolume(const artifacts::Store& store, std::string runner_path, Discard discard)
    : store_(store), runner_path_(std::move(runner_path)), discard_(std::move(discard)) {}

Result<bool, Failure> StoreVolume::publish(const job::Job& job, const job::Application* application) {
  if (!inline_object(job.spec.params) || !inline_object(job.spec.metadata)) {
    return refused("InvalidSpec", "params and metadata of a Job made with kubectl may have 64 KiB and 64 levels each");
  }
  artifacts::JobFile file = file_of(job);
  if (!job.spec.repository_id.empty()) {
    const auto repository = store_.read_repository(file.tenant, job.spec.repository_id);
    if (!repository) return refused("UnknownRepository", "there is no repository " + job.spec.repository_id);
    lay_over(*repository, file);
  }
  if (application != nullptr) {
    if (auto failure = apply_schemas(*application, file)) return Unexpected<Failure>(std::move(*failure));
  }
  const auto published = store_.publish_job(file, job.ids());
  // Another controller, or this one before a crash, may have created it.
  if (!published && published.error() == artifacts::PublishError::kNoRepository) {
    return refused("UnknownRepository", "there is no repository " + job.spec.repository_id);
  }
  return published.has_value();
}

Result<PreparedAttempt, Failure> StoreVolume::prepare_attempt(const job::Job& job, int attempt,
                                                              const job::Application* application) {
  const artifacts::Tenant tenant = tenant_of(job);
  const std::string& id = job.meta.name;
  if (!has_sound_names(job))
    return refused("InvalidSpec",
                   "a name in the spec is not valid: 1 to 255 bytes of UTF-8 without control characters");
  PreparedAttempt prepared;
  // 1. The job's folder is published as a whole: if job.json exists, all of it exists.
  auto folder = store_.open_job(tenant, id);
  if (!folder) {
    // The params and input of this job are missing. Without them it would be another job.
    if (job.made_by_rest()) {
      return Unexpected<Failure>(
          {.reason = "FolderMissing", .message = "waiting: the job's folder is not on the volume", .hopeless = false});
    }
    auto published = publish(job, application);
    if (!published) return Unexpected<Failure>(std::move(published.error()));
    prepared.published = *published;
    folder = store_.open_job(tenant, id);
    if (!folder) throw artifacts::VolumeError(ENOENT, "open folder " + artifacts::layout::job(tenant, id));
  } else if (folder->is_deleted()) {
    // The client got an error for this create, so it does not wait for this job and may have repeated the request.
    return refused("Deleted", "the job was deleted before it started");
  }
  // 2. The job may have ended, or have a later attempt than the resource says: then no attempt begins.
  if (!prepared.published) {
    prepared.record = read_record(*folder, id);
    if (const auto numbers = folder->attempts(); !numbers.empty() && numbers.back() > attempt) {
      prepared.newest = numbers.back();
    }
    if (prepared.record || prepared.newest != 0) return prepared;
  }
  // 3. The attempt's folder must exist before its pod: a kubelet creates a missing subPath itself.
  prepared.files = files_in(folder->make_attempt(attempt));
  // 4. The job's own input has precedence over the repository's.
  prepared.paths.runner = runner_path_;
  prepared.paths.job_file = layout::job_file(tenant, id);
  prepared.paths.attempt = layout::attempt(tenant, id, attempt);
  if (folder->has_input()) {
    prepared.paths.input = layout::job_input(tenant, id);
  } else if (!job.spec.repository_id.empty()) {
    const std::string shared = layout::repository_input(tenant, job.spec.repository_id);
    if (store_.root().status(shared)) {
      prepared.paths.input = shared;
    } else if (!store_.has_repository(tenant, job.spec.repository_id)) {
      // Without its input it would be another job.
      return refused("UnknownRepository", "there is no repository " + job.spec.repository_id);
    }
  }
  return prepared;
}

AttemptFiles StoreVolume::read_attempt(const job::Job& job, int attempt) {
  if (!has_sound_names(job)) return {};
  const auto folder = store_.open_attempt(tenant_of(job), job.meta.name, attempt);
  return folder ? files_in(*folder) : AttemptFiles{};
}

artifacts::Claim StoreVolume::close_attempt(const job::Job& job, int attempt, base::TimePoint now) {
  const auto open = [&] { return store_.open_job(tenant_of(job), job.meta.name); };
  auto folder = has_sound_names(job) ? open() : std::nullopt;
  // A controller that leads no more may be publishing the folder of a Job made with kubectl. So it is published here,
  // with the claim, which no pod gets then: the params need no check.
  if (!folder && has_sound_names(job) && !job.made_by_rest() && publish(job, nullptr)) folder = open();
  // Without a job.json no pod can start.
  if (!folder) return {.by = artifacts::Claim::By::kController, .pod_uid = {}, .time = now};
  return folder->make_attempt(attempt).close(now).owner;
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
  auto folder = store_.open_job(tenant, job.meta.name);
  if (!folder) {
    // The folder of a job created by REST was removed, and a job that is being deleted must not get a new one.
    if (job.made_by_rest() || job.meta.deletion_timestamp) return false;
    if (publish_ended(job, record)) return true;
    folder = store_.open_job(tenant, job.meta.name);
    if (!folder) return false;
  }
  try {
    if (folder->read_status()) return false;
  } catch (const artifacts::CorruptFile& error) {
    base::log_warning("status.json of a job cannot be read and is written again",
                      {{"job", job.meta.name}, job.ids(), {"error", error.what()}});
  }
  folder->write_status(record);
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
                      {{"job", job.meta.name}, job.ids(), {"error", error.what()}});
  }
  return store_.publish_ended_job(file, record).has_value();
}

void StoreVolume::purge(const job::Job& job) {
  if (!has_sound_names(job)) return;
  const artifacts::Tenant tenant = tenant_of(job);
  for (const std::string& name : store_.trash_jobs(tenant, {job.meta.name}, job.spec.repository_id, job.ids())) {
    discard_(tenant, name);
  }
}

}  // namespace vbrain::controller
