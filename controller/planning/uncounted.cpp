#include "controller/planning/uncounted.hpp"

#include <algorithm>

#include "controller/planning/folder_rules.hpp"
#include "controller/planning/status_edit.hpp"

namespace vbrain::controller {
namespace {

constexpr int kFirst = 1;

// Since its pod was created; zero while there is none.
std::chrono::milliseconds age_of(const Snapshot& snapshot) {
  const PodSighting* sighting = snapshot.pod_of(kFirst);
  return sighting != nullptr ? sighting->age : std::chrono::milliseconds(0);
}

// The same by the local steady clock alone: the clock of the API server may be ahead.
std::chrono::milliseconds known_for(const Snapshot& snapshot) {
  const PodSighting* sighting = snapshot.pod_of(kFirst);
  if (sighting == nullptr) return {};
  return std::max({sighting->age, sighting->waiting_for, sighting->running_for});
}

}  // namespace

bool may_begin_uncounted(const Snapshot& snapshot) {
  const job::JobStatus& status = snapshot.job.status;
  const bool is_new = status.conditions.empty() && !status.observed_generation && !is_recovered(snapshot.job);
  // Somebody deletes its pods: that must be counted, or there would be another one without end. A pod that had ended
  // may be of a time before a restore of etcd: then the volume has the record.
  const PodSighting* pod = snapshot.pod_of(kFirst);
  if (pod != nullptr && look_at(*pod->pod).stage != PodView::Stage::kEnded) return false;
  return is_new && status.attempts == 0 && !snapshot.turn.is_counted && snapshot.turn.client_found;
}

bool is_uncounted(const Snapshot& snapshot) {
  if (snapshot.job.status.attempts != 0 || job::is_terminal(snapshot.job.status.phase)) return false;
  if (snapshot.record || snapshot.newest_attempt > 0) return true;
  // A pod that is gone may be of a time before a restore of etcd: the volume knows what became of it, and CreatePod
  // reads that first.
  const PodSighting* pod = snapshot.pod_of(kFirst);
  if (pod != nullptr && !pod->gone) return true;
  // A claim of the controller is of a job that ends before it starts.
  if (snapshot.files && snapshot.files->claim) {
    if (snapshot.files->claim->by != artifacts::Claim::By::kController || !snapshot.job.spec.cancel) return true;
  }
  return snapshot.failure_of(name_of(CreatePod{kFirst}, snapshot)) != nullptr;
}

Snapshot counted(const Snapshot& snapshot) {
  Snapshot counted = snapshot;
  const auto age = age_of(snapshot);
  counted.job.status = with_first_attempt(snapshot).status;
  // Nobody has told them yet.
  counted.job.status.conditions = snapshot.job.status.conditions;
  counted.job.status.start_time = snapshot.now - age;
  // Its pod was removed while no controller led.
  const bool no_pod = snapshot.pod_of(kFirst) == nullptr;
  if (no_pod && snapshot.files && snapshot.files->claim) {
    counted.job.status.start_time = std::min(snapshot.now, snapshot.files->claim->time);
  }
  counted.since_start = age;
  counted.since_attempt = age;
  for (PodSighting& sighting : counted.pods) {
    // Counted as running at once, else one write would follow another.
    if (known_for(snapshot) >= kCountedAfter && look_at(*sighting.pod).stage == PodView::Stage::kRunning)
      sighting.running_for = std::max(sighting.running_for, kWorthTelling);
  }
  return counted;
}

Plan with_count(const Snapshot& counted, Plan plan) {
  if (!plan.actions.empty() || counted.job.meta.deletion_timestamp) return plan;
  const Action count = WriteStatus{counted.job.status, {}};
  const FailedAction* failed = counted.failure_of(name_of(count, counted));
  const auto left =
      std::max(kCountedAfter - known_for(counted), failed != nullptr ? failed->retry_in : std::chrono::milliseconds(0));
  if (left > std::chrono::milliseconds(0)) {
    plan.wake_after(left);
  } else {
    plan.actions.push_back(count);
  }
  return plan;
}

}  // namespace vbrain::controller
