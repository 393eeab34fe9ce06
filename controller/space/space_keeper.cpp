#include "controller/space/space_keeper.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "artifacts/store/store.hpp"
#include "base/log.hpp"
#include "base/stop.hpp"
#include "controller/volume/volume.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;

// Factor of the rests on the work, and the work after which it rests.
constexpr int kPeace = 10;
constexpr std::chrono::milliseconds kStint{20};
// An unchanged usage is written again after this time, so that its measuredAt stays recent.
constexpr std::chrono::minutes kTellAgain{10};
// Wait after a walk that was not finished or that left something to remove.
constexpr std::chrono::milliseconds kSoon{30'000};

bool equal_except_time(const job::SpaceUsage& left, const job::SpaceUsage& right) {
  job::SpaceUsage other = right;
  other.measured_at = left.measured_at;
  return left == other;
}

std::string refusal(const kube::Error& error) {
  return std::string(to_string(error.code)) + ": " + error.message;
}

}  // namespace

SpaceKeeper::SpaceKeeper(Parts parts, std::chrono::milliseconds interval)
    : parts_(std::move(parts)),
      interval_(interval),
      expired_jobs_(parts_.metrics.counter("vbrain_retention_jobs_removed_total",
                                           "Ended jobs that were removed because of spec.retention.")),
      expired_repositories_(parts_.metrics.counter("vbrain_retention_repositories_removed_total",
                                                   "Repositories that were removed because of spec.retention.")),
      walk_seconds_(parts_.metrics.gauge("vbrain_space_walk_seconds",
                                         "Duration of the last walk that measured what tenants store, with rests.")) {}

void SpaceKeeper::run(std::stop_token stop) {
  for (;;) {
    bool complete = false;
    const base::SteadyPoint begin = parts_.clock.steady();
    try {
      complete = walk(stop);
    } catch (const std::exception& error) {
      base::log_warning("measuring what tenants store ended early; the next walk begins again",
                        {{"error", error.what()}});
    }
    walk_seconds_.Set(std::chrono::duration<double>(parts_.clock.steady() - begin).count());
    if (!base::sleep_for(stop, complete ? interval_ : std::min(interval_, kSoon))) return;
  }
}

bool SpaceKeeper::pace(std::stop_token stop) {
  const auto worked = parts_.clock.steady() - worked_since_;
  if (worked < kStint) return !stop.stop_requested() && parts_.may_write();
  const bool go_on = base::sleep_for(stop, std::chrono::duration_cast<std::chrono::milliseconds>(worked * kPeace));
  worked_since_ = parts_.clock.steady();
  return go_on && parts_.may_write();
}

artifacts::OnUnreadable SpaceKeeper::note_unreadable(std::stop_token stop) const {
  // The sweeper logs and counts unreadable folders.
  return [stop](const std::string& path, const artifacts::VolumeError& error) {
    base::log_debug("a folder on the volume is not measured", {{"folder", path}, {"error", error.what()}});
    return !stop.stop_requested();
  };
}

bool SpaceKeeper::walk(std::stop_token stop) {
  const auto volume_time = parts_.volume_time ? parts_.volume_time() : parts_.store.probe();
  // A full volume gives no time. What it stores can be measured, and nothing is too old.
  now_ = volume_time.value_or(parts_.clock.now());
  may_remove_ = volume_time && clocks_agree(*volume_time, parts_.clock.now());
  if (volume_time && !may_remove_) {
    base::log_warning(
        "retention removes nothing: the clocks of the file server and of this node differ by more than 10 minutes; "
        "set both clocks",
        {{"file_server", base::format_rfc3339_seconds(*volume_time)}});
  }
  refreshed_ = false;
  worked_since_ = parts_.clock.steady();
  const TenantPolicies policies(parts_.applications, parts_.clients);
  bool complete = true;
  artifacts::scan_tenants(
      parts_.store,
      [&](const artifacts::ScannedTenant& tenant) {
        complete = tend(tenant, policies, stop) && complete;
        return !stop.stop_requested() && parts_.may_write();
      },
      note_unreadable(stop));
  if (!stop.stop_requested() && parts_.may_write()) tell_empty(policies, stop);
  return complete && !stop.stop_requested();
}

