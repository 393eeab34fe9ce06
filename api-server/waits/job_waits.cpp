#include "api-server/waits/job_waits.hpp"

#include <utility>

#include "base/metrics.hpp"

namespace vbrain::api {
namespace {

// Whether a request can see the change in `job_status`, or that the job is not there any more.
bool may_be_seen(const kube::Change<job::Job>& change) {
  if (change.old == nullptr || change.now == nullptr) return true;
  return change.old->status.phase != change.now->status.phase || change.old->meta.uid != change.now->meta.uid ||
         change.old->meta.deletion_timestamp != change.now->meta.deletion_timestamp;
}

const job::Job& either(const kube::Change<job::Job>& change) {
  return change.now != nullptr ? *change.now : *change.old;
}

}  // namespace

JobWaits::JobWaits(std::size_t most, base::Metrics& metrics)
    : most_(most),
      most_of_tenant_((most + 1) / 2),
      waiting_(metrics.gauge("vbrain_api_waits", "Requests that wait for a change of a job.")),
      refused_(metrics.counter("vbrain_api_waits_refused_total",
                               "Requests answered at once because as many waited as may (max-waits).")) {}

JobWaits::Place::Place(JobWaits& waits, base::Tenant tenant, std::string job_id, http::Waker waker)
    : waits_(waits), tenant_(std::move(tenant)), job_id_(std::move(job_id)), waker_(std::move(waker)) {}

JobWaits::Place::~Place() {
  waits_.leave(*this);
}

std::unique_ptr<JobWaits::Place> JobWaits::enter(const base::Tenant& tenant, std::string_view job_id,
                                                 http::Waker waker) {
  const std::lock_guard lock(mutex_);
  if (!take(tenant)) {
    refused_.Increment();
    return nullptr;
  }
  waiting_.Increment();
  std::unique_ptr<Place> place(new Place(*this, tenant, std::string(job_id), std::move(waker)));
  by_job_[place->job_id_].insert(place.get());
  return place;
}

bool JobWaits::take(const base::Tenant& tenant) {
  if (count_ >= most_) return false;
  std::size_t& of_tenant = by_tenant_[tenant];
  if (of_tenant >= most_of_tenant_) return false;
  ++of_tenant;
  ++count_;
  return true;
}

void JobWaits::leave(const Place& place) {
  const std::lock_guard lock(mutex_);
  waiting_.Decrement();
  --count_;
  const auto tenant = by_tenant_.find(place.tenant_);
  if (--tenant->second == 0) by_tenant_.erase(tenant);
  const auto job = by_job_.find(place.job_id_);
  job->second.erase(&place);
  if (job->second.empty()) by_job_.erase(job);
}

void JobWaits::note(const kube::Change<job::Job>& change) {
  if (!may_be_seen(change)) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_job_.find(either(change).meta.name);
  if (found == by_job_.end()) return;
  for (const Place* place : found->second) place->waker_.wake();
}

}  // namespace vbrain::api
