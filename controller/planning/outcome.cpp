#include "controller/planning/outcome.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "controller/planning/pod_trouble.hpp"
#include "controller/planning/wording.hpp"
#include "controller/pods/memory_growth.hpp"
#include "controller/pods/template_rules.hpp"
#include "job/causes.hpp"

namespace vbrain::controller {
namespace {

using artifacts::Claim;
using artifacts::Manifest;
using artifacts::Outcome;
using Stage = PodView::Stage;

job::Artifacts artifacts_of(const Outcome& outcome) {
  return {.output_bytes = static_cast<std::int64_t>(outcome.output_bytes),
          .output_sha256 = outcome.output_sha256,
          .log_bytes = static_cast<std::int64_t>(outcome.log_bytes),
          .result_bytes = static_cast<std::int64_t>(outcome.result_bytes)};
}

std::string with_detail(std::string sentence, std::string_view detail) {
  if (!detail.empty()) sentence.append(": ").append(clean_message(detail));
  return sentence;
}

Verdict failure(std::string reason, std::string message, std::optional<std::int32_t> exit_code = {}) {
  return {.reason = std::move(reason), .message = std::move(message), .exit_code = exit_code};
}

// The runner could not start the command of the application.
Verdict failure_to_start(std::string reason, std::string message) {
  Verdict verdict = failure(std::move(reason), std::move(message));
  verdict.started = false;
  return verdict;
}

Verdict out_of_memory(std::int32_t exit_code) {
  return failure(std::string(kOutOfMemoryReason), "killed for lack of memory; the container's memory limit was reached",
                 exit_code);
}

std::string exit_text(std::int32_t exit_code) {
  return "exit code " + std::to_string(exit_code);
}

// The runner seals results and outputs only if the application ended with this code. Its report then has a code of its
// own, which is not the application's.
constexpr std::int32_t kSealedFrom = 0;

// The runner's exit code for its own failures (docs/interfaces.md).
constexpr std::int32_t kRunnerFailed = 125;

// A runner's report of failure, as reason and message of a status.
Verdict failure_of(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kOom: {
      Verdict verdict = out_of_memory(outcome.exit_code);
      // The kernel killed a process of the application, and not the command itself.
      if (outcome.signal == 0) {
        verdict.message += "; it was a child process, and the command ended with " + exit_text(outcome.exit_code);
      }
      verdict.message = with_detail(std::move(verdict.message), outcome.message);
      return verdict;
    }
    case Outcome::Kind::kSignal:
      return failure("Killed", with_detail("killed by " + signal_text(outcome.signal), outcome.message),
                     outcome.exit_code);
    case Outcome::Kind::kInvalidResult:
      return failure("InvalidResult", with_detail("the result is not valid", outcome.message), kSealedFrom);
    case Outcome::Kind::kSealFailed:
      if (outcome.message.starts_with(artifacts::kTooLargeOutput)) {
        return failure("OutputTooLarge", clean_message(outcome.message) + ", outputLimit of the Application",
                       kSealedFrom);
      }
      if (outcome.message.starts_with(artifacts::kRefusedOutput)) {
        return failure("InvalidOutput", clean_message(outcome.message), kSealedFrom);
      }
      return failure("NotSealed", with_detail("the outputs could not be sealed", outcome.message), kSealedFrom);
    case Outcome::Kind::kExecFailed:
      // The runner, before it came to the command: the volume failed, for example.
      if (outcome.exit_code == kRunnerFailed) {
        return failure_to_start("RunnerFailed", with_detail("the runner could not start the command", outcome.message));
      }
      return failure_to_start("CommandNotStarted", with_detail("the command could not be started", outcome.message));
    case Outcome::Kind::kClaimLost:
      return failure(std::string(kClosedReason), "the attempt was closed before its application could start");
    case Outcome::Kind::kExit:
    case Outcome::Kind::kOk:
      break;
  }
  return failure("NonZeroExit", with_detail(exit_text(outcome.exit_code), outcome.message), outcome.exit_code);
}

Verdict success_of(const Outcome& outcome) {
  Verdict verdict;
  verdict.succeeded = true;
  verdict.reason = "Completed";
  verdict.message = with_detail("exit code 0 after " + duration_text(std::chrono::milliseconds(outcome.duration_ms)),
                                outcome.message);
  verdict.exit_code = 0;
  verdict.artifacts = artifacts_of(outcome);
  return verdict;
}

Verdict verdict_of(const Outcome& outcome) {
  Verdict verdict = outcome.kind == Outcome::Kind::kOk ? success_of(outcome) : failure_of(outcome);
  verdict.claimed = outcome.kind != Outcome::Kind::kClaimLost;
  return verdict;
}

// The manifest of the attempt's own runner; null if there is none or it is not trusted.
const Manifest* manifest_of(const AttemptFiles& files, std::string_view pod_uid) {
  if (!files.manifest || !files.manifest->has_value()) return nullptr;
  const Manifest& manifest = **files.manifest;
  return manifest.pod_uid == pod_uid ? &manifest : nullptr;
}

bool claimed_by_runner(const AttemptFiles& files) {
  return files.claim && files.claim->by != Claim::By::kController;
}

bool is_terminal_phase(const kube::Pod& pod) {
  return pod.phase == "Succeeded" || pod.phase == "Failed";
}

// If a node does not answer, the node controller sets the condition Ready of its pods to False and leaves the other
// fields as the kubelet wrote them while the pod was ready, without a reason. A kubelet always gives a reason
// (MarkPodsNotReady in pkg/controller/util/node, GeneratePodReadyCondition in pkg/kubelet/status).
bool is_marked_by_node_controller(const kube::Pod& pod) {
  const kube::PodCondition* ready = pod.condition("Ready");
  return ready != nullptr && ready->status == "False" && ready->reason.empty();
}

// The meaning of the runner's exit codes without a report (docs/interfaces.md). An application may use the same codes,
// but then there is a report.
Verdict failure_without_report(const kube::ContainerTerminated& end) {
  const std::string_view detail = end.message;
  // The container never started: the message is the container runtime's.
  if (end.reason == "StartError" || end.reason == "ContainerCannotRun") {
    return failure(end.reason, clean_message(detail));
  }
  switch (end.exit_code) {
    case 122:
      return failure("NotSealed", "the outputs could not be sealed", kSealedFrom);
    case 123:
      return failure_to_start("CommandNotStarted", "the command could not be started");
    case 124:
      return failure("InvalidResult", "the result is not valid", kSealedFrom);
    case kRunnerFailed:
      return failure("RunnerFailed", "the runner itself failed; the logs may say more");
    default:
      break;
  }
  if (end.exit_code > 128 && end.exit_code <= 128 + 64) {
    return failure("Killed", "killed by " + signal_text(end.exit_code - 128) + " before it could report",
                   end.exit_code);
  }
  return failure("NonZeroExit", exit_text(end.exit_code) + ", without a report", end.exit_code);
}

// `main` has ended, and the kubelet reports how.
std::optional<Verdict> judge_end(const kube::Pod& pod, const kube::ContainerTerminated& end,
                                 const AttemptFiles* files) {
  const auto report = artifacts::decode_outcome(end.message);
  const bool lost_claim =
      report ? report->kind == Outcome::Kind::kClaimLost : end.message.empty() && end.exit_code == 121;
  if (lost_claim && end.exit_code != 0) {
    // Another owner has the attempt: the controller that closed it, or the runner of another pod with this name.
    if (files == nullptr) return std::nullopt;
    return judge_files(*files);
  }
  if (end.exit_code != 0 && end.reason == kOutOfMemoryReason) return out_of_memory(end.exit_code);
  if (report) {
    if (end.exit_code == 0 || report->kind != Outcome::Kind::kOk) return verdict_of(*report);
    return failure("RunnerFailed", "reported success, but the container ended with " + exit_text(end.exit_code));
  }
  if (end.exit_code != 0) return failure_without_report(end);
  if (files == nullptr) return std::nullopt;
  if (const Manifest* manifest = manifest_of(*files, pod.meta.uid)) return verdict_of(manifest->outcome);
  return failure("NotSealed", "ended with exit code 0, but there is no record of sealed outputs", 0);
}

// A pod whose init container fails never starts `main`. The message of the container is its termination message or the
// end of its log (terminationMessagePolicy FallbackToLogsOnError).
Verdict failure_of_init(const kube::ContainerStatus& container) {
  const kube::ContainerTerminated& end = *container.terminated;
  std::string sentence = "init container '" + container.name + "' ";
  if (end.reason == kOutOfMemoryReason) {
    sentence += "was killed for lack of memory";
  } else if (end.signal != 0) {
    sentence += "was killed by " + signal_text(end.signal);
  } else {
    sentence += "ended with " + exit_text(end.exit_code);
  }
  const std::string_view message = end.message;
  return failure("InitContainerFailed", with_detail(std::move(sentence), last_lines(message)));
}

// The pod has ended, and the end of `main` is unknown: evicted, node lost, refused by the kubelet.
std::optional<Verdict> judge_without_end(const kube::Pod& pod, const AttemptFiles* files) {
  if (files == nullptr) return std::nullopt;
  if (const Manifest* manifest = manifest_of(*files, pod.meta.uid)) return verdict_of(manifest->outcome);
  // A kubelet that ends the pod for a reason of its own kills what runs. Of a pod that was initialized, only sidecars
  // are left among the init containers.
  const kube::PodCondition* initialized = pod.condition("Initialized");
  const bool may_be_init = pod.reason.empty() && (initialized == nullptr || initialized->status != "True");
  for (const kube::ContainerStatus& container : pod.init_containers) {
    if (may_be_init && container.terminated && container.terminated->exit_code != 0) return failure_of_init(container);
  }
  // The kubelet's message for a pod that used more of its node's disk than allowed. For a node that is short of disk it
  // is different.
  if (pod.reason == "Evicted" && pod.message.find("EmptyDir volume \"vbrain-work\"") != std::string::npos) {
    return failure("DiskLimitExceeded", clean_message(pod.message));
  }
  return failure(clean_reason(pod.reason, "PodFailed"), clean_message(pod.message));
}

// Reasons of a normal start; a status does not report them.
bool is_usual_wait(std::string_view reason) {
  return reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing";
}

void note_waiting(const kube::ContainerStatus& container, PodView& view) {
  if (!container.waiting || is_usual_wait(container.waiting_reason) || !view.waiting_reason.empty()) return;
  view.waiting_reason = clean_reason(container.waiting_reason, "Waiting");
  view.waiting_message = clean_message(container.waiting_message);
}

void note_initializing(const kube::Pod& pod, PodView& view) {
  const kube::PodCondition* initialized = pod.condition("Initialized");
  if (initialized == nullptr || initialized->status != "False") return;
  for (const auto& container : pod.init_containers) {
    if (!container.running_since) continue;
    view.waiting_reason = kInitializingReason;
    view.waiting_message = "init container '" + container.name + "' runs";
  }
}

}  // namespace

