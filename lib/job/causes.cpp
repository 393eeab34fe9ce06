#include "job/causes.hpp"

#include <algorithm>
#include <array>

namespace vbrain::job {
namespace {

using Detail = Cause::Detail;

constexpr std::string_view kLive = "Queued, Started";
constexpr std::string_view kQueued = "Queued";
constexpr std::string_view kStarted = "Started";
constexpr std::string_view kStartedOrFailed = "Started, Failed";
constexpr std::string_view kLiveOrFailed = "Queued, Started, Failed";
constexpr std::string_view kFailed = "Failed";

constexpr std::string_view kCheckImage =
    "correct the image's name in the Application, push the image, or name a pull secret in imagePullSecrets of the "
    "template and in controller.templateSecrets of the chart";
constexpr std::string_view kCorrectTemplate = "correct spec.template of the Application";
constexpr std::string_view kMoreMemory =
    "raise the memory limit in the Application's template, or set memoryGrowth and backoffLimit";
constexpr std::string_view kNothingLasting = "raise backoffLimit of the Application if that happens often";
constexpr std::string_view kCheckVolume =
    "check the volume and its free space, and give group volume.gid access to the folder";

constexpr std::string_view kApplication = "Application";
constexpr std::string_view kClient = "Client";

constexpr std::array kCauses = {
    // --- A job that waits or runs.
    // The words of the default in crds/job.yaml.
    Cause{"NotObserved", kQueued, "", "no controller has seen the job yet",
          "wait a moment; if that lasts, create jobs in the namespace of an installation of vBrain, and check that one "
          "of its controllers leads (kubectl get lease)"},
    Cause{"Suspended", kLive, "", "spec.suspend is true", "set spec.suspend to false; the deadlines then start again"},
    Cause{"ConcurrencyLimit", kQueued, "", "its Client or Application has as many jobs under way as it may have",
          "wait, or raise maxConcurrentJobs; jobs start in order of spec.priority, then age"},
    Cause{"UnknownApplication", kLive, "", "there is no Application with the job's applicationId",
          "create the Application, or correct applicationId in a new job"},
    Cause{"ApplicationNotAllowed", kQueued, "", "the application is not open to the job's organization",
          "add the organization to spec.organizations of the Application", Detail::kInternal},
    Cause{"Starting", kStarted, "", "the attempt is on its way to a node", ""},
    Cause{"Running", kStarted, "", "the application runs", "", Detail::kInternal},
    Cause{"Retrying", kStarted, "", "an attempt failed, and the next one follows", "", Detail::kInternal},
    Cause{"Recovering", kStarted, "", "the Job was recreated or restored, and the volume knows more of it than it does",
          ""},
    Cause{"Pulling", kStartedOrFailed, "yes", "the node downloads the image",
          "wait; a large image takes minutes: if it takes longer than preRunningDeadlineSeconds of the Application, "
          "raise that",
          Detail::kForeign},
    Cause{"Initializing", kStartedOrFailed, "yes", "an init container of the pod runs",
          "wait, or look at the init container's logs; if it takes longer than preRunningDeadlineSeconds of the "
          "Application, raise that",
          Detail::kInternal},
    Cause{"Unschedulable", kStartedOrFailed, "yes", "no node has room for the pod now",
          "wait, add nodes, or ask for less in the Application's template", Detail::kForeign},
    Cause{"NoNodeFits", kStartedOrFailed, "yes", "no node of the cluster can ever run the pod as it is",
          "ask for less in resources of the Application's template, correct its nodeSelector, affinity or tolerations, "
          "or "
          "add a node that fits",
          Detail::kForeign},
    Cause{"SchedulingGated", kStartedOrFailed, "yes", "a scheduling gate holds the pod",
          "let the controller that set the gate remove it, or remove schedulingGates from the Application's template",
          Detail::kForeign},
    Cause{"ErrImagePull", kStartedOrFailed, "yes", "the image can't be pulled", kCheckImage, Detail::kForeign},
    Cause{"ImagePullBackOff", kStartedOrFailed, "yes", "the image can't be pulled", kCheckImage, Detail::kForeign},
    Cause{"ImageInspectError", kStartedOrFailed, "yes", "the node can't read the image", kCheckImage, Detail::kForeign},
    Cause{"RegistryUnavailable", kStartedOrFailed, "yes", "the image's registry does not answer",
          "check the registry and the node's network", Detail::kForeign},
    Cause{"SignatureValidationFailed", kStartedOrFailed, "yes", "the signature of the image is not accepted",
          "sign the image, or change the signature policy of the nodes", Detail::kForeign},
    Cause{"FailedMount", kStartedOrFailed, "yes", "a volume of the pod can't be mounted",
          "create the ConfigMap, Secret or claim that the message names, or correct volumes of the Application's "
          "template; "
          "for a shared volume check the file server and the node's mount",
          Detail::kForeign},
    Cause{"FailedAttachVolume", kStartedOrFailed, "yes", "a volume of the pod can't be attached to its node",
          "check the volume and its CSI driver; another node may still hold it", Detail::kForeign},
    Cause{"FailedMapVolume", kStartedOrFailed, "yes", "a block volume of the pod can't be mapped on its node",
          "check the volume and its CSI driver", Detail::kForeign},
    Cause{"FailedCreatePodSandBox", kStartedOrFailed, "yes", "the node can't create the pod's sandbox",
          "check the network plugin and the container runtime of the node", Detail::kForeign},
    Cause{"NetworkNotReady", kStartedOrFailed, "yes", "the network of the node is not ready",
          "check the network plugin of the node", Detail::kForeign},
    Cause{"CreateContainerConfigError", kStartedOrFailed, "yes", "a container can't be configured",
          "create the ConfigMap or Secret that the message names, or correct env and securityContext of the "
          "Application's template",
          Detail::kForeign},
    Cause{"CreateContainerError", kStartedOrFailed, "yes", "the container runtime can't create a container",
          "correct the command and the mounts of the Application's template, or check the node's container runtime",
          Detail::kForeign},
    Cause{"RunContainerError", kStartedOrFailed, "yes", "the container runtime can't start a container",
          "correct the command of the Application's template, or check the node's container runtime", Detail::kForeign},
    Cause{"CrashLoopBackOff", kStartedOrFailed, "yes", "a sidecar of the pod ends again and again",
          "look at the sidecar's logs", Detail::kForeign},
    Cause{"QuotaExceeded", kStarted, "", "a ResourceQuota of the namespace is full",
          "wait for other pods to end, raise the ResourceQuota, or ask for less in the Application's template",
          Detail::kForeign},
    Cause{"QuotaTooSmall", kStartedOrFailed, "yes", "one pod asks for more than a whole ResourceQuota of the namespace",
          "ask for less in resources of the Application's template, or raise the ResourceQuota", Detail::kForeign},
    Cause{"PodForbidden", kStartedOrFailed, "yes", "the API server or an admission plugin refuses the pod",
          "change the policy, LimitRange or ServiceAccount that the message names, or spec.template of the Application",
          Detail::kForeign},
    Cause{"PodRefused", kStartedOrFailed, "yes", "the API server can't create the pod",
          "repair or remove the admission webhook that the message names", Detail::kForeign},
    Cause{"ApiServerFailing", kLiveOrFailed, "yes", "the API server does not answer",
          "check the Kubernetes API server and the network to it", Detail::kForeign},
    Cause{"ApiServerRefused", kLiveOrFailed, "yes", "the API server refuses a request for this job",
          "change the admission policy or webhook that the message names, or give the controller its Role back",
          Detail::kForeign},
    Cause{"NodeNotReady", kStarted, "", "the pod's node does not answer",
          "repair the node; without an answer the attempt is given up after controller.nodeLossTimeout",
          Detail::kInternal},
    Cause{"AlienPod", kStartedOrFailed, "yes", "a pod with the name of this job's pod does not belong to the job",
          "delete that pod, or cancel the job", Detail::kInternal},
    Cause{"FolderMissing", kStartedOrFailed, "yes", "the job's folder is not visible on the volume",
          "check that the right volume is mounted and that its caches are not stale (NFS: lookupcache=none)",
          Detail::kInternal},
    Cause{"VolumeFull", kStartedOrFailed, "yes", "the volume is full", "free space on the volume, or make it larger",
          Detail::kInternal},
    Cause{"VolumeFailing", kStartedOrFailed, "yes", "the volume can't be read or written", kCheckVolume,
          Detail::kInternal},
    Cause{"PodLost", kStartedOrFailed, "yes", "the pod is gone and has left no outcome",
          "none while the job waits: an outcome may still appear until controller.nodeLossTimeout is over; afterwards "
          "check the node, and run the job again"},
    // --- A job or an attempt that has ended.
    Cause{"Completed", "Finished", "", "exit code 0; result and output are stored", ""},
    Cause{"NonZeroExit", kFailed, "yes", "the application ended with another exit code than 0", "read the job's logs"},
    Cause{"Killed", kFailed, "yes", "a signal ended the application", "read the job's logs"},
    Cause{"OOMKilled", kFailed, "yes", "the application reached its memory limit", kMoreMemory},
    Cause{"InvalidResult", kFailed, "no",
          "the result file is not JSON, does not match resultSchema of the Application, or is too large",
          "correct what the application writes to $VBRAIN_RESULT_FILE"},
    Cause{"NotSealed", kFailed, "yes", "result and outputs could not be stored", kCheckVolume},
    Cause{"InvalidOutput", kFailed, "no", "the output has more files, folders or names than an archive may have",
          "let the application write fewer files to $VBRAIN_OUTPUT_DIR, or pack them into one"},
    Cause{"OutputTooLarge", kFailed, "no", "the output is larger than it may be",
          "let the application write less, or raise outputLimit of the Application"},
    Cause{"DiskLimitExceeded", kFailed, "no", "the pod used more of its node's disk than it may, and was evicted",
          "let the application write less, raise outputLimit of the Application or controller.workSizeLimit of the "
          "chart, "
          "or raise the ephemeral-storage limit in the Application's template",
          Detail::kForeign},
    Cause{"CommandNotStarted", kFailed, "no", "the command of the application can't be started",
          "correct command in the Application's template; the program must exist in the image, be executable and be "
          "built "
          "for the node's architecture"},
    Cause{"InitContainerFailed", kFailed, "yes", "an init container of the pod failed",
          "correct the init container in the Application's template", Detail::kInternal},
    Cause{"StartError", kFailed, "yes", "the container runtime could not start the container",
          "correct the command and the mounts of the Application's template, or check the node's container runtime",
          Detail::kForeign},
    Cause{"ContainerCannotRun", kFailed, "yes", "the container runtime could not start the container",
          "correct the command and the mounts of the Application's template, or check the node's container runtime",
          Detail::kForeign},
    Cause{"RunnerFailed", kFailed, "yes", "vBrain's runner failed, or its report contradicts its exit code",
          "read the job's logs; the image must not change the runner or its folder"},
    Cause{"Evicted", kFailed, "yes", "the node or the cluster evicted the pod",
          "none if it has the condition DisruptionTarget, which does not count against backoffLimit; else check the "
          "node's disk and memory",
          Detail::kForeign},
    Cause{"Preempting", kFailed, "yes", "a pod of higher priority took the place of the pod",
          "none; it does not count against backoffLimit", Detail::kForeign},
    Cause{"Terminated", kFailed, "yes", "the node was shut down", kNothingLasting, Detail::kForeign},
    Cause{"NodeShutdown", kFailed, "yes", "the node was shut down", kNothingLasting, Detail::kForeign},
    Cause{"OutOfcpu", kFailed, "yes", "the node has no room for the pod, though the scheduler chose it",
          kNothingLasting, Detail::kForeign},
    Cause{"OutOfmemory", kFailed, "yes", "the node has no room for the pod, though the scheduler chose it",
          kNothingLasting, Detail::kForeign},
    Cause{"OutOfpods", kFailed, "yes", "the node has no room for the pod, though the scheduler chose it",
          kNothingLasting, Detail::kForeign},
    Cause{"OutOfResource", kFailed, "yes", "the node has no room for the pod, though the scheduler chose it",
          kNothingLasting, Detail::kForeign},
    Cause{"NodeAffinity", kFailed, "yes", "the node does not match the pod any more", kNothingLasting,
          Detail::kForeign},
    Cause{"UnexpectedAdmissionError", kFailed, "yes", "the node refused the pod",
          "check the node's devices and its log", Detail::kForeign},
    Cause{"PodFailed", kFailed, "yes", "the pod failed", "look at the pod and its node with kubectl describe",
          Detail::kForeign},
    Cause{"NodeLost", kFailed, "yes", "the pod's node did not answer for controller.nodeLossTimeout",
          "repair the node; the attempt does not count against backoffLimit"},
    Cause{"PodDeleted", kFailed, "yes", "somebody deleted the pod",
          "to end a job, set spec.cancel or delete the Job, not its pod; the attempt does not count against "
          "backoffLimit"},
    Cause{"NotStarted", kFailed, "yes", "the attempt was closed before its application could start",
          "run the job again; the cause is no longer known"},
    Cause{"Cancelled", kFailed, "no", "spec.cancel was set", ""},
    Cause{"DeadlineExceeded", kFailed, "no", "all attempts together ran longer than activeDeadlineSeconds",
          "raise activeDeadlineSeconds of the Application, or give the job less to do"},
    Cause{"InvalidImageName", kFailed, "no", "the name of the image is not valid",
          "correct the image's name in the Application", Detail::kForeign},
    Cause{"ErrImageNeverPull", kFailed, "no", "the image is not on the node, and imagePullPolicy is Never",
          "load the image onto the nodes, or change imagePullPolicy in the Application's template", Detail::kForeign},
    Cause{"InvalidTemplate", kFailed, "no", "the Application's template can't be run", kCorrectTemplate,
          Detail::kForeign},
    Cause{"InvalidSpec", kFailed, "no", "the Job has invalid names or parameters", "create a new Job with valid ones"},
    Cause{"InvalidParams", kFailed, "no", "the params do not match paramsSchema of the Application",
          "create a new Job with params that match"},
    Cause{"InvalidSchema", kFailed, "no", "a JSON Schema of the Application can't be used",
          "correct spec.paramsSchema or spec.resultSchema of the Application"},
    Cause{"UnknownRepository", kFailed, "no", "the tenant has no repository with the job's repositoryId",
          "create a new Job with the id of an existing repository"},
    Cause{"CorruptFile", kFailed, "no", "a file of the job on the volume is not readable",
          "restore the file from a backup, or create a new job", Detail::kInternal},
    Cause{"Deleted", kFailed, "no", "the job was deleted before it started", ""},
    // --- What a condition or an event of a job says beside its reason.
    Cause{"UnknownClient", kLive, "",
          "no Client has the job's organization, application and client: the job runs, and "
          "nobody can read it by REST",
          "create the Client, or correct these names in a new job"},
    // --- Why an Application or a Client is not ready. InvalidTemplate, InvalidSchema, PodForbidden, QuotaTooSmall,
    // UnknownApplication and ApplicationNotAllowed are the same as of a job.
    Cause{"DuplicateId", kApplication, "", "an older Application has the same applicationId, and jobs use that one",
          "delete one of the two, or create this one again with another applicationId"},
    Cause{"NotChecked", kApplication, "", "the API server could not check the pod of its jobs",
          "none for the Application, the check is repeated; if it stays so, check the API server and its admission "
          "webhooks",
          Detail::kForeign},
    Cause{"DuplicateTenant", kClient, "",
          "an older Client names the same organization, application and client; the members of both count, and "
          "maxConcurrentJobs of the older one",
          "move the members into one Client and delete the other"},
    Cause{"KeyIdTaken", kClient, "", "a key id is there twice; both keys work, but logs can't tell them apart",
          "give the member a new key (api-server keygen) and remove this entry"},
    Cause{"NoKey", kClient, "", "no member has a key that is valid, so nobody can use the Client",
          "add a key to a member (api-server keygen)"},
};

constexpr std::string_view kUnknownCause = "the cluster gives this reason";
constexpr std::string_view kUnknownRemedy = "look at the pod of the job with kubectl describe";

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && is_continuation(text[limit])) --limit;
  return text.substr(0, limit);
}

