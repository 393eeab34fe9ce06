#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/tenant.hpp"
#include "http/waiting.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace prometheus {
class Counter;
class Gauge;
}  // namespace prometheus
namespace vbrain::base {
class Metrics;
}

namespace vbrain::api {

// Requests that wait for a change of a job, and who wakes them: the watch of Jobs. Thread-safe.
class JobWaits {
 public:
  // `most`: how many may wait at the same time. One tenant has half of them at most.
  JobWaits(std::size_t most, base::Metrics& metrics);
  JobWaits(const JobWaits&) = delete;

  // A request that waits. It is woken until it ends.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;

   private:
    friend class JobWaits;
    Place(JobWaits& waits, base::Tenant tenant, std::string job_id, http::Waker waker);

    JobWaits& waits_;
    const base::Tenant tenant_;
    const std::string job_id_;
    const http::Waker waker_;
  };

  // Null: as many wait as may. Enter before you look at the job, so that no change is missed.
  std::unique_ptr<Place> enter(const base::Tenant& tenant, std::string_view job_id, http::Waker waker);

  // A handler of the informer of Jobs. It wakes who waits for this job if its state may be another one now.
  void note(const kube::Change<job::Job>& change);

 private:
  bool take(const base::Tenant& tenant);
  void leave(const Place& place);

  const std::size_t most_;
  const std::size_t most_of_tenant_;
  prometheus::Gauge& waiting_;
  prometheus::Counter& refused_;
  std::mutex mutex_;
  std::size_t count_ = 0;
  std::map<base::Tenant, std::size_t> by_tenant_;                      // of tenants that wait
  std::map<std::string, std::set<const Place*>, std::less<>> by_job_;  // of jobs that somebody waits for
};

}  // namespace vbrain::api