std::string own_words(const Verdict& verdict) {
  const job::Cause* cause = job::find_cause(verdict.reason);
  return cause != nullptr && cause->detail == job::Cause::Detail::kOwn ? verdict.message : verdict.reason;
}

PodView look_at(const kube::Pod& pod) {
  PodView view;
  view.stopping = pod.meta.deletion_timestamp.has_value();
  const kube::ContainerStatus* main = pod.container(kMainContainer);
  if (is_terminal_phase(pod) || (main != nullptr && main->terminated)) {
    view.stage = Stage::kEnded;
    view.others_running =
        !is_terminal_phase(pod) && std::ranges::any_of(pod.containers, [](const kube::ContainerStatus& container) {
          return container.name != kMainContainer && !container.terminated;
        });
    return view;
  }
  if (main != nullptr && main->running_since) {
    view.stage = Stage::kRunning;
    view.node_unreachable = is_marked_by_node_controller(pod);
    return view;
  }
  if (const auto* scheduled = pod.condition("PodScheduled");
      scheduled != nullptr && scheduled->status == "False" && !scheduled->reason.empty()) {
    view.waiting_message = clean_message(scheduled->message);
    view.waiting_reason = scheduled->reason == kUnschedulableReason && never_fits(view.waiting_message)
                              ? kNoNodeFitsReason
                              : clean_reason(scheduled->reason, kUnschedulableReason);
  }
  for (const auto& container : pod.init_containers) note_waiting(container, view);
  for (const auto& container : pod.containers) note_waiting(container, view);
  if (view.waiting_reason.empty()) note_initializing(pod, view);
  return view;
}

