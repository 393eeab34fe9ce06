#include "api-server/submit/batch.hpp"

#include <algorithm>
#include <atomic>

#include "api-server/answers/fan_out.hpp"
#include "api-server/jobs/job_resource.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/submit/priority.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/store/store_index.hpp"
#include "artifacts/submit/job_batch.hpp"
#include "base/failpoint.hpp"
#include "base/json/json.hpp"
#include "base/log/log.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

using artifacts::BatchOutcome;
using artifacts::JobFile;

// Calls to the Kubernetes API at a time; half of the threads stay free for other requests.
constexpr std::size_t kCreatesAtOnce = 8;

std::vector<std::string> new_ids(base::TimePoint now, std::size_t count) {
  std::vector<std::string> ids(count);
  std::ranges::generate(ids, [&] { return job::new_job_id(now); });
  // Lists have the jobs in the order of their ids: that of the request.
  std::ranges::sort(ids);
  return ids;
}

std::string render_created(const std::vector<std::string>& ids) {
  std::string list;
  for (const std::string& id : ids) list.append(list.empty() ? "" : ",").append(base::quote_json(id));
  return R"({"message":"Jobs created","job_ids":[)" + list + "]}";
}

// Makes the key's record, or takes the ids of the one that it has. True if all is done already.
Result<bool, Refusal> settle(const Services& services, const artifacts::Tenant& tenant,
                             const std::optional<KeyedRequest>& key, NewBatch& batch) {
  if (!key) return false;
  auto claimed =
      claim(services, tenant, *key, {.request = {}, .id = batch.id, .jobs = batch.jobs, .answer = batch.answer});
  if (!claimed) return Unexpected<Refusal>(std::move(claimed.error()));
  base::failpoint("api-server.key-claimed");
  batch.id = std::move(claimed->record.id);
  batch.jobs = std::move(claimed->record.jobs);
  batch.answer = std::move(claimed->record.answer);
  batch.replayed = !claimed->mine;
  batch.repeated = claimed->done;
  return claimed->done;
}

// Publishes the jobs; `file` has what they have in common. False: an earlier request with the same key has done it.
// Blocks on the volume.
Result<bool, Refusal> publish(const Services& services, JobFile& file, const BatchFields& fields, ParamsCheck& check,
                              const std::optional<KeyedRequest>& key, const RequestContext& context, NewBatch& batch) {
  if (!artifacts::is_repository_id(file.repository_id)) return refuse(Problem::kNoRepository);
  const auto stored = services.view.repository(file.tenant, file.repository_id, VolumeView::Counting::kUncounted);
  if (stored == nullptr) return refuse(Problem::kNoRepository);
  if (key && key->published) {
    // The jobs stay as they are, whatever the schema of the Application says now.
    const auto done = settle(services, file.tenant, key, batch);
    if (!done) return Unexpected<Refusal>(done.error());
    if (*done) return false;
    const auto outcome = finish_batch(services.volume, file.tenant, file.repository_id, batch.id, context.ids);
    if (outcome == BatchOutcome::kNoRepository) return refuse(Problem::kNoRepository);
    if (outcome == BatchOutcome::kPublished) note_key_done(services, file.tenant, batch.id, context.ids);
    batch.repeated = outcome == BatchOutcome::kDone;
    return !batch.repeated;
  }
  file.metadata = fields.metadata.empty() ? stored->file.metadata : fields.metadata;
  file.input = stored->file.input;
  std::size_t at = 0;
  const auto next = [&]() -> const JobFile* {
    if (at == fields.params.size()) return nullptr;
    file.job_id = batch.jobs.at(at);
    schema::Work work;
    // Completed again, because all together may be large.
    file.params = check.complete(artifacts::overlay_object(stored->file.params, fields.params[at]), work).value();
    ++at;
    return &file;
  };
  const TenantSpace space = space_of(services, file.tenant);
  std::uint64_t bytes = 0;
  if (key || space.quota) {
    // What is too large is refused before the key is used: with it, fewer jobs may be sent. Each job repeats what the
    // repository has, so a short body may need much space.
    bytes = artifacts::check_batch_size(next);
    at = 0;
  }
  if (auto full = check_space(space, bytes)) return Unexpected<Refusal>(std::move(*full));
  const auto done = settle(services, file.tenant, key, batch);
  if (!done) return Unexpected<Refusal>(done.error());
  if (*done) return false;
  bool committed = false;
  try {
    switch (publish_batch(services.volume, file.tenant, file.repository_id, batch.id, next, committed, context.ids)) {
      case BatchOutcome::kPublished:
        note_published(services, file.tenant, bytes);
        return true;
      case BatchOutcome::kDone:
        batch.replayed = true;
        batch.repeated = true;
        return false;
      case BatchOutcome::kNoRepository:
        break;
    }
    return refuse(Problem::kNoRepository);
  } catch (const artifacts::VolumeError& problem) {
    if (!committed) throw;
    // The controller completes the publication.
    note_published(services, file.tenant, bytes);
    base::log_error("volume failed", {{"batch", batch.id}, context.ids, {"error", problem.what()}});
    return refuse(
        Problem::kUnavailable, {},
        "the storage failed; the jobs may be stored, and run then. Remedy: look for them with GET /api/v1/job before "
        "you send them again, or repeat the request with the same Idempotency-Key");
  }
}

