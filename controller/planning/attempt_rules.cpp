#include <array>
#include <string_view>

#include "controller/planning/folder_rules.hpp"
#include "controller/planning/plan.hpp"
#include "controller/planning/status_edit.hpp"
#include "controller/planning/wording.hpp"
#include "job/causes.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = PodView::Stage;

// The scheduler reports many pods as unschedulable at its first try and schedules them at the next. A node may miss a
// heartbeat.
constexpr milliseconds kPatience{5'000};
// A pod whose node has not started it for this long is late: its events are read. The kubelet writes the first one
// after its first try, which takes a second.
constexpr milliseconds kLate{3'000};
constexpr std::string_view kNodeNotReadyReason = "NodeNotReady";
constexpr milliseconds kAskAgain{10'000};
constexpr std::string_view kNotRepeated =
    "; it is not repeated within backoffLimit, because another attempt would end in the same way";

// Reasons that do not change while a pod starts normally.
bool is_on_its_way(std::string_view reason) {
  return reason == "Starting" || reason == "Retrying" || reason == "Recovering";
}

class AttemptRules {
 public:
  explicit AttemptRules(const Snapshot& snapshot) : s_(snapshot), attempt_(snapshot.job.status.attempts) {}

  Plan decide() {
    const PodSighting* sighting = s_.pod_of(attempt_);
    stop_earlier_pods();
    if (!plan_.actions.empty()) return plan_;
    if (s_.record) return then(WriteStatus{with_recorded_end(s_, *s_.record), {}});
    if (s_.newest_attempt > attempt_) return then(WriteStatus{with_attempt_found(s_, s_.newest_attempt), {}});
    wake_at_deadline();
    if (sighting != nullptr && !sighting->gone) return with_pod(*sighting);
    // A pod that could not be created does not exist, whoever has the claim.
    const bool claimed = s_.files && s_.files->claim && pod_failure() == nullptr;
    return sighting != nullptr || claimed ? without_pod(sighting) : before_pod();
  }

 private:
  struct StopOrder {
    std::string reason;
    std::string message;
  };

  // The plan so far, with its wake-up times, and `action`.
  Plan then(Action action) {
    plan_.actions.push_back(std::move(action));
    return std::move(plan_);
  }

  const FailedAction* failure_of(const Action& action) const { return s_.failure_of(name_of(action, s_)); }

  // Why the last try to create the pod failed; null if it succeeded or was not tried.
  const FailedAction* pod_failure() const { return failure_of(CreatePod{attempt_}); }

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
    return seconds(*s_.application->active_deadline_seconds) - s_.since_start;
  }

  void wake_at_deadline() {
    if (const auto left = active_time_left(); left && *left > milliseconds(0)) plan_.wake_after(*left);
  }

  // Earlier attempts were given up (node lost, sidecars that still run), so their pods are stopped. A pod of a later
  // attempt is never stopped here.
  void stop_earlier_pods() {
    for (const PodSighting& sighting : s_.pods) {
      if (sighting.gone || sighting.pod->meta.deletion_timestamp) continue;
      if (attempt_of(*sighting.pod, s_.job) >= attempt_) continue;
      const PodView view = look_at(*sighting.pod);
      if (view.stage == Stage::kEnded && !view.others_running) continue;
      const StopPod stop{sighting.pod->meta.name, sighting.pod->meta.uid};
      // The current attempt does not wait for an earlier pod that the API server does not delete.
      if (const FailedAction* failed = failure_of(stop); failed != nullptr && failed->retry_in > milliseconds(0)) {
        plan_.wake_after(failed->retry_in);
      } else {
        plan_.actions.emplace_back(stop);
      }
    }
  }

  // --- The pod exists.

  Plan with_pod(const PodSighting& sighting) {
    const PodView view = look_at(*sighting.pod);
    if (view.stage == Stage::kEnded) {
      const auto verdict = judge_pod(*sighting.pod, s_.files ? &*s_.files : nullptr);
      if (verdict) return finish(*verdict, &sighting);
      if (!s_.files) return inspect(&sighting);
      // The runner reports that it lost the claim, but there is no claim: the controller creates it.
      if (!s_.files->claim) return close(ordered_end(), &sighting);
      return wait_for_manifest(&sighting);
    }
    if (view.stopping) return with_stopping_pod(sighting);
    if (stop_order()) return then(StopPod{sighting.pod->meta.name, sighting.pod->meta.uid});
    // A new reason would tell it as well, but there may be none for hours.
    if (!tells_suspension(s_)) return then(with_suspension_told(s_));
    if (!tells_client(s_)) return then(WriteStatus{with_client_told(s_), {}});
    if (view.node_unreachable) return with_unreachable_pod(sighting);
    return view.stage == Stage::kRunning ? with_running_pod(sighting) : with_pending_pod(sighting, view);
  }

  // The node controller reports that the node does not answer. If the pod tolerates every taint, only this rule ends
  // it.
  Plan with_unreachable_pod(const PodSighting& sighting) {
    const milliseconds left = s_.rules.node_loss_timeout - sighting.unreachable_for;
    if (left <= milliseconds(0)) return then(StopPod{sighting.pod->meta.name, sighting.pod->meta.uid});
    plan_.wake_after(left);
    if (sighting.unreachable_for < kPatience) {
      plan_.wake_after(kPatience - sighting.unreachable_for);
      return plan_;
    }
    const std::string& node = sighting.pod->node_name;
    return wait_because(kNodeNotReadyReason,
                        "node " + node + " does not answer; the attempt is given up if that lasts for " +
                            duration_text(s_.rules.node_loss_timeout),
                        node);
  }

  Plan with_running_pod(const PodSighting& sighting) {
    const std::string& node = sighting.pod->node_name;
    if (s_.job.status.reason == "Running" && s_.job.status.node_name == node) return plan_;
    if (sighting.running_for < kWorthTelling) {
      plan_.wake_after(kWorthTelling - sighting.running_for);
      return plan_;
    }
    return then(WriteStatus{
        with_reason(s_, "Running", "attempt " + std::to_string(attempt_) + " runs on node " + node, node), {}});
  }

  // Why the pod waits: by its status, else by its events. An empty reason is a normal start.
  static PodTrouble why_pending(const PodSighting& sighting, const PodView& view) {
    if (!view.waiting_reason.empty()) return {view.waiting_reason, view.waiting_message};
    return sighting.trouble.value_or(PodTrouble{});
  }

  static milliseconds patience_for(std::string_view reason) {
    const bool may_pass = reason.empty() || reason == kUnschedulableReason || reason == kNoNodeFitsReason ||
                          reason == kInitializingReason;
    return may_pass ? kPatience : kWorthTelling;
  }

  Plan with_pending_pod(const PodSighting& sighting, const PodView& view) {
    const auto [reason, message] = why_pending(sighting, view);
    if (is_hopeless_wait(view.waiting_reason)) {
      return give_up_unstarted({.reason = view.waiting_reason, .message = view.waiting_message, .hopeless = true},
                               &sighting);
    }
    // The attempt may have waited for a quota before its pod was created. That time does not count.
    const milliseconds age = std::min(s_.since_attempt, sighting.age);
    // A warning that is not in the table of causes may be a mere remark, and ends nothing.
    const bool is_known = !view.waiting_reason.empty() || job::find_cause(reason) != nullptr;
    if (const auto overdue = overdue_start(age, is_known ? reason : "", is_known ? message : "")) {
      return give_up_unstarted(*overdue, &sighting);
    }
    if (view.waiting_reason.empty()) {
      const milliseconds due = sighting.events_in.value_or(kLate - sighting.waiting_for);
      if (due <= milliseconds(0)) return then(ReadPodEvents{sighting.pod->meta.name, sighting.pod->meta.uid});
      plan_.wake_after(due);
    }
    if (reason.empty() && is_on_its_way(s_.job.status.reason)) return plan_;
    if (const milliseconds patience = patience_for(reason); sighting.waiting_for < patience) {
      plan_.wake_after(patience - sighting.waiting_for);
      return plan_;
    }
    const std::string& node = sighting.pod->node_name;
    if (!reason.empty()) return wait_because(reason, message, node);
    // The pod does not wait for this any more.
    return wait_because("Starting", "attempt " + std::to_string(attempt_) + " is on its way to a node", node);
  }

  // The kubelet ends the pod within the grace period, if the node answers.
  Plan with_stopping_pod(const PodSighting& sighting) {
    if (sighting.stopping_for < s_.rules.node_loss_timeout) {
      plan_.wake_after(s_.rules.node_loss_timeout - sighting.stopping_for);
      return plan_;
    }
    // The caches may be older than the pod's end.
    if (!s_.files || !s_.pod_asked_for) return inspect(&sighting);
    if (!s_.files->claim) return close(ordered_end(), &sighting);
    if (const auto verdict = judge_files(*s_.files)) return finish_deleted(*verdict, sighting);
    return finish({.reason = "NodeLost",
                   .message = "its node has not answered since the pod was told to stop",
                   .disrupted = true,
                   .claimed = true},
                  &sighting);
  }

  // --- The pod is gone, or the attempt was claimed by a pod that this controller has not seen.

  Plan without_pod(const PodSighting* last_seen) {
    if (!s_.files || !s_.pod_asked_for) return inspect(last_seen);
    const bool ended = last_seen != nullptr && look_at(*last_seen->pod).stage == Stage::kEnded;
    const auto verdict = ended ? judge_pod(*last_seen->pod, &*s_.files) : judge_files(*s_.files);
    if (verdict) return last_seen != nullptr ? finish_deleted(*verdict, *last_seen) : finish(*verdict, nullptr);
    if (!s_.files->claim) return close(ordered_end(), last_seen);
    return wait_for_manifest(last_seen);
  }

  // The pod of the attempt was deleted. Its last known state says who deleted it; the volume has the outcome.
  Plan finish_deleted(Verdict verdict, const PodSighting& last_seen) {
    if (!verdict.succeeded && is_disrupted(*last_seen.pod)) verdict.disrupted = true;
    if (verdict.reason == kClosedReason) {
      verdict.reason = kPodDeletedReason;
      verdict.message = "the pod was deleted before its application started";
      verdict.disrupted = true;
    }
    return finish(std::move(verdict), &last_seen);
  }

  // The claim is older than the job's resource, which was recreated: the attempt belongs to an earlier resource, in a
  // cluster that is gone or in this one.
  bool is_of_an_earlier_life() const {
    const auto& claim = s_.files->claim;
    return is_recovered(s_.job) && claim && claim->by == artifacts::Claim::By::kRunner &&
           claim->time < s_.job.meta.creation_timestamp;
  }

  // The API server has no pod with the claim's UID.
  bool is_known_to_have_no_pod() const { return s_.pod_asked_for && s_.files->claim->pod_uid != s_.alien_pod_uid; }

  // The runner claimed, and it is unknown whether its container has ended: it may still run on a node without network,
  // and its manifest may still appear.
  Plan wait_for_manifest(const PodSighting* sighting) {
    const bool earlier_life = sighting == nullptr && is_of_an_earlier_life();
    if (s_.lost_for >= s_.rules.node_loss_timeout || (earlier_life && is_known_to_have_no_pod())) {
      return finish(judge_lost(sighting != nullptr ? &*sighting->pod : nullptr, earlier_life), sighting);
    }
    plan_.wake_after(std::min(kAskAgain, s_.rules.node_loss_timeout - s_.lost_for));
    return wait_because("PodLost", "its pod is gone; waiting for the outcome it may have left", {});
  }

  // --- The attempt is claimed and has no pod yet.

  Plan before_pod() {
    // No time counts while the job is suspended, and all times start again when it continues, as with batch/v1 Jobs.
    const bool was_held = s_.job.status.reason == kSuspendedReason;
    if (s_.job.spec.suspend && !s_.job.spec.cancel) return was_held ? Plan{} : then(with_suspension(s_));
    if (was_held && !s_.job.spec.cancel) return then(with_resumption(s_));
    if (const auto order = ordered_end()) return give_up_unstarted(*order, nullptr);
    if (const FailedAction* failed = pod_failure()) {
      if (const auto end = end_of_failing_start(failed->failure)) return give_up_unstarted(*end, nullptr);
    }
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
    return then(CreatePod{attempt_});
  }

  // How the attempt ends because its pod can't be created; nothing while it may be retried.
  std::optional<Verdict> end_of_failing_start(const Failure& failure) {
    if (failure.hopeless) return Verdict{.reason = failure.reason, .message = failure.message, .hopeless = true};
    if (failure.capacity) return std::nullopt;
    return overdue_start(s_.since_attempt, failure.reason, failure.message);
  }

  // --- Actions on the volume.

  Plan inspect(const PodSighting* sighting) {
    const Action action = InspectAttempt{attempt_};
    if (auto end = end_without_volume(action, ordered_end(), sighting)) return *std::move(end);
    return then(action);
  }

  // Creates the attempt's claim. `verdict` is how the attempt ends, if that is known.
  Plan close(const std::optional<Verdict>& verdict, const PodSighting* sighting) {
    const Action action = CloseAttempt{attempt_};
    if (auto end = end_without_volume(action, verdict, sighting)) return *std::move(end);
    return then(action);
  }

  // A job must be able to end although its folder can't be read or written. Without the claim an attempt may only be
  // the last one, and only if no pod can start: it has ended, or the API server says in this pass that there is none.
  // Even then the plan waits as long as for a lost node, because a pod may still run on one.
  std::optional<Plan> end_without_volume(const Action& action, const std::optional<Verdict>& verdict,
                                         const PodSighting* sighting) {
    const FailedAction* failed = failure_of(action);
    if (failed == nullptr || failed->retry_in <= milliseconds(0) || !verdict) return std::nullopt;
    const milliseconds left = s_.rules.node_loss_timeout - failed->failing_for;
    if (left > milliseconds(0)) {
      plan_.wake_after(left);
      return std::nullopt;
    }
    if (!has_ended(sighting)) {
      if (sighting != nullptr && !sighting->gone) {
        const kube::ObjectMeta& pod = sighting->pod->meta;
        return pod.deletion_timestamp ? std::optional<Plan>() : then(StopPod{pod.name, pod.uid});
      }
      if (!s_.pod_asked_for) return then(InspectAttempt{attempt_});
    }
    Verdict last = *verdict;
    last.hopeless = true;
    // Users read this sentence; the paths of the volume stay in the log.
    last.message += "; the attempt could not be closed, because the volume can't be read or written";
    return end_with(last, sighting);
  }

  static bool has_ended(const PodSighting* sighting) {
    return sighting != nullptr && look_at(*sighting->pod).stage == Stage::kEnded;
  }

  // --- Ends.

  // The end requested by the user or by activeDeadlineSeconds.
  std::optional<Verdict> ordered_end() const {
    const auto order = stop_order();
    if (!order) return std::nullopt;
    return Verdict{.reason = order->reason, .message = order->message, .hopeless = true};
  }

  // The verdict on an attempt that has not started within `age`.
  std::optional<Verdict> overdue_start(milliseconds age, std::string_view reason, std::string_view message) {
    const seconds limit(s_.application ? s_.application->pre_running_deadline_seconds
                                       : job::kDefaultPreRunningDeadlineSeconds);
    const milliseconds left = limit - age;
    if (left > milliseconds(0)) {
      plan_.wake_after(left);
      return std::nullopt;
    }
    return Verdict{.reason = std::string(reason.empty() ? kClosedReason : reason),
                   .message = job::tell_late_start(limit, message)};
  }

  // Ends an attempt that has not started, after making sure that it never starts.
  Plan give_up_unstarted(const Verdict& verdict, const PodSighting* sighting) {
    if (!s_.files || !s_.files->claim) return close(verdict, sighting);
    const artifacts::Claim& claim = *s_.files->claim;
    if (claim.by == artifacts::Claim::By::kController) return finish(verdict, sighting);
    if (sighting == nullptr) return without_pod(nullptr);
    const kube::ObjectMeta& pod = sighting->pod->meta;
    // An earlier pod with this name has the claim, or the owner is unknown. The current pod can only lose the claim, so
    // it is stopped. Then the plan waits for the outcome of the other one, as for any pod that is gone.
    if (claim.by != artifacts::Claim::By::kRunner || claim.pod_uid != pod.uid) {
      return then(StopPod{pod.name, pod.uid});
    }
    // It has started after all; the kubelet will report it.
    plan_.wake_after(kAskAgain);
    return plan_;
  }

  Plan finish(Verdict verdict, const PodSighting* sighting) {
    const bool told_to_stop = sighting != nullptr && look_at(*sighting->pod).stopping;
    // It was told to stop because its node did not answer, which is not the application's fault.
    if (!verdict.succeeded && told_to_stop && s_.job.status.reason == kNodeNotReadyReason) verdict.disrupted = true;
    // This controller stops a running pod only by an order or because of its node: somebody else did.
    if (!verdict.succeeded && !verdict.disrupted && sighting != nullptr && has_run(verdict, *sighting) &&
        was_deleted_while_running(*sighting->pod)) {
      verdict.message = "the pod was deleted while its application ran; " + own_words(verdict);
      verdict.reason = kPodDeletedReason;
      verdict.disrupted = true;
    }
    if (const auto order = stop_order(); order && (!verdict.succeeded || told_to_stop)) {
      verdict.succeeded = false;
      verdict.artifacts.reset();
      verdict.hopeless = true;
      verdict.reason = order->reason;
      verdict.message = order->message;
    }
    if (!verdict.succeeded && !verdict.claimed && (!s_.files || !s_.files->claim)) return close(verdict, sighting);
    return end_with(std::move(verdict), sighting);
  }

  // Whether the application ran in this pod. One that was killed has no report, but its claim.
  bool has_run(const Verdict& verdict, const PodSighting& sighting) const {
    if (!s_.files || !s_.files->claim) return verdict.claimed;
    const artifacts::Claim& claim = *s_.files->claim;
    return claim.by == artifacts::Claim::By::kRunner && claim.pod_uid == sighting.pod->meta.uid;
  }

  // The write that ends the attempt, and the job if this was its last attempt.
  Plan end_with(Verdict verdict, const PodSighting* sighting) {
    AttemptEnd end{.verdict = std::move(verdict), .pod_uid = {}, .node_name = {}};
    if (sighting != nullptr) {
      end.pod_uid = sighting->pod->meta.uid;
      end.node_name = sighting->pod->node_name;
    } else if (s_.files && s_.files->claim) {
      end.pod_uid = s_.files->claim->pod_uid;
    }
    const bool fails_alike =
        !end.verdict.succeeded && !end.verdict.disrupted && !job::may_be_retried(end.verdict.reason);
    if (fails_alike && may_retry(end.verdict)) {
      end.verdict.message += kNotRepeated;
      end.verdict.hopeless = true;
    }
    if (end.verdict.succeeded || !may_retry(end.verdict)) return then(with_end(s_, end));
    return then(with_next_attempt(s_, end));
  }

  bool may_retry(const Verdict& verdict) const {
    if (verdict.hopeless) return false;
    const int disruptions = s_.job.status.disruptions + (verdict.disrupted ? 1 : 0);
    if (verdict.disrupted) return disruptions <= s_.rules.max_disruptions;
    const int failures = attempt_ - disruptions;
    return failures <= (s_.application ? s_.application->backoff_limit : 0);
  }

  Plan wait_because(std::string_view reason, std::string_view message, std::string_view node) {
    if (!is_news(s_.job.status, reason, message)) return plan_;
    return then(with_news(s_, reason, message, node));
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