std::string_view without_full_stop(std::string_view text) {
  while (!text.empty() && (text.back() == '.' || text.back() == ' ' || text.back() == ';')) text.remove_suffix(1);
  return text;
}

std::string in_words(std::string_view cause, std::string_view detail, std::string_view remedy, Detail kind) {
  std::string text(detail.empty() || kind == Detail::kForeign ? cause : std::string_view());
  const std::string_view joint = text.empty() || detail.empty() ? "" : ": ";
  constexpr std::string_view kRemedy = ". Remedy: ";
  const std::size_t rest = text.size() + joint.size() + kRemedy.size() + remedy.size();
  text.append(joint).append(without_full_stop(cut(detail, kToldLimit - std::min(kToldLimit, rest))));
  if (!remedy.empty()) text.append(kRemedy).append(remedy);
  return text;
}

constexpr std::string_view kLateStart = "not running after preRunningDeadlineSeconds of the Application, ";

// The part of a told message or of its detail that tell_late_start() wrote before texts of others; empty if there is
// none.
std::string_view late_start_in(std::string_view message, std::string_view cause) {
  if (message.starts_with(cause) && message.substr(cause.size()).starts_with(": ")) {
    message.remove_prefix(cause.size() + 2);
  }
  if (!message.starts_with(kLateStart)) return {};
  const std::size_t end = message.find_first_not_of("0123456789", kLateStart.size());
  if (end == std::string_view::npos || !message.substr(end).starts_with(" s")) return {};
  return message.substr(0, end + 2);
}

