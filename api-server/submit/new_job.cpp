#include "api-server/submit/new_job.hpp"

#include <algorithm>
#include <exception>
#include <functional>

#include "api-server/jobs/job_resource.hpp"
#include "api-server/jobs/repository_service.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/submit/callback.hpp"
#include "api-server/submit/priority.hpp"
#include "api-server/uploads/upload_use.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/json/json.hpp"
#include "base/log/log.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

using artifacts::JobFile;
using artifacts::Store;

// A job on its way.
struct Draft {
  JobFile file{};
  std::optional<std::string> params{};  // TypedJob::params
  bool new_repository = false;          // it gets one from the same body
  std::string notes{};                  // of the answer
  const KeyedRequest* key = nullptr;    // null: the request has no Idempotency-Key
  NewJob made{};                        // see settle()
  bool done = false;                    // an earlier request with the same key has done it all
};

std::string render_created(const Draft& draft) {
  std::string json = R"({"message":"Job created","job_id":)" + base::quote_json(draft.file.job_id);
  if (draft.new_repository) json += R"(,"repository_id":)" + base::quote_json(draft.file.repository_id);
  return json + draft.notes + "}";
}

// check_space() for the files of the job. What an earlier request with the same key has published is counted already.
std::optional<Refusal> check_space_of(const Services& services, const Draft& draft, std::uint64_t bytes) {
  if (draft.key != nullptr && draft.key->published) return std::nullopt;
  return check_space(space_of(services, draft.file.tenant), bytes);
}

// --- The functions from here to fate_of() block on the volume.

// The last step before the job is published: makes the answer. With a key it makes the key's record, too; if there is
// one, the job gets its ids, and is published unless `draft.done`.
Result<void, Refusal> settle(const Services& services, Draft& draft) {
  JobFile& file = draft.file;
  draft.made.answer = render_created(draft);
  if (draft.key != nullptr) {
    auto claimed = claim(services, file.tenant, *draft.key,
                         {.request = {},
                          .id = file.job_id,
                          .repository_id = draft.new_repository ? file.repository_id : std::string(),
                          .answer = draft.made.answer});
    if (!claimed) return Unexpected<Refusal>(std::move(claimed.error()));
    file.job_id = claimed->record.id;
    if (draft.new_repository) file.repository_id = claimed->record.repository_id;
    draft.made.answer = std::move(claimed->record.answer);
    draft.made.replayed = !claimed->mine;
    draft.done = claimed->done;
    draft.made.repeated = claimed->done;
    base::failpoint("api-server.key-claimed");
  }
  draft.made.job_id = file.job_id;
  draft.made.repository_id = file.repository_id;
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
    if (left.repository && !file.repository_id.empty()) take_back_repository(volume, file.tenant, file.repository_id);
  } catch (const std::exception& problem) {
    base::log_error("a job whose request gets an error could not be removed; delete it if it appears",
                    {{"job", file.job_id}, {"error", problem.what()}});
  }
}

// Takes a job back that this request has just made again: another one with the same key had made it before, and it was
// deleted while this one was under way. True if so; then the answer is that of the key, and nothing is left to do.
bool undo_if_deleted(const Services& services, const Draft& draft) {
  const JobFile& file = draft.file;
  if (draft.key == nullptr || !has_deletion_mark(services.volume, file.tenant, file.job_id)) return false;
  take_back(services.volume, file, {.resource = false, .repository = false}, services.clock.now());
  return true;
}

// The result of Store::publish_job() of a settled draft, which added so many bytes of files.
Result<void, Refusal> check_published(const Services& services, Draft& draft,
                                      const Result<void, artifacts::PublishError>& published, std::uint64_t bytes) {
  if (published) {
    draft.done = undo_if_deleted(services, draft);
    if (!draft.done) {
      note_published(services, draft.file.tenant, bytes + draft.file.params.size() + draft.file.metadata.size());
    }
    return {};
  }
  if (published.error() == artifacts::PublishError::kNoRepository) return refuse(Problem::kNoRepository);
  if (draft.key == nullptr) throw std::runtime_error("a new random job id exists already");
  // Another request with the same key has published it. Its fsync may be under way.
  services.volume.root().at(artifacts::layout::jobs(draft.file.tenant)).sync();
  return {};
}

