#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "artifacts/scans/store_usage.hpp"
#include "base/metrics.hpp"
#include "base/threads/stop.hpp"
#include "base/time/clock.hpp"
#include "controller/space/retention_rules.hpp"
#include "controller/space/tenant_policies.hpp"
#include "job/job.hpp"
#include "kube/api/api_client.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

// Walks over the volume on its own thread while this controller leads. It measures what each tenant stores, writes that
// into status.usage of its Clients, and removes ended jobs and unused repositories by spec.retention. The walk rests
// ten times as long as it works, needs constant memory, and reads each file's attributes and each ended job's record
// once. It removes at most Parts::at_once jobs and repositories of a tenant per walk, and the next walk goes on after
// them, so that those that cannot be removed keep no others. Before each removal it knows Applications and Clients, not
// older than ten seconds, from the API server itself, and before it removes repositories of a tenant all Jobs: the
// caches may be stale.
class SpaceKeeper {
 public:
  static constexpr std::size_t kAtOnce = 10'000;

  struct Parts {
    const artifacts::Store& store;
    kube::ApiClient& client;
    const kube::Cache<job::Application>& applications;  // synced, like the other
    const kube::Cache<job::Client>& clients;
    base::Metrics& metrics;
    const base::Clock& clock;
    std::string namespace_name;
    // Removes a folder of a tenant's .trash later.
    std::function<void(const artifacts::Tenant&, const std::string& name)> discard;
    // Like Executor::Parts.
    std::function<bool()> may_write = [] { return true; };
    // Like Sweeper::Parts.
    std::function<std::optional<base::TimePoint>()> volume_time = {};
    std::size_t at_once = kAtOnce;
    // Waits; false: stop.
    std::function<bool(std::stop_token, std::chrono::milliseconds)> rest = base::sleep_for;
  };

  SpaceKeeper(Parts parts, std::chrono::milliseconds interval);

  // Walks again and again until `stop`. Blocks. Throws nothing.
  void run(std::stop_token stop);
  // One walk. False if more is to be removed, or if it was not finished. Throws artifacts::VolumeError.
  bool walk(std::stop_token stop);

 private:
  // One tenant's part of a walk.
  struct Found {
    TenantPolicies::Policy policy{};
    OldestJobs ended;
    std::map<std::string, artifacts::ScannedRepository> unused{};  // by id, the first Parts::at_once
    artifacts::TreeSize size{};
    std::int64_t jobs = 0;
    std::int64_t repositories = 0;
  };

  // Where the next walk goes on with a tenant that had at least Parts::at_once to remove.
  struct Position {
    std::optional<EndedJob> job{};
    std::string repository{};
  };

  struct FreshPolicies {
    base::SteadyPoint at;
    TenantPolicies policies;
  };

  // Of a tenant that was told what it uses.
  struct Change {
    base::TimePoint time;  // ScannedTenant::changed()
    bool again = false;    // the next walk tells it again
  };

  struct VolumeTime {
    base::TimePoint volume;
    base::SteadyPoint here;
  };

  bool tend(const artifacts::ScannedTenant& tenant, const TenantPolicies& policies, std::stop_token stop);
  void set_time();
  void measure(const artifacts::ScannedTenant& tenant, const Position& after, Found& found, std::stop_token stop);
  // False if more is to be removed.
  bool remove_expired(const std::string& path, Found& found, std::stop_token stop);
  // Weakens found.policy.retention to what the API server has now: nothing is removed that only an outdated policy
  // allows. False if the API server did not answer.
  bool look_up_retention(const std::string& path, Found& found, std::stop_token stop);
  // The repositories in `found.unused` that a Job names, as the API server has them. Nothing if it did not answer.
  std::optional<std::set<std::string>> look_up_named(const Found& found, std::stop_token stop);
  bool remove_jobs(const std::string& path, Found& found, std::stop_token stop);
  bool remove_job(const artifacts::Tenant& tenant, const EndedJob& job, std::stop_token stop);
  bool try_remove_job(const artifacts::Tenant& tenant, const EndedJob& job, std::stop_token stop);
  bool remove_repositories(const std::string& path, Found& found, std::stop_token stop);
  bool remove_repository(const artifacts::Tenant& tenant, const artifacts::ScannedRepository& repository);
  // `changed`: something was published or removed since they were told last. False if a write failed.
  bool tell(const std::vector<std::shared_ptr<const job::Client>>& clients, const job::SpaceUsage& usage, bool changed,
            std::stop_token stop);
  void tell_empty(const TenantPolicies& policies, std::stop_token stop);
  // The end of an ended job by its record. Nothing if it has none, or if it is marked deleted.
  std::optional<base::TimePoint> end_of(const artifacts::Tenant& tenant, const artifacts::ScannedJob& job) const;
  artifacts::OnUnreadable note_unreadable(std::stop_token stop) const;
  // Rests after work. False: stop.
  bool pace(std::stop_token stop);

  const Parts parts_;
  const std::chrono::milliseconds interval_;
  base::TimePoint now_{};                      // of the file server, at the start of the walk
  bool may_remove_ = false;                    // now_ is trustworthy
  std::optional<VolumeTime> known_time_{};     // of the last time that the file server gave
  std::optional<FreshPolicies> fresh_{};       // as the API server had them
  std::map<std::string, Position> positions_;  // by path; few tenants have one
  std::map<std::string, Change> changes_;      // by path, of tenants with a Client
  base::SteadyPoint worked_since_{};
  prometheus::Counter& expired_jobs_;
  prometheus::Counter& expired_repositories_;
  prometheus::Gauge& walk_seconds_;
};

}  // namespace vbrain::controller
