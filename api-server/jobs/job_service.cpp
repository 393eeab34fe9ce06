#include "api-server/jobs/job_service.hpp"

#include <algorithm>
#include <exception>

#include "api-server/jobs/job_resource.hpp"
#include "api-server/jobs/repository_service.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

using artifacts::JobFile;
using artifacts::Store;

// --- The functions from here to fate_of() block on the volume.

// Completes the job with its repository's params, metadata and input, and publishes it, with `input` if given.
Result<void, Refusal> publish_in_repository(const Services& services, JobFile& file, const Submission& submission,
                                            StagedInput* input) {
  const Store& volume = services.volume;
  if (!artifacts::is_repository_id(file.repository_id)) return refuse(Problem::kNoRepository);
  const auto stored = services.view.repository(file.tenant, file.repository_id, VolumeView::Counting::kUncounted);
  if (stored == nullptr) return refuse(Problem::kNoRepository);
  const artifacts::RepositoryFile& repository = stored->file;
  file.params =
      submission.params.empty() ? repository.params : artifacts::overlay_object(repository.params, submission.params);
  file.metadata = submission.metadata.empty() ? repository.metadata : submission.metadata;
  Result<void, artifacts::PublishError> published;
  std::uint64_t bytes = 0;
  if (input != nullptr) {
    auto overlaid = volume.overlay_repository_input(input->staging(), file.repository_id, std::move(input->files));
    if (!overlaid) return refuse(Problem::kNoRepository);
    file.input_from = JobFile::InputFrom::kJob;
    file.input = std::move(*overlaid);
    // The files of the repository are copied.
    for (const artifacts::InputFile& one : file.input) bytes += one.bytes;
    if (auto full = check_space(space_of(services, file.tenant), bytes)) return Unexpected<Refusal>(std::move(*full));
    published = volume.publish_job(input->take(), file);
  } else {
    file.input = repository.input;
    published = volume.publish_job(file);
  }
  if (published) {
    note_published(services, file.tenant, bytes);
    return {};
  }
  if (published.error() == artifacts::PublishError::kNoRepository) return refuse(Problem::kNoRepository);
  throw std::runtime_error("a new random job id exists already");
}

// A repository from the same body, then the job in it.
Result<void, Refusal> publish_with_repository(const Services& services, JobFile& file, Submission& submission) {
  auto repository = publish_repository(services, file.tenant, file.created_by, submission);
  file.repository_id = std::move(repository.repository_id);
  file.params = std::move(repository.params);
  file.metadata = std::move(repository.metadata);
  file.input = std::move(repository.input);
  const auto published = services.volume.publish_job(file);
  // Another request may have deleted the repository already.
  if (!published) return refuse(Problem::kNoRepository);
  return {};
}

// What may exist of a job whose client gets no 201.
struct Leftovers {
  bool resource = false;
  bool repository = false;  // made for it, from the same body
};

// True if the job's first attempt will never begin: a pod that the controller made before it saw the marker `deleted`
// starts nothing. A full volume takes no claim; then the controller's sweeper removes the folder later.
bool close_first_attempt(const Store& volume, const JobFile& file, base::TimePoint now) {
  try {
    return volume.close_attempt(file.tenant, file.job_id, 1, now).won;
  } catch (const artifacts::VolumeError& problem) {
    if (!problem.is_full()) throw;
    return false;
  }
}

// Makes sure that the job does not run, and removes what can be removed, because its client gets no 201.
void take_back(const Store& volume, const JobFile& file, Leftovers left, base::TimePoint now) noexcept {
  try {
    const bool has_folder = volume.mark_deleted(file.tenant, file.job_id, file.repository_id);
    // If a resource can still appear the folder stays with the marker, and the controller makes no pod for it. Its
    // input, which may be large, is removed unless the first attempt has begun.
    if (!left.resource) {
      volume.remove_job(file.tenant, file.job_id, file.repository_id);
    } else if (has_folder && close_first_attempt(volume, file, now)) {
      volume.remove_input(file.tenant, file.job_id);
    }
    if (!left.repository || file.repository_id.empty()) return;
    // Another request may have used the repository.
    const auto others = volume.index_of(file.tenant, file.repository_id);
    if (!others || !others->empty()) return;
    const auto trashed = volume.trash_repository(file.tenant, file.repository_id);
    if (trashed) volume.purge(file.tenant, trashed->name);
  } catch (const std::exception& problem) {
    base::log_error("a job whose request gets an error could not be removed; delete it if it appears",
                    {{"job", file.job_id}, {"error", problem.what()}});
  }
}

