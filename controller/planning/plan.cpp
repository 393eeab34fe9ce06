#include "controller/planning/plan.hpp"

#include <algorithm>

#include "controller/planning/status_edit.hpp"

namespace vbrain::controller {
namespace {

// Files are purged only after a look at whether the whole installation goes, and the API server needs a moment until
// all its parts know that.
constexpr std::chrono::milliseconds kBeforePurge{1'000};

// For jobs whose Application is gone: the default of its definition.
constexpr std::int64_t kDefaultTtlSeconds = 86'400;

bool has_recorded_end(const job::JobStatus& status) {
  return std::ranges::any_of(status.attempt_history,
                             [&](const job::AttemptRecord& record) { return record.attempt == status.attempts; });
}

bool is_alive(const PodSighting& sighting) {
  return !sighting.gone && look_at(*sighting.pod).stage != PodView::Stage::kEnded;
}

StopPod stop(const PodSighting& sighting) {
  return {.name = sighting.pod->meta.name, .uid = sighting.pod->meta.uid};
}

bool is_stopping(const PodSighting& sighting) {
  return sighting.pod->meta.deletion_timestamp.has_value();
}

// Whether a pod may still run; then the plan wakes when it has to be given up.
bool waits_for_pods(const Snapshot& snapshot, Plan& plan) {
  bool waits = false;
  for (const PodSighting& sighting : snapshot.pods) {
    if (!is_alive(sighting) || sighting.stopping_for >= snapshot.rules.node_loss_timeout) continue;
    waits = true;
    plan.wake_after(snapshot.rules.node_loss_timeout - sighting.stopping_for);
  }
  return waits;
}

RecordEvent given_up(const kube::Pod& pod) {
  const std::string node = pod.node_name.empty() ? "its node" : "its node " + pod.node_name;
  return {{.warning = true,
           .reason = "NodeLost",
           .note = "pod " + pod.meta.name + " was given up, and may still run: " + node +
                   " has not answered since it was told to stop",
           .action = "Delete"}};
}

std::chrono::milliseconds time_to_live(const Snapshot& snapshot) {
  const std::int64_t ttl = snapshot.application ? snapshot.application->ttl_seconds_after_finished : kDefaultTtlSeconds;
  const base::TimePoint end = snapshot.job.status.completion_time.value_or(snapshot.job.meta.creation_timestamp);
  return end + std::chrono::seconds(ttl) - snapshot.now;
}

// The newest attempt, after the one that the status counts, of which a pod exists; 0 if there is none.
int attempt_beyond_status(const Snapshot& snapshot) {
  int newest = 0;
  for (const PodSighting& sighting : snapshot.pods) {
    if (!sighting.gone) newest = std::max(newest, attempt_of(*sighting.pod, snapshot.job));
  }
  return newest > snapshot.job.status.attempts ? newest : 0;
}

// Actions that destroy something and have no resourceVersion of the Job as precondition.
bool needs_confirmed_job(const Action& action) {
  return std::holds_alternative<StopPod>(action) || std::holds_alternative<CloseAttempt>(action) ||
         std::holds_alternative<PurgeFolder>(action);
}

Plan decide(const Snapshot& snapshot) {
  const job::Job& job = snapshot.job;
  if (job.meta.deletion_timestamp) return plan_deletion(snapshot);
  if (job::is_terminal(job.status.phase)) return plan_ended(snapshot);
  // The Job was set back, by hand or from a backup. Its pod goes on: an attempt never counts twice.
  if (const int newest = attempt_beyond_status(snapshot); newest != 0) {
    return Plan::of(WriteStatus{with_attempt_found(snapshot, newest), {}});
  }
  // Before anything is made that a deletion would have to clean up.
  if (!job.meta.has_finalizer(job::kFinalizer)) return Plan::of(AddFinalizer{});
  // A status whose last attempt is over without the job being so was not written by us: there is no such write.
  if (job.status.attempts == 0 || has_recorded_end(job.status)) return plan_queued(snapshot);
  return plan_attempt(snapshot);
}

}  // namespace

Plan plan(const Snapshot& snapshot) {
  if (snapshot.removed) return {};
  const Plan confirm = Plan::of(ConfirmJob{});
  if (!snapshot.job_confirmed) {
    // A pod of a later attempt means that the caches show an old Job.
    if (attempt_beyond_status(snapshot) != 0) return confirm;
    // Our own write has not come back from the watch for so long that it may have been undone (etcd restored).
    if (snapshot.unseen_write_for.value_or(std::chrono::milliseconds(0)) >= kWatchPatience) return confirm;
  }
  Plan next = decide(snapshot);
  if (!snapshot.job_confirmed && std::ranges::any_of(next.actions, needs_confirmed_job)) return confirm;
  return next;
}

Plan plan_deletion(const Snapshot& snapshot) {
  Plan plan;
  const job::Job& job = snapshot.job;
  if (!job.meta.has_finalizer(job::kFinalizer)) return plan;  // others' finalizers are others' business
  for (const PodSighting& sighting : snapshot.pods) {
    if (!sighting.gone && !is_stopping(sighting)) plan.actions.emplace_back(stop(sighting));
  }
  if (waits_for_pods(snapshot, plan) || !plan.actions.empty()) return plan;
  if (snapshot.deleting_for < kBeforePurge) {
    plan.wake_after(kBeforePurge - snapshot.deleting_for);
    return plan;
  }
  // A pod that was just made may not be in our caches.
  const int attempt = job.status.attempts;
  if (attempt > 0 && !job::is_terminal(job.status.phase) && snapshot.pod_of(attempt) == nullptr &&
      !snapshot.pod_asked_for) {
    return Plan::of(InspectAttempt{attempt});
  }
  for (const PodSighting& sighting : snapshot.pods) {
    if (is_alive(sighting)) plan.actions.emplace_back(given_up(*sighting.pod));
  }
  plan.actions.emplace_back(PurgeFolder{});
  plan.actions.emplace_back(RemoveFinalizer{});
  return plan;
}

Plan plan_ended(const Snapshot& snapshot) {
  Plan plan;
  for (const PodSighting& sighting : snapshot.pods) {
    if (sighting.gone || is_stopping(sighting)) continue;
    const PodView view = look_at(*sighting.pod);
    if (view.stage != PodView::Stage::kEnded || view.others_running) plan.actions.emplace_back(stop(sighting));
  }
  if (!snapshot.archived) plan.actions.emplace_back(ArchiveStatus{});
  // The pods go with the resource that owns them.
  if (!plan.actions.empty() || waits_for_pods(snapshot, plan)) return plan;
  if (const auto left = time_to_live(snapshot); left > std::chrono::milliseconds(0)) {
    // An uninstallation took it. Without it a deletion of the Job would leave its files.
    if (!snapshot.job.meta.has_finalizer(job::kFinalizer)) return Plan::of(AddFinalizer{});
    plan.wake_after(left);
    return plan;
  }
  return Plan::of(DeleteJob{});
}

Plan plan_queued(const Snapshot& snapshot) {
  const job::Job& job = snapshot.job;
  if (job.spec.cancel) return Plan::of(with_end_unstarted(snapshot, "Cancelled", "cancelled before it started"));

  const auto wait_because = [&](std::string_view reason, const std::string& message) {
    return job.status.reason == reason ? Plan{} : Plan::of(WriteStatus{with_reason(snapshot, reason, message), {}});
  };
  if (job.spec.suspend) {
    return job.status.reason == kSuspendedReason ? Plan{} : Plan::of(WriteStatus{with_suspension(snapshot), {}});
  }
  if (!snapshot.application) {
    return wait_because("UnknownApplication",
                        "waiting: there is no Application with applicationId '" + job.spec.application_id + "'");
  }
  if (!snapshot.application->open_to(job.spec.organization_id)) {
    return wait_because("ApplicationNotAllowed", "waiting: Application '" + snapshot.application->meta.name +
                                                     "' is not open to organization '" + job.spec.organization_id +
                                                     "'");
  }
  if (!snapshot.turn.may_begin) {
    return snapshot.turn.why_not.empty() ? Plan{} : wait_because("ConcurrencyLimit", snapshot.turn.why_not);
  }
  return Plan::of(WriteStatus{with_first_attempt(snapshot), {}});
}

}  // namespace vbrain::controller