bool is_disrupted(const kube::Pod& pod) {
  const kube::PodCondition* condition = pod.condition("DisruptionTarget");
  return condition != nullptr && condition->status == "True";
}

bool was_deleted_while_running(const kube::Pod& pod) {
  if (!pod.meta.deletion_timestamp) return false;
  const kube::ContainerStatus* main = pod.container(kMainContainer);
  if (main == nullptr || !(main->terminated || main->running_since)) return false;
  if (!main->terminated || !main->terminated->finished_at) return true;
  const std::chrono::seconds grace(pod.meta.deletion_grace_seconds);
  return *main->terminated->finished_at >= *pod.meta.deletion_timestamp - grace;
}

Verdict judge_lost(const kube::Pod* last_seen, bool earlier_life) {
  Verdict lost{.reason = "PodLost", .message = "its pod is gone and has left no outcome", .claimed = true};
  const bool by_the_cluster = last_seen != nullptr && is_disrupted(*last_seen);
  const bool was_running = last_seen != nullptr && look_at(*last_seen).stage == Stage::kRunning;
  lost.disrupted = earlier_life || by_the_cluster || was_running;
  if (was_running && !by_the_cluster) {
    lost.reason = kPodDeletedReason;
    lost.message = "the pod was deleted while its application ran, and has left no outcome";
  }
  return lost;
}