bool SpaceKeeper::tend(const artifacts::ScannedTenant& tenant, const TenantPolicies& policies, std::stop_token stop) {
  Found found{.policy = policies.of(tenant.path())};
  // Nobody asks for it.
  if (found.policy.clients.empty() && found.policy.retention == job::Retention{}) return true;
  const base::TimePoint measured_at = parts_.clock.now();
  measure(tenant, found, stop);
  if (stop.stop_requested() || !parts_.may_write()) return false;
  bool complete = true;
  if (may_remove_ && found.policy.tenant) {
    complete = remove_jobs(found, stop);
    complete = remove_repositories(found, stop) && complete;
  }
  tell(found.policy.clients,
       {.bytes = static_cast<std::int64_t>(found.size.bytes),
        .files = static_cast<std::int64_t>(found.size.files),
        .jobs = found.jobs,
        .repositories = found.repositories,
        .measured_at = measured_at},
       stop);
  return complete;
}

void SpaceKeeper::measure(const artifacts::ScannedTenant& tenant, Found& found, std::stop_token stop) {
  const job::Retention& retention = found.policy.retention;
  const auto note_job = [&](const artifacts::ScannedJob& job, const artifacts::TreeSize& size) {
    found.size += size;
    ++found.jobs;
    if (retention.limits_jobs() && found.policy.tenant) {
      if (const auto ended = end_of(*found.policy.tenant, job)) found.ended.add({*ended, job.id(), size});
    }
    return pace(stop);
  };
  const auto note_repository = [&](const artifacts::ScannedRepository& repository) {
    found.size += repository.size;
    ++found.repositories;
    if (found.unused.size() < kAtOnce && is_expired(retention, repository, now_)) found.unused.push_back(repository);
    return pace(stop);
  };
  tenant.each_job(note_job, note_unreadable(stop)) && tenant.each_repository(note_repository, note_unreadable(stop));
}

std::optional<base::TimePoint> SpaceKeeper::end_of(const artifacts::Tenant& tenant,
                                                   const artifacts::ScannedJob& job) const {
  try {
    if (!job.has_record() || job.is_deleted()) return std::nullopt;
    const auto record = parts_.store.read_status(tenant, job.id());
    if (!record) return std::nullopt;
    const job::JobStatus status = job::decode_status(*record);
    return job::is_terminal(status.phase) ? status.completion_time : std::nullopt;
  } catch (const artifacts::CorruptFile& error) {
    base::log_debug("the record of a job cannot be read; retention leaves the job", {{"error", error.what()}});
  } catch (const kube::DecodeError& error) {
    base::log_debug("the record of a job cannot be read; retention leaves the job",
                    {{"job", job.id()}, {"error", error.what()}});
  }
  return std::nullopt;
}

bool SpaceKeeper::remove_jobs(Found& found, std::stop_token stop) {
  const std::vector<EndedJob> oldest = found.ended.list();
  const std::size_t expired = count_expired(found.policy.retention, oldest, found.ended.count(), now_);
  for (std::size_t i = 0; i < expired; ++i) {
    if (stop.stop_requested() || !parts_.may_write()) return false;
    if (!remove_job(*found.policy.tenant, oldest[i], stop)) continue;
    found.size -= oldest[i].size;
    --found.jobs;
  }
  return expired < kAtOnce;
}

