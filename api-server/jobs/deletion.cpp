#include "api-server/jobs/deletion.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api-server/answers/fan_out.hpp"
#include "api-server/jobs/job_resource.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

using artifacts::Store;
using artifacts::Tenant;
using Ids = std::vector<std::string>;

// A large deletion is done in pieces of so many jobs; other requests get their turn in between.
constexpr std::size_t kPiece = 64;

Unexpected<Refusal> api_server_failed(const Caller& caller, std::string_view what, const kube::Error& error) {
  base::log_error("Job not deleted", {{"of", what},
                                      caller.ids,
                                      {"code", to_string(error.code)},
                                      {"http_status", error.http_status},
                                      {"error", error.message}});
  return Unexpected<Refusal>(refusal_of(error));
}

// A job with a record has ended; no program runs it again.
bool has_record(const Store& volume, const Tenant& tenant, const std::string& id) {
  return volume.root().status(artifacts::layout::status_file(tenant, id)).has_value();
}

void volume_failed(const Caller& caller, std::string_view what, const artifacts::VolumeError& problem) {
  base::log_error("volume failed", {{"of", what}, caller.ids, {"error", problem.what()}});
}

// Begins the deletion of the resources of all, stopping at the first failure. `absent` gets those that have none,
// `begun` all others.
http::Task<Result<void, kube::Error>> remove_resources(const Services& services, const Tenant& tenant, const Ids& ids,
                                                       Ids& absent, Ids& begun) {
  for (std::size_t from = 0; from < ids.size(); from += kPiece) {
    const std::size_t count = std::min(kPiece, ids.size() - from);
    std::vector<Result<Removal, kube::Error>> removed(count, Removal::kAbsent);
    std::atomic<bool> failed{false};
    const auto remove = [&](std::size_t i) {
      if (failed) return;
      removed[i] = remove_resource(services, tenant, ids[from + i]);
      if (!removed[i]) failed = true;
    };
    co_await for_each_on(services.workers, count, kResourcesAtOnce, remove);
    // After a failure the others of the piece may have begun, or have not been asked for.
    for (std::size_t i = 0; i < count; ++i) {
      if (removed[i]) (*removed[i] == Removal::kAbsent ? absent : begun).push_back(ids[from + i]);
    }
    const auto problem = std::ranges::find_if(removed, [](const auto& one) { return !one.has_value(); });
    if (problem != removed.end()) co_return Unexpected<kube::Error>(std::move(problem->error()));
  }
  co_return Result<void, kube::Error>();
}

// The jobs in the volume's index, and those made with kubectl that have no folder yet, from the cache. Nothing: there
// is no such repository.
std::optional<Ids> jobs_to_delete(const Services& services, const Tenant& tenant, const std::string& repository_id) {
  if (!artifacts::is_repository_id(repository_id)) return std::nullopt;
  auto ids = services.volume.index_of(tenant, repository_id);
  if (!ids) return std::nullopt;
  const auto published = static_cast<std::ptrdiff_t>(ids->size());
  for (const auto& resource : services.jobs.by_index(kKubectlJobsIndex, repository_key(tenant, repository_id))) {
    const std::string& id = resource->meta.name;
    if (!std::binary_search(ids->begin(), ids->begin() + published, id)) ids->push_back(id);
  }
  return ids;
}

// Marks the jobs as deleted and moves those that have ended and have no resource to the trash. Returns the names for
// purge(). The others of `absent` stay in it.
Ids hide(const Services& services, const Caller& caller, const Ids& ids, Ids& absent) {
  const Tenant& tenant = caller.tenant;
  services.volume.mark_all_deleted(tenant, ids);
  const auto ended = std::stable_partition(
      absent.begin(), absent.end(), [&](const std::string& id) { return !has_record(services.volume, tenant, id); });
  const Ids away(std::make_move_iterator(ended), std::make_move_iterator(absent.end()));
  absent.erase(ended, absent.end());
  return away.empty() ? Ids() : services.volume.trash_jobs(tenant, away, {}, caller.ids);
}

}  // namespace