bool is_hopeless_wait(std::string_view waiting_reason) {
  constexpr std::array<std::string_view, 2> kHopeless = {"InvalidImageName", "ErrImageNeverPull"};
  return std::ranges::find(kHopeless, waiting_reason) != kHopeless.end();
}

std::optional<Verdict> judge_pod(const kube::Pod& pod, const AttemptFiles* files) {
  const kube::ContainerStatus* main = pod.container(kMainContainer);
  std::optional<Verdict> verdict;
  // ContainerStatusUnknown: the kubelet restarted and did not find the container. The exit code 137 is not real.
  if (main != nullptr && main->terminated && main->terminated->reason != "ContainerStatusUnknown") {
    verdict = judge_end(pod, *main->terminated, files);
  } else {
    verdict = judge_without_end(pod, files);
  }
  if (verdict && !verdict->succeeded && is_disrupted(pod)) verdict->disrupted = true;
  return verdict;
}

std::optional<Verdict> judge_files(const AttemptFiles& files) {
  if (!files.claim) return std::nullopt;
  if (claimed_by_runner(files)) {
    if (const Manifest* manifest = manifest_of(files, files.claim->pod_uid)) return verdict_of(manifest->outcome);
    return std::nullopt;
  }
  return failure(std::string(kClosedReason), "the attempt was closed before its application could start");
}

}  // namespace vbrain::controller
