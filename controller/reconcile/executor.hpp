#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "controller/planning/action.hpp"
#include "controller/planning/snapshot.hpp"
#include "controller/pods/pod_builder.hpp"
#include "controller/reconcile/quota_memo.hpp"
#include "controller/reconcile/volume.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// Carries out actions: the only place where the controller writes. Thread-safe; blocks.
//
// The order of an attempt, each step durable before the next:
//   1. status: attempts = n, phase Started (compare-and-swap on resourceVersion)
//   2. the folder attempts/<n>
//   3. the pod <job>-<n>
//   4. (the runner) the claim, the outputs, the manifest
//   5. status: the end, or the claim of attempt n+1
//   6. status.json, again and again until it is there
// and the event last, since nobody waits for it.
class Executor {
 public:
  struct Parts {
    kube::ApiClient& client;
    Volume& volume;
    kube::EventRecorder& events;
    base::Metrics& metrics;
    const base::Clock& clock;
    PodSettings pod;
    // False once the lease may be another's. Asked before every write: it narrows the time in which two believe to
    // lead; preconditions and the claim are what makes that time harmless.
    std::function<bool()> may_write = [] { return true; };
  };

  explicit Executor(Parts parts);

  // Does `action` and notes in `snapshot` what is known afterwards, so that it can be planned anew. A result means
  // that this pass ends with it. Throws artifacts::VolumeError.
  std::optional<kube::ReconcileResult> execute(const Action& action, Snapshot& snapshot, std::stop_token stop);

 private:
  using Outcome = std::optional<kube::ReconcileResult>;

  Outcome run(const AddFinalizer& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const InspectAttempt& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const CloseAttempt& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const WriteStatus& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const RecordEvent& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const CreatePod& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const StopPod& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const ArchiveStatus& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const PurgeFolder& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const RemoveFinalizer& action, Snapshot& snapshot, std::stop_token stop);
  Outcome run(const DeleteJob& action, Snapshot& snapshot, std::stop_token stop);

  Result<PreparedAttempt, PodRefusal> prepare(const job::Job& job, int attempt);
  void record(const Notice& notice, const kube::ObjectMeta& meta);
  Outcome undo_if_deleted(const job::Job& job, std::stop_token stop);
  Outcome archive(const job::Job& job, std::stop_token stop);
  Outcome find_pod(int attempt, Snapshot& snapshot, std::stop_token stop);
  Outcome patch_finalizers(const std::vector<std::string>& finalizers, Snapshot& snapshot, std::stop_token stop);
  kube::KubeResult<job::Job> put_status(const kube::ObjectMeta& meta, const job::JobStatus& status,
                                        std::stop_token stop);
  kube::KubeResult<bool> is_being_uninstalled(const std::string& ns, std::stop_token stop);
  Outcome take_written(kube::KubeResult<job::Job> written, Snapshot& snapshot, std::stop_token stop);
  bool is_outdated(const kube::Error& error, const job::Job& before, std::stop_token stop);
  bool is_without_effect(const kube::Error& error, const job::Job& before, std::stop_token stop);

  Parts parts_;
  QuotaMemo quota_;
  prometheus::Counter& pods_created_;
  prometheus::Counter& jobs_finished_;
  prometheus::Counter& jobs_failed_;
};

}  // namespace vbrain::controller
