#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "base/result.hpp"
#include "job/job.hpp"
#include "kube/api/pod.hpp"

namespace vbrain::controller {

// The files of one attempt on the volume.
struct AttemptFiles {
  std::optional<artifacts::Claim> claim;
  // An error is a manifest that can't be decoded.
  std::optional<Result<artifacts::Manifest, std::string>> manifest;
};

// How an attempt ended.
struct Verdict {
  bool succeeded = false;
  std::string reason;
  std::string message;
  std::optional<std::int32_t> exit_code = {};  // of the application; absent if it never ran or is unknown
  std::optional<job::Artifacts> artifacts = {};
  bool disrupted = false;  // ended by the cluster: does not count against backoffLimit
  bool hopeless = false;   // another attempt would end the same way
  bool started = true;     // false: its runner could not start the command of the application
  bool claimed = false;    // the attempt's own runner reported, so it has the claim and no other runner can start
};

// How it ended, without names of nodes and objects and without texts of Kubernetes. Pure.
std::string own_words(const Verdict& verdict);

// The reason of an attempt that the controller closed before a runner claimed it.
inline constexpr std::string_view kClosedReason = "NotStarted";
// Reasons why `main` has not started.
inline constexpr std::string_view kUnschedulableReason = "Unschedulable";  // the scheduler's own word
inline constexpr std::string_view kNoNodeFitsReason = "NoNodeFits";
inline constexpr std::string_view kPodDeletedReason = "PodDeleted";
inline constexpr std::string_view kInitializingReason = "Initializing";

// The state of a pod, reduced to what the rules need.
struct PodView {
  enum class Stage {
    kPending,  // `main` has not started; waiting_* give the reason, unless the start is normal
    kRunning,
    kEnded,  // `main` will not run any more, according to the kubelet
  };
  Stage stage = Stage::kPending;
  bool stopping = false;          // marked for deletion
  bool node_unreachable = false;  // running as far as known, but its node does not answer
  bool others_running = false;    // ended, but other containers of the pod are not
  std::string waiting_reason;     // empty while the start is normal
  std::string waiting_message;

  bool operator==(const PodView&) const = default;
};

PodView look_at(const kube::Pod& pod);

// The cluster ended it, by eviction, preemption or a lost node.
bool is_disrupted(const kube::Pod& pod);

// The verdict on an attempt whose pod is gone, that was claimed and has left no outcome. A running pod whose object is
// gone was deleted by somebody who did not wait, or after its node was lost. `last_seen`: null if nobody knows the pod.
// `earlier_life`: it belongs to an earlier resource of the job. Pure.
Verdict judge_lost(const kube::Pod* last_seen, bool earlier_life);

// `main` ran, and the pod was marked for deletion before it ended. The time of the mark and that of the end are by the
// clocks of the API server and of the node. Without the time of the end: true if it is marked.
bool was_deleted_while_running(const kube::Pod& pod);

// The image will never be available, and a retry of the kubelet does not change that.
bool is_hopeless_wait(std::string_view waiting_reason);

// Evaluates an attempt whose pod is at Stage::kEnded. Returns nothing if the pod alone is not sufficient and `files` is
// null: read the files and call again. Termination message and manifest are untrusted: success needs the kubelet's exit
// code 0 and a report that the outputs are sealed. Nothing with `files` means: the runner has claimed and left no
// manifest, and it is unknown whether its container has ended; it may still run. Pure.
std::optional<Verdict> judge_pod(const kube::Pod& pod, const AttemptFiles* files);

// The same for an attempt whose pod is gone. Nothing: the runner has claimed it and left no manifest (yet), or there is
// no claim (close it first).
std::optional<Verdict> judge_files(const AttemptFiles& files);

}  // namespace vbrain::controller