// What REST shows of one reason. `told`: `message` has the form of tell(), else it is the detail alone.
std::string public_words(std::string_view reason, std::string_view message, bool told) {
  const Cause* cause = find_cause(reason);
  if (cause != nullptr && cause->detail == Detail::kOwn) return told ? std::string(message) : tell(reason, message);
  const std::string_view words = cause != nullptr ? cause->cause : kUnknownCause;
  const std::string_view remedy = cause != nullptr ? cause->remedy : kUnknownRemedy;
  return in_words(words, late_start_in(message, words), remedy, Detail::kForeign);
}

}  // namespace

std::span<const Cause> all_causes() {
  return kCauses;
}

const Cause* find_cause(std::string_view reason) {
  const auto* found = std::ranges::find(kCauses, reason, &Cause::reason);
  return found == kCauses.end() ? nullptr : found;
}

bool may_be_retried(std::string_view reason) {
  const Cause* cause = find_cause(reason);
  return cause == nullptr || cause->is_retried != "no";
}

std::string tell(std::string_view reason, std::string_view detail) {
  const Cause* cause = find_cause(reason);
  if (cause == nullptr) return in_words(kUnknownCause, detail, kUnknownRemedy, Detail::kForeign);
  return in_words(cause->cause, detail, cause->remedy, cause->detail);
}

