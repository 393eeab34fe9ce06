#include <array>
#include <string_view>

#include "controller/planning/plan.hpp"
#include "controller/planning/status_edit.hpp"
#include "controller/planning/wording.hpp"
#include "controller/sweep/folder_rules.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = PodView::Stage;

// A pod that runs, or waits for an odd reason, for less than this is not worth a write.
constexpr milliseconds kWorthTelling{1'000};
// The scheduler says "unschedulable" of many a pod at its first look, and finds a place at the next.
constexpr milliseconds kSchedulerPatience{5'000};
constexpr milliseconds kAskAgain{10'000};
constexpr milliseconds kAskAgainAtMost{120'000};

bool is_pull_trouble(std::string_view reason) {
  return reason == "ErrImagePull" || reason == "ImagePullBackOff";
}

// The kubelet alternates between the two all the time.
bool is_same_reason(std::string_view left, std::string_view right) {
  return left == right || (is_pull_trouble(left) && is_pull_trouble(right));
}

class AttemptRules {
 public:
  explicit AttemptRules(const Snapshot& snapshot) : s_(snapshot), attempt_(snapshot.job.status.attempts) {}

  Plan decide() {
    const PodSighting* sighting = s_.pod_of(attempt_);
    stop_earlier_pods();
    if (!plan_.actions.empty()) return plan_;
    if (s_.record) return Plan::of(WriteStatus{with_recorded_end(s_, *s_.record), {}});
    if (s_.newest_attempt > attempt_) return Plan::of(WriteStatus{with_attempt_found(s_, s_.newest_attempt), {}});
    wake_at_deadline();
    if (sighting != nullptr && !sighting->gone) return with_pod(*sighting);
    // A refusal tells that there is no pod, whoever holds the claim.
    const bool claimed = s_.files && s_.files->claim && !s_.refusal;
    return sighting != nullptr || claimed ? without_pod(sighting) : before_pod();
  }

 private:
  struct StopOrder {
    std::string reason;
    std::string message;
  };

  std::optional<StopOrder> stop_order() const {
    if (s_.job.spec.cancel) return StopOrder{"Cancelled", "cancelled by request"};
    if (const auto left = active_time_left(); left && *left <= milliseconds(0)) {
      return StopOrder{"DeadlineExceeded", "ran longer than activeDeadlineSeconds, " +
                                               std::to_string(*s_.application->active_deadline_seconds) + " s"};
    }
    return std::nullopt;
  }

  std::optional<milliseconds> active_time_left() const {
    if (!s_.application || !s_.application->active_deadline_seconds || !s_.job.status.start_time) return std::nullopt;
    return *s_.job.status.start_time + seconds(*s_.application->active_deadline_seconds) - s_.now;
  }

  void wake_at_deadline() {
    if (const auto left = active_time_left(); left && *left > milliseconds(0)) plan_.wake_after(*left);
  }

  // Earlier attempts were given up (node lost, sidecars that go on), so their pods are stopped. A pod of a later
  // attempt never is.
  void stop_earlier_pods() {
    for (const PodSighting& sighting : s_.pods) {
      if (sighting.gone || sighting.pod->meta.deletion_timestamp) continue;
      if (attempt_of(*sighting.pod, s_.job) >= attempt_) continue;
      const PodView view = look_at(*sighting.pod);
      if (view.stage != Stage::kEnded || view.others_running) {
        plan_.actions.emplace_back(StopPod{sighting.pod->meta.name, sighting.pod->meta.uid});
      }
    }
  }

  // --- The pod is there.

  Plan with_pod(const PodSighting& sighting) {
    const PodView view = look_at(*sighting.pod);
    if (view.stage == Stage::kEnded) {
      const auto verdict = judge_pod(*sighting.pod, s_.files ? &*s_.files : nullptr);
      if (verdict) return finish(*verdict, &sighting);
      if (!s_.files) return Plan::of(InspectAttempt{attempt_});
      // It says that it lost the claim, and nobody has it: then nobody shall.
      if (!s_.files->claim) return Plan::of(CloseAttempt{attempt_});
      return wait_for_manifest(&sighting);
    }
    if (view.stopping) return with_stopping_pod(sighting);
    if (stop_order()) return Plan::of(StopPod{sighting.pod->meta.name, sighting.pod->meta.uid});
    return view.stage == Stage::kRunning ? with_running_pod(sighting) : with_pending_pod(sighting, view);
  }

  Plan with_running_pod(const PodSighting& sighting) {
    const std::string& node = sighting.pod->node_name;
    if (s_.job.status.reason == "Running" && s_.job.status.node_name == node) return plan_;
    if (sighting.running_for < kWorthTelling) {
      plan_.wake_after(kWorthTelling - sighting.running_for);
      return plan_;
    }
    return Plan::of(WriteStatus{
        with_reason(s_, "Running", "attempt " + std::to_string(attempt_) + " runs on node " + node, node), {}});
  }

  Plan with_pending_pod(const PodSighting& sighting, const PodView& view) {
    if (is_hopeless_wait(view.waiting_reason)) {
      return give_up_unstarted({.reason = view.waiting_reason, .message = view.waiting_message, .hopeless = true},
                               &sighting);
    }
    // The attempt may have waited for a quota before: that was not its pod's fault. The API server's clock may be
    // ahead.
    const base::TimePoint made = std::min(sighting.pod->meta.creation_timestamp, s_.now);
    const base::TimePoint start = std::max(attempt_start(s_), made);
    if (const auto overdue = overdue_start(start, view.waiting_reason, view.waiting_message)) {
      return give_up_unstarted(*overdue, &sighting);
    }
    if (view.waiting_reason.empty()) return plan_;
    const milliseconds patience = view.waiting_reason == "Unschedulable" ? kSchedulerPatience : kWorthTelling;
    if (sighting.waiting_for < patience) {
      plan_.wake_after(patience - sighting.waiting_for);
      return plan_;
    }
    return wait_because(view.waiting_reason, view.waiting_message, sighting.pod->node_name);
  }

  // Its kubelet ends it within the grace period, if there is one to hear it.
  Plan with_stopping_pod(const PodSighting& sighting) {
    if (sighting.stopping_for < s_.rules.node_loss_timeout) {
      plan_.wake_after(s_.rules.node_loss_timeout - sighting.stopping_for);
      return plan_;
    }
    if (!s_.files) return Plan::of(InspectAttempt{attempt_});
    if (!s_.files->claim) return Plan::of(CloseAttempt{attempt_});
    if (const auto verdict = judge_files(*s_.files)) return finish_deleted(*verdict, sighting);
    return finish({.reason = "NodeLost",
                   .message = "its node has not answered since the pod was told to stop",
                   .disrupted = true,
                   .claimed = true},
                  &sighting);
  }

  // --- The pod is gone, or the attempt was claimed by a pod we have not seen.

  Plan without_pod(const PodSighting* last_seen) {
    if (!s_.files || !s_.pod_asked_for) return Plan::of(InspectAttempt{attempt_});
    const bool ended = last_seen != nullptr && look_at(*last_seen->pod).stage == Stage::kEnded;
    const auto verdict = ended ? judge_pod(*last_seen->pod, &*s_.files) : judge_files(*s_.files);
    if (verdict) return last_seen != nullptr ? finish_deleted(*verdict, *last_seen) : finish(*verdict, nullptr);
    if (!s_.files->claim) return Plan::of(CloseAttempt{attempt_});
    return wait_for_manifest(last_seen);
  }

  // The volume tells of an attempt whose pod was deleted, what its last sight tells of who did so.
  Plan finish_deleted(Verdict verdict, const PodSighting& last_seen) {
    if (!verdict.succeeded && was_disrupted(last_seen)) verdict.disrupted = true;
    if (verdict.reason == kClosedReason) {
      verdict.reason = "PodDeleted";
      verdict.message = "the pod was deleted before its application started";
    }
    return finish(std::move(verdict), &last_seen);
  }

  static bool was_disrupted(const PodSighting& sighting) {
    const auto* condition = sighting.pod->condition("DisruptionTarget");
    return condition != nullptr && condition->status == "True";
  }

  // The attempt was claimed before the job's resource was made, anew: in another life, in a cluster that is gone or
  // with a resource that is.
  bool is_of_an_earlier_life() const {
    const auto& claim = s_.files->claim;
    return is_recovered(s_.job) && claim && claim->by == artifacts::Claim::By::kRunner &&
           claim->time < s_.job.meta.creation_timestamp;
  }

  // The API server has no pod of the claim.
  bool is_known_to_have_no_pod() const { return s_.pod_asked_for && s_.files->claim->pod_uid != s_.alien_pod_uid; }

  // The runner claimed, and nobody can say that its container has ended: it may still compute on a node that is cut
  // off, and its manifest may still come.
  Plan wait_for_manifest(const PodSighting* sighting) {
    const bool earlier_life = sighting == nullptr && is_of_an_earlier_life();
    if (s_.lost_for >= s_.rules.node_loss_timeout || (earlier_life && is_known_to_have_no_pod())) {
      return finish({.reason = "PodLost",
                     .message = "its pod is gone and has left no outcome",
                     .disrupted = earlier_life || (sighting != nullptr && was_disrupted(*sighting)),
                     .claimed = true},
                    sighting);
    }
    plan_.wake_after(std::min(kAskAgain, s_.rules.node_loss_timeout - s_.lost_for));
    return wait_because("PodLost", "its pod is gone; waiting for the outcome it may have left", {});
  }

  // --- The attempt is claimed and has no pod yet.

  Plan before_pod() {
    // No time is counted while it is held, and all of it begins anew when it goes on: as batch/v1 Jobs do.
    const bool was_held = s_.job.status.reason == kSuspendedReason;
    if (s_.job.spec.suspend && !s_.job.spec.cancel) {
      return was_held ? Plan{} : Plan::of(WriteStatus{with_suspension(s_), {}});
    }
    if (was_held && !s_.job.spec.cancel) return Plan::of(WriteStatus{with_resumption(s_), {}});
    if (const auto order = stop_order()) {
      return give_up_unstarted({.reason = order->reason, .message = order->message}, nullptr);
    }
    if (s_.refusal) return with_refusal(*s_.refusal);
    if (const auto next = s_.job.status.next_attempt_time) {
      // A clock that was set back must not turn a wait of seconds into one of years.
      const milliseconds wait = *next - s_.now;
      if (wait > milliseconds(0) && wait <= s_.rules.max_retry_backoff) {
        plan_.wake_after(wait);
        return plan_;
      }
    }
    if (!s_.application) {
      return wait_because("UnknownApplication",
                          "waiting: there is no Application with applicationId '" + s_.job.spec.application_id + "'",
                          {});
    }
    return Plan::of(CreatePod{attempt_});
  }

  Plan with_refusal(const PodRefusal& refusal) {
    if (refusal.hopeless) {
      return give_up_unstarted({.reason = refusal.reason, .message = refusal.message, .hopeless = true}, nullptr);
    }
    const auto overdue =
        refusal.capacity ? std::nullopt : overdue_start(attempt_start(s_), refusal.reason, refusal.message);
    if (overdue) return give_up_unstarted(*overdue, nullptr);
    // Nobody tells when a quota has room again. The longer it lasted, the less a moment more matters.
    plan_.wake_after(std::clamp((s_.now - attempt_start(s_)) / 4, kAskAgain, kAskAgainAtMost));
    return wait_because(refusal.reason, refusal.message, {});
  }

  // --- Ends.

  // The verdict over an attempt that has not started in time, counted from `start`.
  std::optional<Verdict> overdue_start(base::TimePoint start, std::string_view reason, std::string_view message) {
    const seconds limit(s_.application ? s_.application->pre_running_deadline_seconds : 3600);
    const milliseconds left = start + limit - s_.now;
    if (left > milliseconds(0)) {
      plan_.wake_after(left);
      return std::nullopt;
    }
    Verdict verdict;
    verdict.reason = reason.empty() ? "NotStarted" : std::string(reason);
    verdict.message = "not running after " + std::to_string(limit.count()) + " s";
    if (!message.empty()) verdict.message += ": " + std::string(message);
    return verdict;
  }

  // Ends an attempt that has not started, after making sure that it never will.
  Plan give_up_unstarted(const Verdict& verdict, const PodSighting* sighting) {
    if (!s_.files || !s_.files->claim) return Plan::of(CloseAttempt{attempt_});
    const artifacts::Claim& claim = *s_.files->claim;
    if (claim.by == artifacts::Claim::By::kController) return finish(verdict, sighting);
    if (sighting == nullptr) return without_pod(nullptr);
    const kube::ObjectMeta& pod = sighting->pod->meta;
    // An earlier pod of its name was quicker, or nobody can say who was. This one can only lose the claim, so it goes,
    // and what the other has left is waited for as long as for any pod that is gone.
    if (claim.by != artifacts::Claim::By::kRunner || claim.pod_uid != pod.uid) {
      return Plan::of(StopPod{pod.name, pod.uid});
    }
    // It has started after all; the kubelet will say so.
    plan_.wake_after(kAskAgain);
    return plan_;
  }

  Plan finish(Verdict verdict, const PodSighting* sighting) {
    const bool told_to_stop = sighting != nullptr && (sighting->gone || look_at(*sighting->pod).stopping);
    if (const auto order = stop_order(); order && (!verdict.succeeded || told_to_stop)) {
      verdict.succeeded = false;
      verdict.artifacts.reset();
      verdict.hopeless = true;
      verdict.reason = order->reason;
      verdict.message = order->message;
    }
    if (!verdict.succeeded && !verdict.claimed && (!s_.files || !s_.files->claim)) {
      return Plan::of(CloseAttempt{attempt_});
    }
    AttemptEnd end{.verdict = std::move(verdict), .pod_uid = {}, .node_name = {}};
    if (sighting != nullptr) {
      end.pod_uid = sighting->pod->meta.uid;
      end.node_name = sighting->pod->node_name;
    } else if (s_.files && s_.files->claim) {
      end.pod_uid = s_.files->claim->pod_uid;
    }
    if (end.verdict.succeeded || !may_retry(end.verdict)) return Plan::of(with_end(s_, end));
    return Plan::of(WriteStatus{with_next_attempt(s_, end), {}});
  }

  bool may_retry(const Verdict& verdict) const {
    if (verdict.hopeless) return false;
    const int disruptions = s_.job.status.disruptions + (verdict.disrupted ? 1 : 0);
    if (verdict.disrupted) return disruptions <= s_.rules.max_disruptions;
    const int failures = attempt_ - disruptions;
    return failures <= (s_.application ? s_.application->backoff_limit : 0);
  }

  Plan wait_because(std::string_view reason, std::string_view message, std::string_view node) {
    if (is_same_reason(s_.job.status.reason, reason)) return plan_;
    return Plan::of(WriteStatus{with_reason(s_, reason, message, node), {}});
  }

  const Snapshot& s_;
  const int attempt_;
  Plan plan_;
};

}  // namespace

Plan plan_attempt(const Snapshot& snapshot) {
  return AttemptRules(snapshot).decide();
}

}  // namespace vbrain::controller
