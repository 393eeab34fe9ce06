#include "api-server/job_service.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api-server/repository_service.hpp"
#include "artifacts/raw_json.hpp"
#include "artifacts/store.hpp"
#include "base/log.hpp"
#include "base/stop.hpp"
#include "job/names.hpp"
#include "kube/client.hpp"

namespace vbrain::api {
namespace {

using artifacts::JobFile;
using artifacts::Store;

constexpr int kCreateTries = 3;
constexpr std::chrono::milliseconds kCreatePause{100};

job::JobSpec spec_of(const JobFile& file) {
  job::JobSpec spec;
  spec.organization_id = file.tenant.organization;
  spec.application_id = file.tenant.application;
  spec.client_id = file.tenant.client;
  spec.repository_id = file.repository_id;
  spec.username = file.created_by;
  spec.priority = file.priority;
  return spec;
}

// --- On the volume's pool.

// Fills in what the job takes from its repository and publishes it. `input` is published with it, if given.
Result<void, Refusal> publish_in_repository(const Store& volume, JobFile& file, const Submission& submission,
                                            StagedInput* input) {
  if (!artifacts::is_repository_id(file.repository_id)) return refuse(Problem::kNoRepository);
  auto repository = volume.read_repository(file.tenant, file.repository_id);
  if (!repository) return refuse(Problem::kNoRepository);
  file.params =
      submission.params.empty() ? repository->params : artifacts::overlay_object(repository->params, submission.params);
  file.metadata = submission.metadata.empty() ? repository->metadata : submission.metadata;
  Result<void, artifacts::PublishError> published;
  if (input != nullptr) {
    auto overlaid = volume.overlay_repository_input(input->staging(), file.repository_id, std::move(input->files));
    if (!overlaid) return refuse(Problem::kNoRepository);
    file.input_from = JobFile::InputFrom::kJob;
    file.input = std::move(*overlaid);
    published = volume.publish_job(input->take(), file);
  } else {
    file.input = std::move(repository->input);
    published = volume.publish_job(file);
  }
  if (published) return {};
  if (published.error() == artifacts::PublishError::kNoRepository) return refuse(Problem::kNoRepository);
  throw std::runtime_error("a new job id was taken");
}

// A repository from the same body, then the job in it.
Result<void, Refusal> publish_with_repository(const Services& services, JobFile& file, Submission& submission) {
  auto repository = publish_repository(services, file.tenant, file.created_by, submission);
  file.repository_id = std::move(repository.repository_id);
  file.params = std::move(repository.params);
  file.metadata = std::move(repository.metadata);
  file.input = std::move(repository.input);
  const auto published = services.volume.publish_job(file);
  // Somebody may have found and deleted the repository already.
  if (!published) return refuse(Problem::kNoRepository);
  return {};
}

// Makes sure that nobody runs the job: nobody was told of it.
void take_back(const Store& volume, const JobFile& file, bool may_have_resource) noexcept {
  try {
    volume.mark_deleted(file.tenant, file.job_id);
    // The controller makes no pod for a resource that shows up late and finds the marker; where none can show up, the
    // folder can go.
    if (!may_have_resource) volume.remove_job(file.tenant, file.job_id, file.repository_id);
  } catch (const std::exception& problem) {
    base::log_error("an unacknowledged job could not be taken back",
                    {{"job", file.job_id}, {"problem", problem.what()}});
  }
}

// --- On the workers' pool.

// Whether the API server may have stored what it did not confirm.
bool may_have_stored(const kube::Error& error) {
  switch (error.code) {
    case kube::ErrorCode::kTimeout:
    case kube::ErrorCode::kUnavailable:
    case kube::ErrorCode::kInternal:
    case kube::ErrorCode::kCancelled:
    case kube::ErrorCode::kTooLarge:
      return true;
    default:
      return false;
  }
}

struct NotCreated {
  kube::Error error;       // the last try's
  bool may_exist = false;  // one of the tries may have been done all the same
};

// Success includes that an earlier try of ours was done after all.
Result<void, NotCreated> create_resource(const Services& services, const JobFile& file) {
  const nlohmann::json body = job::encode_new_job(services.namespace_name, file.job_id, spec_of(file));
  bool may_exist = false;
  for (int turn = 1;; ++turn) {
    auto created = services.kube.create(job::Job::kType, services.namespace_name, body, services.stop);
    // Nobody else can have chosen this id: 74 of its bits are random.
    if (created || created.error().code == kube::ErrorCode::kAlreadyExists) return {};
    kube::Error& error = created.error();
    may_exist = may_exist || may_have_stored(error);
    // A server that says when to come back is busy for longer than our client should wait.
    const bool again =
        turn < kCreateTries && is_retryable(error) && !error.retry_after && error.code != kube::ErrorCode::kTimeout;
    if (!again || !base::sleep_for(services.stop, kCreatePause * turn)) {
      return Unexpected<NotCreated>(NotCreated{std::move(error), may_exist});
    }
  }
}

}  // namespace

bool is_application_open(const Services& services, const artifacts::Tenant& tenant) {
  const auto applications = services.applications.by_index(kApplicationIndex, tenant.application);
  return std::ranges::any_of(applications, [&](const auto& application) {
    return !application->meta.deletion_timestamp && application->open_to(tenant.organization);
  });
}

Task<Result<NewJob, Refusal>> execute_job(const Services& services, const Caller& caller,
                                          std::string_view repository_id, Submission submission) {
  JobFile file;
  file.created_on = services.clock.now();
  file.job_id = job::new_job_id(file.created_on);
  file.tenant = caller.tenant;
  file.created_by = caller.username;
  file.repository_id = repository_id;
  const bool new_repository = repository_id.empty();

  const auto publish = [&] {
    if (new_repository) return publish_with_repository(services, file, submission);
    return publish_in_repository(services.volume, file, submission, submission.input ? &*submission.input : nullptr);
  };
  const auto published = co_await run_on(services.volume_workers, publish);
  if (!published) co_return Unexpected<Refusal>(published.error());

  std::optional<Result<void, NotCreated>> created;
  bool overloaded = false;
  try {
    const auto create = [&] { return create_resource(services, file); };
    created = co_await run_on(services.workers, create);
  } catch (const Overloaded&) {
    overloaded = true;
  }
  if (!overloaded && *created) co_return NewJob{file.job_id, file.repository_id, new_repository};

  const bool may_have_resource = !overloaded && created->error().may_exist;
  const auto undo = [&] { take_back(services.volume, file, may_have_resource); };
  bool undone = false;
  try {
    co_await run_on(services.volume_workers, undo);
    undone = true;
  } catch (const Overloaded&) {
    // The other pool may have room; blocking it for a moment beats running what nobody was told of.
  }
  if (!undone) co_await run_on(services.workers, undo);
  if (overloaded) throw Overloaded();
  const kube::Error& error = created->error().error;
  base::log_error("Job not created", {{"job", file.job_id},
                                      {"code", to_string(error.code)},
                                      {"http_status", error.http_status},
                                      {"reason", error.reason},
                                      {"problem", error.message}});
  co_return Unexpected<Refusal>(refusal_of(error));
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