http::Task<void> create_resources(const Services& services, const RequestContext& context, const JobFile& file,
                                  const std::vector<std::string>& ids) {
  std::atomic<std::size_t> missing{0};
  std::atomic<bool> failed{false};
  std::optional<kube::Error> first;  // written by the one that sets `failed`
  const auto create = [&](std::size_t i) {
    // After one failure the others would only wait for theirs.
    if (failed) {
      ++missing;
      return;
    }
    JobFile one;
    one.job_id = ids[i];
    one.tenant = file.tenant;
    one.repository_id = file.repository_id;
    one.created_by = file.created_by;
    one.priority = file.priority;
    one.callback_url = file.callback_url;
    one.traceparent = file.traceparent;
    auto created = create_resource(services, one, context.ids);
    if (created) return;
    ++missing;
    if (!failed.exchange(true)) first = std::move(created.error().error);
  };
  std::string why = "no worker was free";
  try {
    co_await for_each_on(services.workers, ids.size(), kCreatesAtOnce, create);
    if (first) why = std::string(to_string(first->code)) + ": " + first->message;
  } catch (const http::Overloaded&) {
    missing = ids.size();
  }
  if (missing > 0) {
    base::log_warning("Jobs of a batch were not created now; the controller creates them later",
                      {{"jobs", missing.load()}, context.ids, {"error", why}});
  }
}

// Jobs that were deleted while their resources were being created; all of them, marked as deleted, if the repository
// was. Blocks on the volume.
struct Deleted {
  bool repository = false;
  std::vector<std::string> jobs;
};
Deleted find_deleted(const Services& services, const JobFile& file, const std::vector<std::string>& ids) {
  if (!services.volume.has_repository(file.tenant, file.repository_id)) {
    services.volume.mark_all_deleted(file.tenant, ids);
    return {.repository = true, .jobs = ids};
  }
  Deleted deleted;
  const artifacts::JobFolders folders(services.volume, file.tenant);
  for (const std::string& id : ids) {
    if (folders.state(id) != artifacts::JobFolders::State::kPresent) deleted.jobs.push_back(id);
  }
  return deleted;
}

}  // namespace

http::Task<Result<NewBatch, Refusal>> execute_batch(const Services& services, const Caller& caller,
                                                    const RequestContext& context, const std::string& repository_id,
                                                    const BatchFields& fields, ParamsCheck& check,
                                                    const std::optional<KeyedRequest>& key) {
  JobFile file;
  file.created_on = services.clock.now();
  file.tenant = caller.tenant;
  file.created_by = caller.username;
  file.repository_id = repository_id;
  file.traceparent = context.traceparent;
  file.priority = fields.priority.value_or(0);
  file.callback_url = fields.callback_url;
  file.unknown = check.members_of_job();
  auto refused = refuse_priority(caller.role, file.priority);
  if (refused) co_return Unexpected<Refusal>(std::move(*refused));
  NewBatch batch{.id = job::new_job_id(file.created_on), .jobs = new_ids(file.created_on, fields.params.size())};
  batch.answer = render_created(batch.jobs);

  const auto work = [&] { return publish(services, file, fields, check, key, context, batch); };
  const auto published = co_await http::run_on(services.bulk_workers, work);
  if (!published) co_return Unexpected<Refusal>(published.error());
  if (!*published) co_return batch;
  base::failpoint("api-server.published");
  co_await create_resources(services, context, file, batch.jobs);
  base::failpoint("api-server.created");
  Deleted deleted;
  try {
    const auto look = [&] { deleted = find_deleted(services, file, batch.jobs); };
    co_await http::run_on(services.volume_workers, look);
  } catch (const std::exception& problem) {
    // They were published, and nothing says that they were deleted.
    base::log_warning("it is not known whether jobs of a batch were deleted meanwhile",
                      {{"batch", batch.id}, context.ids, {"error", problem.what()}});
  }
  co_await remove_leftovers(services, file.tenant, deleted.jobs, context.ids);
  if (deleted.repository) co_return refuse(Problem::kNoRepository);
  co_return batch;
}

}  // namespace vbrain::api
