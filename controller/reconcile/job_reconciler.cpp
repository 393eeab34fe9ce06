#include "controller/reconcile/job_reconciler.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/log/log.hpp"
#include "controller/planning/plan.hpp"
#include "controller/planning/status_edit.hpp"
#include "job/causes.hpp"

namespace vbrain::controller {
namespace {

using kube::ReconcileResult;

// Maximum number of plans in one pass; more means that two rules contradict each other.
constexpr int kMaxSteps = 16;

// The current attempt has a pod that has not ended.
bool is_there(const Snapshot& snapshot) {
  const PodSighting* pod = snapshot.pod_of(current_attempt(snapshot.job));
  return pod != nullptr && !pod->gone && look_at(*pod->pod).stage != PodView::Stage::kEnded;
}

// The end of the current attempt's pod is unknown, unless its runner recorded it in the manifest. An existing manifest
// makes no difference here: a usable one would have ended the attempt.
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

kube::OwnerReference owner_of(const kube::Pod& pod) {
  const kube::OwnerReference* owner = pod.meta.controller_owner();
  return owner == nullptr ? kube::OwnerReference{} : *owner;
}

bool is_news(const kube::Change<kube::Pod>& change) {
  if (!change.old || !change.now || change.old->meta.uid != change.now->meta.uid) return true;
  const PodView before = look_at(*change.old);
  const PodView now = look_at(*change.now);
  // Its end is told by many fields.
  if (now.stage == PodView::Stage::kEnded) return true;
  return before != now || change.old->meta.deletion_timestamp != change.now->meta.deletion_timestamp ||
         is_disrupted(*change.old) != is_disrupted(*change.now) || owner_of(*change.old) != owner_of(*change.now);
}

kube::Urgency urgency_of(const job::Job* job, bool has_pod) {
  if (job == nullptr) return kube::Urgency::kLow;
  if (job::is_terminal(job->status.phase) && !job->meta.deletion_timestamp) return kube::Urgency::kLow;
  return has_pod ? kube::Urgency::kHigh : kube::Urgency::kNormal;
}

JobReconciler::JobReconciler(Caches caches, Admission& admission, Executor& executor, const base::Clock& clock,
                             Rules rules)
    : caches_(caches), admission_(admission), executor_(executor), clock_(clock), rules_(rules) {}

kube::Urgency JobReconciler::urgency(const std::string& name) const {
  // A packed Job has ended, so it is as urgent as none. It is not decoded here, because the queue is locked.
  const auto job = caches_.jobs.get_unpacked(name);
  return urgency_of(job.get(), job != nullptr && !caches_.pods.by_index(kPodsByJob, name).empty());
}

void JobReconciler::on_job_change(const kube::Change<job::Job>& change) {
  if (!change.now) {
    // Also while another controller leads, when no pass over the job comes.
    executor_.forget(change.old->meta.name);
    return memory_.forget(change.old->meta.name);
  }
  // The API server's history went back (etcd was restored): later writes may be undone.
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
  executor_.note_seen(snapshot.job);
  snapshot.known_for = memory_.known_for(cached.meta.name, clock_.steady());
  snapshot.unseen_write_for = memory_.unseen_write_for(cached.meta.name, clock_.steady());
  snapshot.application = find_application(caches_.applications, snapshot.job.spec.application_id);
  auto pods = caches_.pods.by_index(kPodsByJob, snapshot.job.meta.name);
  std::erase_if(pods, [&](const auto& pod) { return pod->meta.controller_owner()->uid != snapshot.job.meta.uid; });
  snapshot.pods = memory_.sightings(snapshot.job, pods, clock_);
  if (snapshot.job.meta.deletion_timestamp) {
    snapshot.deleting_for = memory_.deleting_for(snapshot.job.meta.name, clock_.steady());
  }
  snapshot.archived = memory_.archived(snapshot.job.meta.name);
  snapshot.removed = memory_.removed(snapshot.job.meta.name);
  snapshot.failed = memory_.failures(snapshot.job.meta.name, clock_.steady());
  snapshot.turn = admission_.look(snapshot.job);
  measure(snapshot);
  return snapshot;
}

// Times since the times in the job's status. Nobody asks for those of an ended job.
void JobReconciler::measure(Snapshot& snapshot) {
  const std::string& name = snapshot.job.meta.name;
  snapshot.since_start = {};
  snapshot.since_attempt = {};
  const job::JobStatus& status = snapshot.job.status;
  if (const auto start = status.start_time; start && !job::is_terminal(status.phase)) {
    snapshot.since_start = memory_.since_start(name, *start, clock_);
    snapshot.since_attempt = memory_.since_attempt(name, attempt_start(snapshot), clock_);
  }
}

void JobReconciler::remember(Snapshot& snapshot, const job::Job& before) {
  const std::string& name = snapshot.job.meta.name;
  if (snapshot.job.meta.resource_version != before.meta.resource_version) {
    memory_.note_newest(snapshot.job, clock_.steady());
    executor_.note_seen(snapshot.job);
    // A free slot is given away at once, without waiting for the watch.
    snapshot.turn = admission_.look(snapshot.job);
    measure(snapshot);
  }
  const job::JobStatus& status = snapshot.job.status;
  // An attempt that is counted after it was begun is the same as before.
  const bool counts = before.status.attempts == 0 && status.attempts == 1 && status.phase == job::Phase::kStarted;
  if (!counts && (status.attempts != before.status.attempts || status.phase != before.status.phase)) {
    memory_.forget_failures(name);
    snapshot.failed.clear();
  }
  memory_.note_pods(name, snapshot.pods, clock_.steady());
  for (PodSighting& sighting : snapshot.pods) sighting.events_read = sighting.is_new = false;
  if (snapshot.archived) memory_.note_archived(name);
  if (snapshot.removed) memory_.note_removed(name);
}

void JobReconciler::note_success(const Action& action, Snapshot& snapshot) {
  const std::string name = name_of(action, snapshot);
  if (std::erase_if(snapshot.failed, [&](const FailedAction& failed) { return failed.action == name; }) != 0) {
    memory_.note_success(snapshot.job.meta.name, name);
  }
}

void JobReconciler::note_failure(const Action& action, const Failure& failure, Snapshot& snapshot) {
  const std::string name = name_of(action, snapshot);
  const job::Job& job = snapshot.job;
  const auto [failed, worth_telling] = memory_.note_failure(job.meta.name, name, failure, clock_.steady());
  std::erase_if(snapshot.failed, [&](const FailedAction& old) { return old.action == name; });
  snapshot.failed.push_back(failed);
  if (!worth_telling) return;
  base::log_warning("an action for a job failed and will be tried again", {{"job", job.meta.name},
                                                                           job.ids(),
                                                                           {"action", name},
                                                                           {"reason", failure.reason},
                                                                           {"error", failure.message},
                                                                           {"retry_ms", failed.retry_in.count()}});
  // For facts that the status can't report.
  const bool has_status = !job::is_terminal(job.status.phase) && !job.meta.deletion_timestamp;
  if (!has_status || std::holds_alternative<WriteStatus>(action)) {
    executor_.record({.warning = true,
                      .reason = failure.reason,
                      .note = job::tell(failure.reason, failure.message),
                      .action = "Reconcile"},
                     job.meta);
  }
}

void JobReconciler::note_loss(Snapshot& snapshot) {
  snapshot.lost_for = {};
  if (is_lost(snapshot)) {
    snapshot.lost_for = memory_.lost_for(snapshot.job.meta.name, current_attempt(snapshot.job), clock_.steady());
  } else if (snapshot.files || is_there(snapshot)) {
    memory_.note_found(snapshot.job.meta.name);
  }
}

// The result of a plan without actions.
ReconcileResult JobReconciler::rest(const Snapshot& snapshot, Plan plan) {
  const std::string& name = snapshot.job.meta.name;
  // A job whose claim is refused releases its slot until its next try.
  const bool is_refused = std::ranges::any_of(snapshot.failed, [](const FailedAction& failed) {
    return failed.action.starts_with("status Started ") && failed.failure.without_effect;
  });
  if (is_refused && snapshot.job.status.attempts == 0) admission_.give_back(name);
  // If the watch never shows the write, it was undone.
  if (memory_.unseen_write_for(name, clock_.steady())) plan.wake_after(kWatchPatience);
  return look_again(snapshot, plan.requeue_after ? ReconcileResult::after(*plan.requeue_after) : ReconcileResult::ok());
}

// A live job is planned again after three to five minutes whatever the watches show. The time is random, so that the
// jobs of an installation are not planned all at once.
ReconcileResult JobReconciler::look_again(const Snapshot& snapshot, ReconcileResult result) const {
  if (job::is_terminal(snapshot.job.status.phase) && !snapshot.job.meta.deletion_timestamp) return result;
  const auto now = clock_.steady().time_since_epoch() / std::chrono::minutes(1);
  const std::size_t part = std::hash<std::string>{}(snapshot.job.meta.name + std::to_string(now)) % 120;
  const std::chrono::milliseconds again = std::chrono::seconds(180 + part);
  if (result.kind == ReconcileResult::Kind::kOk) return ReconcileResult::ok(again);
  if (result.kind == ReconcileResult::Kind::kAfter) return ReconcileResult::after(std::min(again, result.delay));
  return result;
}

ReconcileResult JobReconciler::reconcile(const std::string& key, std::stop_token stop) {
  const auto cached = caches_.jobs.get(key);
  if (cached == nullptr) {
    memory_.forget(key);
    executor_.forget(key);
    admission_.forget(key);
    return ReconcileResult::ok();
  }
  Snapshot snapshot = observe(*cached);
  for (int step = 0; step < kMaxSteps; ++step) {
    const Plan next = plan(snapshot);
    if (next.actions.empty()) return rest(snapshot, next);
    for (const Action& action : next.actions) {
      const job::Job before = snapshot.job;
      const Step done = executor_.execute(action, snapshot, snapshot, stop);
      if (done.has_failed()) {
        note_failure(action, done.failure(), snapshot);
      } else if (done.goes_on()) {
        note_success(action, snapshot);
      }
      remember(snapshot, before);
      if (done.ends_pass()) return look_again(snapshot, done.result());
      if (!done.goes_on()) break;
    }
    note_loss(snapshot);
  }
  base::log_error("a job's plan asks for new actions without end, which is a fault of vBrain; the job is tried again",
                  {{"job", key}, snapshot.job.ids()});
  return ReconcileResult::retryable("the plan asked for new actions without end");
}

}  // namespace vbrain::controller
