#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/time/clock.hpp"
#include "controller/planning/plan.hpp"
#include "controller/planning/snapshot.hpp"
#include "controller/reconcile/admission.hpp"
#include "controller/reconcile/executor.hpp"
#include "controller/reconcile/job_memory.hpp"
#include "job/application.hpp"
#include "job/job.hpp"
#include "kube/api/pod.hpp"
#include "kube/cache/cache.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// Names of the indexes that the informers' caches must have.
inline constexpr const char* kPodsByJob = "job";          // Pod: name of the controlling Job
inline constexpr const char* kJobsByApplication = "app";  // Job: spec.applicationId

// The Job that controls a pod; empty if none does.
std::string controlling_job(const kube::Pod& pod);

// How soon a job is looked at. A burst of new jobs does not hold up those that run, and ended ones hold up nobody.
// Pure.
kube::Urgency urgency_of(const job::Job* job, bool has_pod);

// Whether a change of a pod may be a reason to act. The binding to a node, a normal start and changes of what nobody
// reads are none. Pure.
bool is_news(const kube::Change<kube::Pod>& change);

// Observes, plans and executes until nothing is left to do for one Job. The queue never gives one key to two workers.
class JobReconciler {
 public:
  struct Caches {
    const kube::Cache<job::Job>& jobs;
    const kube::Cache<job::Application>& applications;
    const kube::Cache<kube::Pod>& pods;
  };

  // The referenced objects must outlive the reconciler.
  JobReconciler(Caches caches, Admission& admission, Executor& executor, const base::Clock& clock, Rules rules);

  kube::ReconcileResult reconcile(const std::string& key, std::stop_token stop);

  // By what the caches know of the job. Thread-safe.
  kube::Urgency urgency(const std::string& name) const;

  // Called by the informer before the key is added to the queue; also while another controller leads.
  void on_job_change(const kube::Change<job::Job>& change);
  void on_pod_change(const kube::Change<kube::Pod>& change);

  // The record of the job's end is on the volume, for all that this process knows.
  bool is_archived(const std::string& job) const { return memory_.archived(job); }

 private:
  Snapshot observe(const job::Job& cached);
  void measure(Snapshot& snapshot);
  void remember(Snapshot& snapshot, const job::Job& before);
  void note_success(const Action& action, Snapshot& snapshot);
  void note_failure(const Action& action, const Failure& failure, Snapshot& snapshot);
  void note_loss(Snapshot& snapshot);
  kube::ReconcileResult rest(const Snapshot& snapshot, Plan plan);
  kube::ReconcileResult look_again(const Snapshot& snapshot, kube::ReconcileResult result) const;

  const Caches caches_;
  Admission& admission_;
  Executor& executor_;
  const base::Clock& clock_;
  const Rules rules_;
  JobMemory memory_;
};

}  // namespace vbrain::controller