// Completes the job with its repository's params, metadata and input, and publishes it, with `input` if given.
Result<void, Refusal> publish_in_repository(const Services& services, Draft& draft, const Submission& submission,
                                            const std::optional<KeyedRequest>& key, StagedInput* input) {
  const Store& volume = services.volume;
  JobFile& file = draft.file;
  if (!artifacts::is_repository_id(file.repository_id)) return refuse(Problem::kNoRepository);
  const auto stored = services.view.repository(file.tenant, file.repository_id, VolumeView::Counting::kUncounted);
  if (stored == nullptr) return refuse(Problem::kNoRepository);
  const artifacts::RepositoryFile& repository = stored->file;
  if (draft.params) {
    file.params = std::move(*draft.params);
  } else {
    file.params =
        submission.params.empty() ? repository.params : artifacts::overlay_object(repository.params, submission.params);
  }
  file.metadata = submission.metadata.empty() ? repository.metadata : submission.metadata;
  std::uint64_t bytes = 0;
  if (input != nullptr) {
    auto overlaid = volume.overlay_repository_input(input->staging(), file.repository_id, std::move(input->files));
    if (!overlaid) return refuse(Problem::kNoRepository);
    file.input_from = JobFile::InputFrom::kJob;
    file.input = std::move(*overlaid);
    // The files of the repository are copied.
    for (const artifacts::InputFile& one : file.input) bytes += one.bytes;
    const std::uint64_t more = bytes - std::min(bytes, bytes_given_back(submission));
    auto full = more > 0 ? check_space_of(services, draft, more) : std::nullopt;
    if (full) return Unexpected<Refusal>(std::move(*full));
  } else {
    file.input = repository.input;
  }
  if (auto mine = confirm_upload(services, file.tenant, submission, key); !mine) return mine;
  const auto settled = settle(services, draft);
  if (!settled || draft.done) return settled;
  const auto published = input != nullptr ? volume.publish_job(input->take(), file) : volume.publish_job(file);
  return check_published(services, draft, published, bytes);
}

// A repository from the same body, then the job in it.
Result<void, Refusal> publish_with_repository(const Services& services, Draft& draft, Submission& submission) {
  JobFile& file = draft.file;
  std::optional<KnownRepository> known;
  if (draft.key != nullptr) {
    file.repository_id = services.volume.choose_repository_id(file.tenant, file.created_on);
    const auto settled = settle(services, draft);
    if (!settled || draft.done) return settled;
    known = KnownRepository{file.repository_id, draft.key->name};
  }
  auto repository = publish_repository(services, file.tenant, file.created_by, submission, known);
  file.repository_id = std::move(repository.repository_id);
  // The repository keeps the params as they were sent.
  file.params = std::move(draft.params ? *draft.params : repository.params);
  file.metadata = std::move(repository.metadata);
  file.input = std::move(repository.input);
  if (!known) {
    const auto settled = settle(services, draft);
    if (!settled) return settled;
  } else if (has_deletion_mark(services.volume, file.tenant, file.repository_id)) {
    // Another request with the same key had made it before, and it was deleted while this one was under way.
    take_back_repository(services.volume, file.tenant, file.repository_id);
    draft.done = has_key_mark(services.volume, file.tenant, file.job_id);
    return draft.done ? Result<void, Refusal>() : refuse(Problem::kNoRepository);
  }
  base::failpoint("api-server.repository-published");
  // Another request may have deleted the repository already.
  return check_published(services, draft, services.volume.publish_job(file), 0);
}