void purge_later(const Services& services, const Tenant& tenant, Ids names, const base::RequestIds& ids) {
  if (names.empty()) return;
  // The request is over by then.
  const auto purge = [&volume = services.volume, stop = services.stop, tenant, names = std::move(names), ids] {
    for (const std::string& name : names) {
      if (stop.stop_requested()) return;
      try {
        volume.purge(tenant, name);
      } catch (const std::exception& problem) {
        base::log_warning("deleted files were not removed yet; the controller's sweeper removes them later",
                          {ids, {"error", problem.what()}});
      }
    }
  };
  if (services.bulk_workers.try_post(purge) || services.volume_workers.try_post(purge)) return;
  base::log_warning("deleted files were not removed yet; the controller's sweeper removes them later",
                    {ids, {"error", "no worker is free"}});
}

http::Task<Result<void, Refusal>> delete_job(const Services& services, const Caller& caller, std::string_view job_id,
                                             std::string_view repository_id) {
  const Tenant& tenant = caller.tenant;
  const auto find = [&] { return find_job(services, caller, job_id, repository_id); };
  const auto record = co_await http::run_on(services.volume_workers, find);
  if (!record) co_return Unexpected<Refusal>(record.error());
  if (record->unconfirmed) {
    const auto confirm = [&] { return confirm_job(services, caller, job_id); };
    const auto confirmed = co_await http::run_on(services.workers, confirm);
    if (!confirmed) co_return Unexpected<Refusal>(confirmed.error());
  }
  const std::string id(job_id);
  const std::string& repository = record->stored->file.repository_id;

  const auto remove = [&] { return remove_resource(services, tenant, id); };
  const auto removed = co_await http::run_on(services.workers, remove);
  if (!removed) co_return api_server_failed(caller, id, removed.error());
  base::failpoint("api-server.resource-deleted");

  Ids unsure;
  const auto mark = [&]() -> Result<void, Refusal> {
    try {
      const bool ended = *removed == Removal::kAbsent && has_record(services.volume, tenant, id);
      services.volume.mark_deleted(tenant, id, repository);
      if (ended) {
        purge_later(services, tenant, services.volume.trash_jobs(tenant, {id}, {}, caller.ids), caller.ids);
      }
      if (*removed == Removal::kAbsent && !ended) unsure.push_back(id);
    } catch (const artifacts::VolumeError& problem) {
      volume_failed(caller, id, problem);
      return refuse(Problem::kJobNotDeleted);
    }
    return {};
  };
  const auto marked = co_await http::run_on(services.volume_workers, mark);
  if (!marked) co_return marked;
  base::failpoint("api-server.marked");
  co_await remove_leftovers(services, tenant, unsure, caller.ids);
  co_return Result<void, Refusal>();
}

http::Task<Result<void, Refusal>> delete_repository(const Services& services, const Caller& caller,
                                                    std::string_view repository_id, Ids& deleted) {
  const Tenant& tenant = caller.tenant;
  const std::string repository(repository_id);
  const auto look = [&] { return jobs_to_delete(services, tenant, repository); };
  auto found = co_await http::run_on(services.volume_workers, look);
  if (!found) co_return refuse(Problem::kNoRepository);
  const Ids ids = std::move(*found);

  Ids unsure;
  const auto removed = co_await remove_resources(services, tenant, ids, unsure, deleted);
  if (!removed) co_return api_server_failed(caller, repository, removed.error());

  const auto move_away = [&]() -> Result<void, Refusal> {
    try {
      Ids trash = hide(services, caller, ids, unsure);
      deleted = ids;
      auto trashed = services.volume.trash_repository(tenant, repository, caller.ids);
      if (trashed) {
        trash.push_back(std::move(trashed->name));
        // Jobs that were published since `ids` was read. Later ones are not possible: after publishing a job a server
        // checks that the repository still exists.
        Ids late;
        const std::set<std::string_view> known(ids.begin(), ids.end());
        std::ranges::copy_if(trashed->jobs, std::back_inserter(late),
                             [&](const std::string& id) { return !known.contains(id); });
        services.volume.mark_all_deleted(tenant, late);
        deleted.insert(deleted.end(), late.begin(), late.end());
        unsure.insert(unsure.end(), late.begin(), late.end());
      }
      purge_later(services, tenant, std::move(trash), caller.ids);
    } catch (const artifacts::VolumeError& problem) {
      volume_failed(caller, repository, problem);
      return refuse(Problem::kRepositoryNotDeleted);
    }
    return {};
  };
  const auto moved = co_await http::run_on(services.volume_workers, move_away);
  if (!moved) co_return moved;
  co_await remove_leftovers(services, tenant, unsure, caller.ids);
  co_return Result<void, Refusal>();
}

}  // namespace vbrain::api
