#include "controller/space/space_keeper.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "controller/volume/volume.hpp"
#include "kube/cache/paging.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;

// Factor of the rests on the work, and the work after which it rests.
constexpr int kPeace = 10;
constexpr std::chrono::milliseconds kStint{20};
// An unchanged usage is written again after this time, so that its measuredAt stays recent.
constexpr std::chrono::minutes kTellAgain{10};
// What was read from the API server counts for this time.
constexpr std::chrono::seconds kFresh{10};
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
    if (!parts_.rest(stop, complete ? interval_ : std::min(interval_, kSoon))) return;
  }
}

bool SpaceKeeper::pace(std::stop_token stop) {
  const auto worked = parts_.clock.steady() - worked_since_;
  if (worked < kStint) return !stop.stop_requested() && parts_.may_write();
  const bool go_on = parts_.rest(stop, std::chrono::duration_cast<std::chrono::milliseconds>(worked * kPeace));
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

void SpaceKeeper::set_time() {
  auto volume_time = parts_.volume_time ? parts_.volume_time() : parts_.store.probe();
  if (volume_time) {
    known_time_ = VolumeTime{.volume = *volume_time, .here = parts_.clock.steady()};
  } else if (known_time_) {
    // A full volume gives no time, and needs retention most.
    const auto since = parts_.clock.steady() - known_time_->here;
    volume_time = known_time_->volume + std::chrono::duration_cast<base::TimePoint::duration>(since);
  }
  now_ = volume_time.value_or(parts_.clock.now());
  may_remove_ = volume_time && clocks_agree(*volume_time, parts_.clock.now());
  if (volume_time && !may_remove_) {
    base::log_warning(
        "retention removes nothing: the clocks of the file server and of this node differ by more than 10 minutes; "
        "set both clocks",
        {{"file_server", base::format_rfc3339_seconds(*volume_time)}});
  } else if (!volume_time) {
    base::log_warning(
        "retention removes nothing: the file server's time is not known, because no file can be created on the volume; "
        "make room on it");
  }
}

bool SpaceKeeper::walk(std::stop_token stop) {
  set_time();
  worked_since_ = parts_.clock.steady();
  const TenantPolicies policies(parts_.applications.list(), parts_.clients.list());
  std::erase_if(changes_, [&](const auto& change) { return !policies.clients().contains(change.first); });
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
  const Position after = positions_.contains(tenant.path()) ? positions_.at(tenant.path()) : Position{};
  positions_.erase(tenant.path());
  Found found{.policy = policies.of(tenant.path()), .ended = OldestJobs(parts_.at_once, after.job)};
  // Nobody asks for it.
  if (found.policy.clients.empty() && found.policy.retention == job::Retention{}) return true;
  const base::TimePoint measured_at = parts_.clock.now();
  const base::TimePoint changed = tenant.changed();
  measure(tenant, after, found, stop);
  if (stop.stop_requested() || !parts_.may_write()) return false;
  const bool complete = !may_remove_ || !found.policy.tenant || remove_expired(tenant.path(), found, stop);
  // After a walk that saw a change the next one writes again: what was published in the second in which this one began
  // counts twice until then.
  const auto before = changes_.find(tenant.path());
  const bool is_new = before == changes_.end() || before->second.time != changed;
  const bool told = tell(found.policy.clients,
                         {.bytes = static_cast<std::int64_t>(found.size.bytes),
                          .files = static_cast<std::int64_t>(found.size.files),
                          .jobs = found.jobs,
                          .repositories = found.repositories,
                          .measured_at = measured_at},
                         is_new || before->second.again, stop);
  if (!told) changes_.erase(tenant.path());
  if (told && !found.policy.clients.empty()) changes_[tenant.path()] = {.time = changed, .again = is_new};
  return complete;
}

void SpaceKeeper::measure(const artifacts::ScannedTenant& tenant, const Position& after, Found& found,
                          std::stop_token stop) {
  const job::Retention& retention = found.policy.retention;
  const auto note_job = [&](const artifacts::ScannedJob& job, const artifacts::TreeSize& size) {
    found.size += size;
    ++found.jobs;
    if (retention.limits_jobs() && found.policy.tenant) {
      if (const auto ended = end_of(*found.policy.tenant, job)) found.ended.add({*ended, job.id(), size});
    }
    return true;
  };
  const auto note_repository = [&](const artifacts::ScannedRepository& repository) {
    found.size += repository.size;
    ++found.repositories;
    if (repository.id <= after.repository || !is_expired(retention, repository, now_)) return true;
    found.unused.emplace(repository.id, repository);
    if (found.unused.size() > parts_.at_once) found.unused.erase(std::prev(found.unused.end()));
    return true;
  };
  const auto go_on = [&] { return pace(stop); };
  tenant.each_job(note_job, note_unreadable(stop), go_on) &&
      tenant.each_repository(note_repository, note_unreadable(stop), go_on);
}

// Nothing about a single job ends the measurement of its tenant.
std::optional<base::TimePoint> SpaceKeeper::end_of(const artifacts::Tenant& tenant,
                                                   const artifacts::ScannedJob& job) const {
  try {
    const auto recorded = job.recorded();
    if (!recorded || job.is_deleted()) return std::nullopt;
    const auto record = parts_.store.read_status(tenant, job.id());
    if (!record) return std::nullopt;
    const job::JobStatus status = job::decode_status(*record);
    if (!job::is_terminal(status.phase) || !status.completion_time) return std::nullopt;
    return end_of_job(*status.completion_time, *recorded);
  } catch (const std::exception& error) {
    base::log_debug("the record of a job cannot be read; retention leaves the job",
                    {{"job", job.id()}, {"error", error.what()}});
  }
  return std::nullopt;
}

bool SpaceKeeper::remove_expired(const std::string& path, Found& found, std::stop_token stop) {
  const std::size_t expired = count_expired(found.policy.retention, found.ended.list(), found.ended.count(), now_);
  if (expired == 0 && found.unused.empty()) return true;
  if (!look_up_retention(path, found, stop)) return false;
  Position position;
  if (found.ended.list().size() == parts_.at_once && expired == parts_.at_once)
    position.job = found.ended.list().back();
  if (found.unused.size() == parts_.at_once) position.repository = found.unused.rbegin()->first;
  const bool more = position.job || !position.repository.empty();
  if (more) positions_[path] = std::move(position);
  const bool jobs_done = remove_jobs(path, found, stop);
  return remove_repositories(path, found, stop) && jobs_done && !more;
}

bool SpaceKeeper::look_up_retention(const std::string& path, Found& found, std::stop_token stop) {
  if (!fresh_ || parts_.clock.steady() - fresh_->at >= kFresh) {
    fresh_.reset();
    const base::SteadyPoint at = parts_.clock.steady();
    auto policies = TenantPolicies::read(parts_.client, parts_.namespace_name, stop);
    if (!policies) {
      base::log_warning(
          "retention removes nothing: Applications and Clients could not be read; the next walk tries again",
          {{"error", refusal(policies.error())}});
      return false;
    }
    fresh_ = FreshPolicies{.at = at, .policies = std::move(*policies)};
  }
  found.policy.retention = job::weaker(found.policy.retention, fresh_->policies.of(path).retention);
  return true;
}

std::optional<std::set<std::string>> SpaceKeeper::look_up_named(const Found& found, std::stop_token stop) {
  // A Job made with kubectl names its repository before its folder is in the repository's index. The id is enough: if
  // a Job of another tenant names the same id, the repository stays.
  std::set<std::string> named;
  const auto done = kube::each_page(
      parts_.client, job::Job::kType, parts_.namespace_name,
      [&](const nlohmann::json& items) {
        for (const nlohmann::json& item : items) {
          const nlohmann::json* spec = kube::find_member(item, "spec");
          const nlohmann::json* id = spec == nullptr ? nullptr : kube::find_member(*spec, "repositoryId");
          if (id == nullptr || !id->is_string()) continue;
          if (found.unused.contains(id->get<std::string>())) named.insert(id->get<std::string>());
        }
        return true;
      },
      stop);
  if (done) return named;
  base::log_warning("retention removes no repository: the Jobs could not be read; the next walk tries again",
                    {{"error", refusal(done.error())}});
  return std::nullopt;
}

bool SpaceKeeper::remove_jobs(const std::string& path, Found& found, std::stop_token stop) {
  const std::vector<EndedJob> oldest = found.ended.list();
  job::Retention retention = found.policy.retention;
  std::size_t expired = count_expired(retention, oldest, found.ended.count(), now_);
  for (std::size_t i = 0; i < expired; ++i) {
    // The removals may take hours, and somebody may take the policy back meanwhile.
    if (!pace(stop) || !look_up_retention(path, found, stop)) return false;
    if (found.policy.retention != retention) {
      retention = found.policy.retention;
      expired = count_expired(retention, oldest, found.ended.count(), now_);
      if (i >= expired) break;
    }
    if (!try_remove_job(*found.policy.tenant, oldest[i], stop)) continue;
    found.size -= oldest[i].size;
    --found.jobs;
  }
  return true;
}

// Nothing about a single job keeps the others.
bool SpaceKeeper::try_remove_job(const artifacts::Tenant& tenant, const EndedJob& job, std::stop_token stop) {
  try {
    return remove_job(tenant, job, stop);
  } catch (const std::exception& error) {
    base::log_warning("retention leaves a job whose files cannot be read or moved",
                      {{"job", job.id}, {"error", error.what()}});
    return false;
  }
}

// The record on the volume says that the job has ended. The API server is asked for its resource, because the cache
// may be stale: a resource that says something else keeps the folder.
bool SpaceKeeper::remove_job(const artifacts::Tenant& tenant, const EndedJob& job, std::stop_token stop) {
  const auto record = parts_.store.read_status(tenant, job.id);
  const auto file = parts_.store.read_job(tenant, job.id);
  if (!record || !file) return false;
  const base::RequestIds ids = file->ids();
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
                        {{"job", job.id}, ids, {"error", refusal(removed.error())}});
      return false;
    }
  } else if (live || live.error().code == ErrorCode::kNotFound) {
    for (const std::string& name : parts_.store.trash_jobs(tenant, {job.id}, file->repository_id, ids)) {
      parts_.discard(tenant, name);
    }
  } else {
    base::log_warning("retention could not look up an ended Job; the next walk tries again",
                      {{"job", job.id}, ids, {"error", refusal(live.error())}});
    return false;
  }
  expired_jobs_.Increment();
  base::log_info("removed an ended job because of spec.retention",
                 {{"job", job.id},
                  ids,
                  {"organization", tenant.organization},
                  {"application", tenant.application},
                  {"client", tenant.client},
                  {"ended", base::format_rfc3339_seconds(job.ended)}});
  return true;
}