// Like `old`, with its own copy of the input if `old` has one of its own.
Result<void, Refusal> publish_again(const Services& services, Draft& draft, const JobFile& old) {
  const Store& volume = services.volume;
  const JobFile& file = draft.file;
  if (!artifacts::is_repository_id(file.repository_id)) {
    return refuse(Problem::kNoRepository, {}, "the job was made without a repository; create a job in a repository");
  }
  std::uint64_t bytes = 0;
  std::optional<artifacts::Staging> staging;
  if (old.input_from == JobFile::InputFrom::kJob) {
    for (const artifacts::InputFile& one : old.input) bytes += one.bytes;
    if (auto full = check_space_of(services, draft, bytes)) return Unexpected<Refusal>(std::move(*full));
    staging.emplace(volume.stage(file.tenant));
    if (!volume.copy_job_input(*staging, old.job_id)) return refuse(Problem::kNoJob);
  }
  const auto settled = settle(services, draft);
  if (!settled || draft.done) return settled;
  const auto published = staging ? volume.publish_job(std::move(*staging), file) : volume.publish_job(file);
  return check_published(services, draft, published, bytes);
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

Draft begin_job(const Services& services, const Caller& caller, const RequestContext& context, TypedJob typed,
                const std::optional<KeyedRequest>& key) {
  Draft draft;
  JobFile& file = draft.file;
  file.created_on = services.clock.now();
  file.job_id = job::new_job_id(file.created_on);
  file.tenant = caller.tenant;
  file.created_by = caller.username;
  file.traceparent = context.traceparent;
  file.unknown = std::move(typed.members);
  draft.params = std::move(typed.params);
  if (key) draft.key = &*key;
  return draft;
}

using Publish = std::function<Result<void, Refusal>()>;

// Publishes the job on `pool` by `publish`, which completes and settles the draft, and creates its resource. Where that
// fails, a job with a key stays as it is: the same request completes it.
http::Task<Result<void, Refusal>> launch(const Services& services, const RequestContext& context, const Draft& draft,
                                         base::Lane pool, const Publish& publish) {
  const JobFile& file = draft.file;
  const bool keyed = draft.key != nullptr;
  const Leftovers without_resource{.resource = false, .repository = draft.new_repository};
  base::failpoint("api-server.before-publish");
  std::exception_ptr failure;
  Result<void, Refusal> published;
  try {
    published = co_await http::run_on(pool, publish);
  } catch (const artifacts::VolumeError&) {
    failure = std::current_exception();
  } catch (const artifacts::TooLarge&) {
    failure = std::current_exception();
  }
  if (failure) {
    // The client gets an error, so nothing of the job may stay.
    if (!keyed) co_await withdraw(services, file, without_resource);
    std::rethrow_exception(failure);
  }
  base::failpoint("api-server.published");
  if (!published || draft.done) co_return published;

  std::optional<Result<void, NotCreated>> created;
  std::exception_ptr overloaded;
  try {
    const auto create = [&] { return create_resource(services, file); };
    created = co_await http::run_on(services.workers, create);
  } catch (const http::Overloaded&) {
    overloaded = std::current_exception();
  }
  base::failpoint("api-server.created");
  if (overloaded != nullptr || !*created) {
    const bool may_exist = overloaded == nullptr && created->error().may_exist;
    const Leftovers left{.resource = may_exist, .repository = draft.new_repository};
    if (!keyed) co_await withdraw(services, file, left);
    if (overloaded != nullptr) std::rethrow_exception(overloaded);
    const kube::Error& error = created->error().error;
    base::log_error("Job not created", {{"job", file.job_id},
                                        {"request_id", context.request_id},
                                        {"code", to_string(error.code)},
                                        {"http_status", error.http_status},
                                        {"reason", error.reason},
                                        {"error", error.message}});
    Refusal refusal = refusal_of(error);
    if (keyed) {
      refusal.detail += "; the job is stored and may run. Remedy: repeat the request with the same Idempotency-Key";
    }
    co_return Unexpected<Refusal>(std::move(refusal));
  }

  // A deletion of the job or its repository meanwhile may not have found the resource.
  Fate fate = Fate::kKept;
  try {
    const auto look = [&] {
      if (keyed) note_key_done(services, file.tenant, file.job_id);
      return fate_of(services.volume, file);
    };
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
  co_return Result<void, Refusal>();
}

}  // namespace

http::Task<Result<NewJob, Refusal>> execute_job(const Services& services, const Caller& caller,
                                                const RequestContext& context, std::string_view repository_id,
                                                Submission submission, TypedJob typed,
                                                const std::optional<KeyedRequest>& key) {
  Draft draft = begin_job(services, caller, context, std::move(typed), key);
  draft.file.repository_id = repository_id;
  draft.file.priority = submission.priority.value_or(0);
  draft.file.callback_url = submission.callback_url;
  draft.new_repository = repository_id.empty();
  draft.notes = render_notes(submission);
  const Publish publish = [&]() -> Result<void, Refusal> {
    auto claimed = claim_upload(services, caller.tenant, submission, key);
    if (!claimed) return claimed;
    try {
      auto published = draft.new_repository ? publish_with_repository(services, draft, submission)
                                            : publish_in_repository(services, draft, submission, key,
                                                                    submission.input ? &*submission.input : nullptr);
      if (published) keep_upload(submission, key);
      return published;
    } catch (const std::exception&) {
      // The job may be there.
      keep_upload(submission, key);
      throw;
    }
  };
  // With files this takes long: they are synced, and those of the repository are copied.
  const base::Lane pool = submission.input ? services.bulk_workers : services.volume_workers;
  const auto launched = co_await launch(services, context, draft, pool, publish);
  if (!launched) co_return Unexpected<Refusal>(launched.error());
  co_await spend_upload(services, submission);
  co_return std::move(draft.made);
}

http::Task<Result<NewJob, Refusal>> retry_job(const Services& services, const Caller& caller,
                                              const RequestContext& context, const JobRecord& old, TypedJob typed,
                                              const std::optional<KeyedRequest>& key) {
  if (!is_terminal(old.status->phase)) {
    co_return refuse(Problem::kJobNotEnded, {},
                     "only a job that has ended can be retried. Remedy: wait for its end, or cancel it first");
  }
  const JobFile& model = old.stored->file;
  Draft draft = begin_job(services, caller, context, std::move(typed), key);
  JobFile& file = draft.file;
  file.repository_id = model.repository_id;
  file.params = draft.params ? std::move(*draft.params) : model.params;
  file.metadata = model.metadata;
  // What was allowed then is checked again before it is called.
  const bool tells = !model.callback_url.empty() && !services.limits.webhook_allow.empty();
  file.callback_url = tells ? model.callback_url : default_callback(services, file.tenant);
  file.input_from = model.input_from;
  file.input = model.input;
  file.priority = model.priority;
  const Publish publish = [&] { return publish_again(services, draft, model); };
  const bool copies = model.input_from == JobFile::InputFrom::kJob;
  const base::Lane pool = copies ? services.bulk_workers : services.volume_workers;
  const auto launched = co_await launch(services, context, draft, pool, publish);
  if (!launched) co_return Unexpected<Refusal>(launched.error());
  co_return std::move(draft.made);
}

}  // namespace vbrain::api