// The record on the volume says that the job has ended. The API server is asked for its resource, because the cache
// may be stale: a resource that says something else keeps the folder.
bool SpaceKeeper::remove_job(const artifacts::Tenant& tenant, const EndedJob& job, std::stop_token stop) {
  try {
    const auto record = parts_.store.read_status(tenant, job.id);
    const auto file = parts_.store.read_job(tenant, job.id);
    if (!record || !file) return false;
    const auto live = parts_.client.get<job::Job>(parts_.namespace_name, job.id, stop);
    if (live && tenant_of(*live) == tenant) {
      const std::string uid = record->value(nlohmann::json::json_pointer("/metadata/uid"), "");
      if (live->meta.deletion_timestamp || !job::is_terminal(live->status.phase) || live->meta.uid != uid) return false;
      // The controller purges the folder before it removes the finalizer.
      const kube::DeleteOptions options{
          .preconditions = {.uid = live->meta.uid, .resource_version = live->meta.resource_version}};
      const auto removed = parts_.client.remove(job::Job::kType, parts_.namespace_name, job.id, options, stop);
      if (!removed && removed.error().code != ErrorCode::kNotFound) {
        base::log_warning("retention could not delete an ended Job; the next walk tries again",
                          {{"job", job.id}, {"error", refusal(removed.error())}});
        return false;
      }
    } else if (live || live.error().code == ErrorCode::kNotFound) {
      for (const std::string& name : parts_.store.trash_jobs(tenant, {job.id}, file->repository_id)) {
        parts_.discard(tenant, name);
      }
    } else {
      base::log_warning("retention could not look up an ended Job; the next walk tries again",
                        {{"job", job.id}, {"error", refusal(live.error())}});
      return false;
    }
  } catch (const artifacts::CorruptFile& error) {
    base::log_warning("retention leaves a job whose files cannot be read", {{"job", job.id}, {"error", error.what()}});
    return false;
  }
  expired_jobs_.Increment();
  base::log_info("removed an ended job because of spec.retention",
                 {{"job", job.id},
                  {"organization", tenant.organization},
                  {"application", tenant.application},
                  {"client", tenant.client},
                  {"ended", base::format_rfc3339_seconds(job.ended)}});
  return true;
}

bool SpaceKeeper::remove_repositories(Found& found, std::stop_token stop) {
  if (found.unused.empty()) return true;
  // A Job made with kubectl names its repository before its folder is in the repository's index.
  if (!refreshed_ && !parts_.refresh(stop)) return false;
  refreshed_ = true;
  const artifacts::Tenant& tenant = *found.policy.tenant;
  std::set<std::string> named;
  for (const auto& job : parts_.jobs.list()) {
    if (tenant_of(*job) == tenant) named.insert(job->spec.repository_id);
  }
  for (const artifacts::ScannedRepository& repository : found.unused) {
    if (stop.stop_requested() || !parts_.may_write()) return false;
    if (named.contains(repository.id)) continue;
    const auto trashed = parts_.store.trash_unused_repository(tenant, repository.id);
    if (!trashed) continue;
    parts_.discard(tenant, *trashed);
    found.size -= repository.size;
    --found.repositories;
    expired_repositories_.Increment();
    base::log_info("removed an unused repository because of spec.retention",
                   {{"repository", repository.id},
                    {"organization", tenant.organization},
                    {"application", tenant.application},
                    {"client", tenant.client},
                    {"unused_since", base::format_rfc3339_seconds(repository.changed)}});
  }
  return found.unused.size() < kAtOnce;
}

void SpaceKeeper::tell(const std::vector<std::shared_ptr<const job::Client>>& clients, const job::SpaceUsage& usage,
                       std::stop_token stop) {
  for (const auto& client : clients) {
    if (client->usage && equal_except_time(*client->usage, usage) &&
        usage.measured_at - client->usage->measured_at < kTellAgain) {
      continue;
    }
    // A merge patch: the conditions of the status stay.
    const nlohmann::json patch = {{"metadata", {{"uid", client->meta.uid}}}, {"status", {{"usage", encode(usage)}}}};
    const auto written =
        parts_.client.patch(job::Client::kType, parts_.namespace_name, client->meta.name, patch, "status", stop);
    if (!written && written.error().code != ErrorCode::kNotFound && written.error().code != ErrorCode::kConflict) {
      base::log_warning("status.usage of a Client was not written; the next walk tries again",
                        {{"name", client->meta.name}, {"error", refusal(written.error())}});
    }
  }
}

void SpaceKeeper::tell_empty(const TenantPolicies& policies, std::stop_token stop) {
  for (const auto& [path, clients] : policies.clients()) {
    if (!parts_.store.root().status(path)) tell(clients, {.measured_at = parts_.clock.now()}, stop);
  }
}

}  // namespace vbrain::controller