std::string tell_late_start(std::chrono::seconds limit, std::string_view waited_for) {
  std::string text = std::string(kLateStart) + std::to_string(limit.count()) + " s";
  if (!waited_for.empty()) text.append(": ").append(waited_for);
  return text;
}

std::string public_message(const JobStatus& status) {
  if (status.reason.empty()) return status.message;
  if (status.reason != "Retrying" || status.attempt_history.empty()) {
    return public_words(status.reason, status.message, true);
  }
  const AttemptRecord& last = status.attempt_history.back();
  std::string text = "attempt " + std::to_string(last.attempt) + " failed (" + last.reason + ": " +
                     public_words(last.reason, last.message, false) + "); attempt " + std::to_string(status.attempts) +
                     " follows";
  if (status.next_attempt_time) text += " at " + base::format_rfc3339_seconds(*status.next_attempt_time);
  return text;
}

std::string causes_as_markdown() {
  std::string text = "| reason | phase or kind | retried | cause | what to do |\n|---|---|---|---|---|\n";
  const auto cell = [&](std::string_view content) {
    text.append(content.empty() ? "" : " ").append(content).append(" |");
  };
  for (const Cause& cause : kCauses) {
    text += "|";
    cell("`" + std::string(cause.reason) + "`");
    for (const std::string_view content : {cause.phases, cause.is_retried, cause.cause, cause.remedy}) cell(content);
    text += "\n";
  }
  return text;
}

}  // namespace vbrain::job
