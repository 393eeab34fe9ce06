#include "controller/reconcile/job_reconciler.hpp"

#include <algorithm>

#include "artifacts/store/safe_open.hpp"
#include "base/log.hpp"
#include "controller/planning/plan.hpp"

namespace vbrain::controller {
namespace {

using kube::ReconcileResult;

// A plan leads to the next one at most this often in one pass; more means a rule that contradicts another.
constexpr int kMaxSteps = 16;

// The current attempt has a pod that has not ended.
bool is_there(const Snapshot& snapshot) {
  const PodSighting* pod = snapshot.pod_of(snapshot.job.status.attempts);
  return pod != nullptr && !pod->gone && look_at(*pod->pod).stage != PodView::Stage::kEnded;
}

// Nobody can tell how the current attempt's pod ended, unless its runner did in the manifest. A manifest that is there
// makes no difference: one that could be used would have ended the attempt.
bool is_lost(const Snapshot& snapshot) {
  if (!snapshot.files || is_there(snapshot)) return false;
  const auto& claim = snapshot.files->claim;
  return claim && claim->by != artifacts::Claim::By::kController;
}

}  // namespace

std::string controlling_job(const kube::Pod& pod) {
  const kube::OwnerReference* owner = pod.meta.controller_owner();
  return owner != nullptr && owner->kind == job::Job::kType.kind ? owner->name : std::string{};
}

JobReconciler::JobReconciler(Caches caches, Admission& admission, Executor& executor, const base::Clock& clock,
                             Rules rules)
    : caches_(caches), admission_(admission), executor_(executor), clock_(clock), rules_(rules) {}

void JobReconciler::on_job_change(const kube::Change<job::Job>& change) {
  if (!change.now) return memory_.forget(change.old->meta.name);
  // The API server's history went back (etcd restored): what we wrote since may be undone.
  const bool went_back =
      change.old && kube::is_older_version(change.now->meta.resource_version, change.old->meta.resource_version);
  if (went_back) memory_.forget_writes(change.now->meta.name);
}

void JobReconciler::on_pod_change(const kube::Change<kube::Pod>& change) {
  const bool replaced = change.old && change.now && change.old->meta.uid != change.now->meta.uid;
  if (!change.old || (change.now && !replaced)) return;
  if (const std::string job = controlling_job(*change.old); !job.empty()) memory_.note_deleted(job, change.old);
}

Snapshot JobReconciler::observe(const job::Job& cached) {
  Snapshot snapshot;
  snapshot.rules = rules_;
  snapshot.now = clock_.now();
  snapshot.job = memory_.newest(cached);
  snapshot.unseen_write_for = memory_.unseen_write_for(cached.meta.name, clock_.steady());
  snapshot.application = find_application(caches_.applications, snapshot.job.spec.application_id);
  auto pods = caches_.pods.by_index(kPodsByJob, snapshot.job.meta.name);
  std::erase_if(pods, [&](const auto& pod) { return pod->meta.controller_owner()->uid != snapshot.job.meta.uid; });
  snapshot.pods = memory_.sightings(snapshot.job, pods, clock_.steady());
  if (snapshot.job.meta.deletion_timestamp) {
    snapshot.deleting_for = memory_.deleting_for(snapshot.job.meta.name, clock_.steady());
  }
  snapshot.archived = memory_.archived(snapshot.job.meta.name);
  snapshot.removed = memory_.removed(snapshot.job.meta.name);
  snapshot.turn = admission_.look(snapshot.job);
  return snapshot;
}

void JobReconciler::remember(Snapshot& snapshot, const std::string& version_before) {
  const std::string& name = snapshot.job.meta.name;
  if (snapshot.job.meta.resource_version != version_before) {
    memory_.note_newest(snapshot.job, clock_.steady());
    // A place that became free is given away at once, not when the watch comes round.
    snapshot.turn = admission_.look(snapshot.job);
  }
  if (snapshot.write_refused) admission_.give_back(name);
  memory_.note_pods(name, snapshot.pods, clock_.steady());
  if (snapshot.archived) memory_.note_archived(name);
  if (snapshot.removed) memory_.note_removed(name);
}

Step JobReconciler::execute(const Action& action, Snapshot& snapshot, std::stop_token stop) {
  try {
    return executor_.execute(action, snapshot, snapshot, stop);
  } catch (const artifacts::VolumeError& error) {
    return Step::pass_ends(ReconcileResult::retryable(error.what()));
  }
}

void JobReconciler::note_loss(Snapshot& snapshot) {
  snapshot.lost_for = {};
  if (is_lost(snapshot)) {
    snapshot.lost_for = memory_.lost_for(snapshot.job.meta.name, snapshot.job.status.attempts, clock_.steady());
  } else if (snapshot.files || is_there(snapshot)) {
    memory_.note_found(snapshot.job.meta.name);
  }
}

ReconcileResult JobReconciler::reconcile(const std::string& key, std::stop_token stop) {
  const auto cached = caches_.jobs.get(key);
  if (cached == nullptr) {
    memory_.forget(key);
    admission_.forget(key);
    return ReconcileResult::ok();
  }
  Snapshot snapshot = observe(*cached);
  for (int step = 0; step < kMaxSteps; ++step) {
    Plan next = plan(snapshot);
    if (next.actions.empty()) {
      // Should the watch never show our write, it was undone.
      if (memory_.unseen_write_for(key, clock_.steady())) next.wake_after(kWatchPatience);
      return next.requeue_after ? ReconcileResult::after(*next.requeue_after) : ReconcileResult::ok();
    }
    for (const Action& action : next.actions) {
      const std::string version_before = snapshot.job.meta.resource_version;
      const Step done = execute(action, snapshot, stop);
      remember(snapshot, version_before);
      if (done.ends_pass()) return done.result();
      if (!done.goes_on()) break;
    }
    note_loss(snapshot);
  }
  base::log_error("a job's plan does not come to rest", {{"job", key}});
  return ReconcileResult::retryable("the plan does not come to rest");
}

}  // namespace vbrain::controller