bool SpaceKeeper::remove_repositories(const std::string& path, Found& found, std::stop_token stop) {
  const auto has_to_go = [&](const auto& entry) { return is_expired(found.policy.retention, entry.second, now_); };
  if (std::ranges::none_of(found.unused, has_to_go)) return true;
  const auto named = look_up_named(found, stop);
  if (!named) return false;
  for (const auto& entry : found.unused) {
    if (!pace(stop) || !look_up_retention(path, found, stop)) return false;
    const auto& [id, repository] = entry;
    if (!has_to_go(entry) || named->contains(id) || !remove_repository(*found.policy.tenant, repository)) continue;
    found.size -= repository.size;
    --found.repositories;
  }
  return true;
}

bool SpaceKeeper::remove_repository(const artifacts::Tenant& tenant, const artifacts::ScannedRepository& repository) {
  try {
    const auto trashed = parts_.store.trash_unused_repository(tenant, repository.id, repository.changed);
    if (!trashed) return false;
    parts_.discard(tenant, *trashed);
  } catch (const artifacts::VolumeError& error) {
    base::log_warning("retention leaves a repository that cannot be moved",
                      {{"repository", repository.id}, {"error", error.what()}});
    return false;
  }
  expired_repositories_.Increment();
  base::log_info("removed an unused repository because of spec.retention",
                 {{"repository", repository.id},
                  {"organization", tenant.organization},
                  {"application", tenant.application},
                  {"client", tenant.client},
                  {"unused_since", base::format_rfc3339_seconds(repository.changed)}});
  return true;
}

bool SpaceKeeper::tell(const std::vector<std::shared_ptr<const job::Client>>& clients, const job::SpaceUsage& usage,
                       bool changed, std::stop_token stop) {
  bool all = true;
  for (const auto& client : clients) {
    // Equal numbers are written again after a change: the api-servers count what they have published until they see a
    // newer measurement.
    if (!changed && client->usage && equal_except_time(*client->usage, usage) &&
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
    all = all && written.has_value();
  }
  return all;
}

void SpaceKeeper::tell_empty(const TenantPolicies& policies, std::stop_token stop) {
  for (const auto& [path, clients] : policies.clients()) {
    if (!parts_.store.root().status(path)) tell(clients, {.measured_at = parts_.clock.now()}, false, stop);
  }
}

}  // namespace vbrain::controller