// Whether a job was deleted while its resource was being created.
enum class Fate { kKept, kDeleted, kRepositoryDeleted };

Fate fate_of(const Store& volume, const JobFile& file) {
  try {
    if (!volume.has_repository(file.tenant, file.repository_id)) return Fate::kRepositoryDeleted;
    // After a complete deletion the marker is gone too.
    const bool kept = volume.has_job(file.tenant, file.job_id) && !volume.is_deleted(file.tenant, file.job_id);
    return kept ? Fate::kKept : Fate::kDeleted;
  } catch (const artifacts::VolumeError& problem) {
    // The job was published, and nothing says that it was deleted.
    base::log_warning("the volume failed after a job was created; the job counts as not deleted",
                      {{"job", file.job_id}, {"error", problem.what()}});
    return Fate::kKept;
  }
}

// take_back() on the volume's pool, also if its queue is full: a job that was not acknowledged must not run.
http::Task<void> withdraw(const Services& services, const JobFile& file, Leftovers left) {
  const auto undo = [&] { take_back(services.volume, file, left, services.clock.now()); };
  co_await http::run_always_on(services.volume_workers, undo);
}

}  // namespace

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

http::Task<Result<NewJob, Refusal>> execute_job(const Services& services, const Caller& caller,
                                                const RequestContext& context, std::string_view repository_id,
                                                Submission submission) {
  JobFile file;
  file.created_on = services.clock.now();
  file.job_id = job::new_job_id(file.created_on);
  file.tenant = caller.tenant;
  file.created_by = caller.username;
  file.repository_id = repository_id;
  file.traceparent = context.traceparent;
  const bool new_repository = repository_id.empty();
  const Leftovers without_resource{.resource = false, .repository = new_repository};

  const auto publish = [&] {
    if (new_repository) return publish_with_repository(services, file, submission);
    return publish_in_repository(services, file, submission, submission.input ? &*submission.input : nullptr);
  };
  base::failpoint("api-server.before-publish");
  std::exception_ptr failure;
  Result<void, Refusal> published;
  try {
    // This takes long: files are synced, and those of the repository are copied.
    base::WorkerPool& pool = submission.input ? services.bulk_workers : services.volume_workers;
    published = co_await http::run_on(pool, publish);
  } catch (const artifacts::VolumeError&) {
    failure = std::current_exception();
  } catch (const artifacts::TooLarge&) {
    failure = std::current_exception();
  }
  if (failure) {
    // The client gets an error, so nothing of the job may stay.
    co_await withdraw(services, file, without_resource);
    std::rethrow_exception(failure);
  }
  base::failpoint("api-server.published");
  if (!published) co_return Unexpected<Refusal>(published.error());

  std::optional<Result<void, NotCreated>> created;
  bool overloaded = false;
  try {
    const auto create = [&] { return create_resource(services, file); };
    created = co_await http::run_on(services.workers, create);
  } catch (const http::Overloaded&) {
    overloaded = true;
  }
  base::failpoint("api-server.created");
  if (overloaded || !*created) {
    const bool may_exist = !overloaded && created->error().may_exist;
    const Leftovers left{.resource = may_exist, .repository = new_repository};
    co_await withdraw(services, file, left);
    if (overloaded) throw http::Overloaded();
    const kube::Error& error = created->error().error;
    base::log_error("Job not created", {{"job", file.job_id},
                                        {"request_id", context.request_id},
                                        {"code", to_string(error.code)},
                                        {"http_status", error.http_status},
                                        {"reason", error.reason},
                                        {"error", error.message}});
    co_return Unexpected<Refusal>(refusal_of(error));
  }

  // A deletion of the job or its repository meanwhile may not have found the resource.
  Fate fate = Fate::kKept;
  try {
    const auto look = [&] { return fate_of(services.volume, file); };
    fate = co_await http::run_on(services.volume_workers, look);
  } catch (const http::Overloaded&) {
    base::log_debug("no worker was free to check whether a new job was deleted meanwhile", {{"job", file.job_id}});
  }
  if (fate != Fate::kKept) {
    const Leftovers left{.resource = true, .repository = false};
    co_await withdraw(services, file, left);
    const std::vector<std::string> ids{file.job_id};
    co_await remove_leftovers(services, file.tenant, ids);
  }
  if (fate == Fate::kRepositoryDeleted) co_return refuse(Problem::kNoRepository);
  co_return NewJob{file.job_id, file.repository_id, new_repository};
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
