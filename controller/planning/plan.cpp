#include "controller/planning/plan.hpp"

#include <algorithm>

#include "controller/planning/status_edit.hpp"
#include "controller/planning/uncounted.hpp"
#include "job/callback.hpp"
#include "job/causes.hpp"

namespace vbrain::controller {
namespace {

// Files are purged only after a check whether the namespace or the definition is being deleted, and that needs a moment
// to be visible in all parts of the API server.
constexpr std::chrono::milliseconds kBeforePurge{1'000};

// A pod of an ended job that is still there so long after its removal was asked for is tried again.
constexpr std::chrono::hours kRemovalPatience{1};

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

// How long ago a pod was told to stop, or since when the API server refuses to delete it.
std::chrono::milliseconds stopping_for(const Snapshot& snapshot, const PodSighting& sighting) {
  if (is_stopping(sighting)) return sighting.stopping_for;
  const FailedAction* failed = snapshot.failure_of(name_of(stop(sighting), snapshot));
  return failed != nullptr ? failed->failing_for : std::chrono::milliseconds(0);
}

// True if a pod may still run; then the plan sets a time to give it up.
bool waits_for_pods(const Snapshot& snapshot, Plan& plan) {
  bool waits = false;
  for (const PodSighting& sighting : snapshot.pods) {
    const auto stopping = stopping_for(snapshot, sighting);
    if (!is_alive(sighting) || stopping >= snapshot.rules.node_loss_timeout) continue;
    waits = true;
    plan.wake_after(snapshot.rules.node_loss_timeout - stopping);
  }
  return waits;
}

// Until when the action is left out because it failed; 0: it may be tried.
std::chrono::milliseconds held_back_for(const Snapshot& snapshot, const Action& action) {
  const FailedAction* failed = snapshot.failure_of(name_of(action, snapshot));
  return failed != nullptr ? failed->retry_in : std::chrono::milliseconds(0);
}

// Adds the removal of a pod, unless it failed a moment ago.
void add_stop(const Snapshot& snapshot, const PodSighting& sighting, Plan& plan) {
  const StopPod action = stop(sighting);
  if (const auto left = held_back_for(snapshot, action); left > std::chrono::milliseconds(0)) {
    plan.wake_after(left);
  } else {
    plan.actions.emplace_back(action);
  }
}

// Reports in the status what fails, while the job is live and its status can be written.
void tell_failure(const Snapshot& snapshot, const FailedAction& failed, Plan& plan) {
  const job::Job& job = snapshot.job;
  if (job.meta.deletion_timestamp || job::is_terminal(job.status.phase)) return;
  if (failed.failure.passing && failed.failing_for < kWorthTelling) return;
  // The message of a failure that passes, or of a full quota, is another one at each try.
  const bool same_message = failed.failure.passing || failed.failure.capacity ||
                            job.status.message == job::tell(failed.failure.reason, failed.failure.message);
  if (job.status.reason == failed.failure.reason && same_message) return;
  Action telling = with_news(snapshot, failed.failure.reason, failed.failure.message);
  if (const auto left = held_back_for(snapshot, telling); left > std::chrono::milliseconds(0)) {
    plan.wake_after(left);
  } else {
    plan.actions.push_back(std::move(telling));
  }
}

// Leaves out actions that failed a moment ago, and those that depend on them. Stopping a pod depends on no other
// action.
Plan hold_back(const Snapshot& snapshot, Plan wanted) {
  Plan plan;
  plan.requeue_after = wanted.requeue_after;
  const FailedAction* failed = nullptr;
  for (Action& action : wanted.actions) {
    const auto left = held_back_for(snapshot, action);
    if (left > std::chrono::milliseconds(0)) {
      plan.wake_after(left);
      failed = snapshot.failure_of(name_of(action, snapshot));
    } else {
      plan.actions.push_back(std::move(action));
    }
  }
  if (failed == nullptr) return plan;
  std::erase_if(plan.actions, [](const Action& action) { return !std::holds_alternative<StopPod>(action); });
  const bool is_status = failed->action.starts_with("status ");
  if (plan.actions.empty() && !is_status) tell_failure(snapshot, *failed, plan);
  return plan;
}

RecordEvent given_up(const Snapshot& snapshot, const PodSighting& sighting) {
  const kube::Pod& pod = *sighting.pod;
  const std::string node = pod.node_name.empty() ? "its node" : "its node " + pod.node_name;
  const FailedAction* failed = snapshot.failure_of(name_of(stop(sighting), snapshot));
  const std::string cause =
      failed != nullptr ? failed->failure.message : node + " has not answered since it was told to stop";
  const std::string reason = failed != nullptr ? failed->failure.reason : "NodeLost";
  return {{.warning = true,
           .reason = reason,
           .note = job::tell(reason, "pod " + pod.meta.name + " was given up, and may still run: " + cause),
           .action = "Delete"}};
}

base::TimePoint end_of(const job::Job& job) {
  return job.status.completion_time.value_or(job.meta.creation_timestamp);
}

std::chrono::milliseconds time_to_live(const Snapshot& snapshot) {
  const std::int64_t ttl =
      snapshot.application ? snapshot.application->ttl_seconds_after_finished : job::kDefaultTtlSeconds;
  return end_of(snapshot.job) + std::chrono::seconds(ttl) - snapshot.now;
}

// Removes the pods of an ended job when nobody looks at them any more. What they left is on the volume.
void add_removal_of_pods(const Snapshot& snapshot, Plan& plan) {
  const auto stays = [](const PodSighting& sighting) { return !sighting.gone && !is_stopping(sighting); };
  if (std::ranges::none_of(snapshot.pods, stays)) return;
  const bool succeeded = snapshot.job.status.phase == job::Phase::kFinished;
  const auto left = end_of(snapshot.job) - snapshot.now +
                    (succeeded ? snapshot.rules.pod_retention_success : snapshot.rules.pod_retention_failure);
  if (left > std::chrono::milliseconds(0)) {
    plan.wake_after(left);
  } else if (snapshot.removal_asked_for) {
    plan.wake_after(kRemovalPatience);
  } else {
    plan.actions.emplace_back(RemovePods{});
  }
}

// The newest attempt, after the one that the status counts, for which a pod exists; 0 if there is none.
int attempt_beyond_status(const Snapshot& snapshot) {
  int newest = 0;
  for (const PodSighting& sighting : snapshot.pods) {
    if (!sighting.gone) newest = std::max(newest, attempt_of(*sighting.pod, snapshot.job));
  }
  return newest > current_attempt(snapshot.job) ? newest : 0;
}

// Actions that destroy something and have no precondition on the current Job or Application. (A job fails by limits of
// its Application.)
bool needs_confirmed_job(const Action& action) {
  const auto* write = std::get_if<WriteStatus>(&action);
  return (write != nullptr && write->status.phase == job::Phase::kFailed) || std::holds_alternative<StopPod>(action) ||
         std::holds_alternative<CloseAttempt>(action) || std::holds_alternative<PurgeFolder>(action);
}

Plan decide(const Snapshot& snapshot) {
  const job::Job& job = snapshot.job;
  if (job.meta.deletion_timestamp) return plan_deletion(snapshot);
  if (job::is_terminal(job.status.phase)) return plan_ended(snapshot);
  // The Job was set back, by hand or from a backup. Its pod continues: an attempt number is never used twice.
  if (const int newest = attempt_beyond_status(snapshot); newest != 0) {
    return Plan::of(WriteStatus{with_attempt_found(snapshot, newest), {}});
  }
  // Before anything is created that a deletion would have to remove.
  if (!job.meta.has_finalizer(job::kFinalizer)) {
    const bool fails = snapshot.failure_of(name_of(AddFinalizer{}, snapshot)) != nullptr;
    if (!fails || !job.spec.cancel || job.status.attempts != 0) return Plan::of(AddFinalizer{});
  }
  // No write of this controller leaves a job whose last attempt has ended but which has not ended itself.
  if (job.status.attempts == 0 || has_recorded_end(job.status)) return plan_queued(snapshot);
  return plan_attempt(snapshot);
}

}  // namespace

Plan plan(const Snapshot& snapshot) {
  if (snapshot.removed) return {};
  if (is_uncounted(snapshot)) {
    const Snapshot as_counted = counted(snapshot);
    return with_count(as_counted, plan(as_counted));
  }
  const Plan confirm = Plan::of(ConfirmJob{});
  if (!snapshot.job_confirmed) {
    // A pod of a later attempt means that the caches show an old Job.
    if (attempt_beyond_status(snapshot) != 0) return hold_back(snapshot, confirm);
    // The watch has not shown this controller's write for so long that it may have been undone (etcd restored).
    if (snapshot.unseen_write_for.value_or(std::chrono::milliseconds(0)) >= kWatchPatience) {
      return hold_back(snapshot, confirm);
    }
  }
  Plan next = hold_back(snapshot, decide(snapshot));
  if (!snapshot.job_confirmed && std::ranges::any_of(next.actions, needs_confirmed_job)) {
    return hold_back(snapshot, confirm);
  }
  return next;
}

Plan plan_deletion(const Snapshot& snapshot) {
  Plan plan;
  const job::Job& job = snapshot.job;
  if (!job.meta.has_finalizer(job::kFinalizer)) return plan;  // other finalizers are not vBrain's
  for (const PodSighting& sighting : snapshot.pods) {
    if (!sighting.gone && !is_stopping(sighting)) add_stop(snapshot, sighting, plan);
  }
  if (waits_for_pods(snapshot, plan) || !plan.actions.empty()) return plan;
  if (snapshot.deleting_for < kBeforePurge) {
    plan.wake_after(kBeforePurge - snapshot.deleting_for);
    return plan;
  }
  // A pod that was just created may not be in the caches, nor in the status.
  const int attempt = current_attempt(job);
  if (!job::is_terminal(job.status.phase) && snapshot.pod_of(attempt) == nullptr && !snapshot.pod_asked_for) {
    return Plan::of(InspectAttempt{attempt});
  }
  for (const PodSighting& sighting : snapshot.pods) {
    if (is_alive(sighting)) plan.actions.emplace_back(given_up(snapshot, sighting));
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
    if (view.stage != PodView::Stage::kEnded || view.others_running) add_stop(snapshot, sighting, plan);
  }
  if (!snapshot.archived) plan.actions.emplace_back(ArchiveStatus{});
  // The garbage collector removes the pods with the resource that owns them.
  if (!plan.actions.empty() || waits_for_pods(snapshot, plan)) return plan;
  // With the resource it would be forgotten that its receiver is still to be told. Who leads tells it, or gives it up
  // after a day; the write of the result brings the job here again.
  const std::chrono::milliseconds to_tell =
      job::callback_is_due(snapshot.job) ? job::kCallbackPatience : std::chrono::hours(0);
  const auto left = std::max(time_to_live(snapshot), to_tell);
  if (left > std::chrono::milliseconds(0)) {
    // An uninstallation took it. Without it a deletion of the Job would leave its files.
    if (!snapshot.job.meta.has_finalizer(job::kFinalizer)) return Plan::of(AddFinalizer{});
    plan.wake_after(left);
    add_removal_of_pods(snapshot, plan);
    return plan;
  }
  return Plan::of(DeleteJob{});
}

// A controller that leads no more may be creating the pod of the first attempt. The claim makes sure that its
// application never starts. A job must be able to end although its volume fails: then the plan waits as long as for a
// lost node.
Plan plan_cancellation(const Snapshot& snapshot) {
  const Action end = with_end_unstarted(snapshot, "Cancelled", "cancelled before it started");
  const Action close = CloseAttempt{1};
  if (snapshot.job.status.attempts > 0 || (snapshot.files && snapshot.files->claim)) return Plan::of(end);
  const FailedAction* failed = snapshot.failure_of(name_of(close, snapshot));
  if (failed == nullptr || failed->failing_for < snapshot.rules.node_loss_timeout) return Plan::of(close);
  return Plan::of(snapshot.pod_asked_for ? end : InspectAttempt{1});
}

Plan plan_queued(const Snapshot& snapshot) {
  const job::Job& job = snapshot.job;
  if (job.spec.cancel) return plan_cancellation(snapshot);

  const auto wait_because = [&](std::string_view reason, const std::string& message) {
    return job.status.reason == reason ? Plan{} : Plan::of(with_news(snapshot, reason, message));
  };
  if (job.spec.suspend) {
    return job.status.reason == kSuspendedReason ? Plan{} : Plan::of(with_suspension(snapshot));
  }
  const bool may_come = snapshot.known_for < kOtherWatches;
  const auto wait_for_other_watches = [&] {
    Plan plan;
    plan.wake_after(kOtherWatches - snapshot.known_for);
    return plan;
  };
  if (!snapshot.application) {
    if (may_come) return wait_for_other_watches();
    return wait_because("UnknownApplication",
                        "waiting: there is no Application with applicationId '" + job.spec.application_id + "'");
  }
  if (!snapshot.application->open_to(job.spec.organization_id)) {
    return wait_because("ApplicationNotAllowed", "waiting: Application '" + snapshot.application->meta.name +
                                                     "' is not open to organization '" + job.spec.organization_id +
                                                     "'");
  }
  if (!snapshot.turn.client_found && may_come) return wait_for_other_watches();
  if (!snapshot.turn.may_begin) {
    return snapshot.turn.why_not.empty() ? Plan{} : wait_because("ConcurrencyLimit", snapshot.turn.why_not);
  }
  if (may_begin_uncounted(snapshot)) return Plan::of(CreatePod{1});
  return Plan::of(with_first_attempt(snapshot));
}

}  // namespace vbrain::controller
