#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "controller/background/archiver.hpp"
#include "controller/background/pod_remover.hpp"
#include "controller/planning/action.hpp"
#include "controller/planning/snapshot.hpp"
#include "controller/pods/pod_builder.hpp"
#include "controller/pods/template_cache.hpp"
#include "controller/reconcile/job_metrics.hpp"
#include "controller/reconcile/pod_events.hpp"
#include "controller/reconcile/quota_memo.hpp"
#include "controller/reconcile/unanswered_writes.hpp"
#include "controller/volume/volume.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// What happens after an action.
class [[nodiscard]] Step {
 public:
  // The action is done; the next one of the plan follows.
  static Step go_on() { return Step(Kind::kGoOn, {}); }
  // There is new information: the rest of the plan is dropped, and the job is planned again.
  static Step plan_anew() { return Step(Kind::kPlanAnew, {}); }
  // The action failed: the job is planned again with that fact.
  static Step failed(Failure failure) {
    Step step(Kind::kFailed, {});
    step.failure_ = std::move(failure);
    return step;
  }
  // This pass over the job ends with this result.
  static Step pass_ends(kube::ReconcileResult result) { return Step(Kind::kPassEnds, std::move(result)); }

  bool goes_on() const { return kind_ == Kind::kGoOn; }
  bool has_failed() const { return kind_ == Kind::kFailed; }
  bool ends_pass() const { return kind_ == Kind::kPassEnds; }
  // Set only if the action failed.
  const Failure& failure() const { return *failure_; }
  // Set only if the pass ends.
  const kube::ReconcileResult& result() const { return result_; }

 private:
  enum class Kind { kGoOn, kPlanAnew, kFailed, kPassEnds };
  Step(Kind kind, kube::ReconcileResult result) : kind_(kind), result_(std::move(result)) {}

  Kind kind_;
  std::optional<Failure> failure_;
  kube::ReconcileResult result_;
};

// Executes actions; only this class writes in the controller. Thread-safe; blocks.
//
// The order of an attempt, each step durable before the next:
//   1. status: attempts = n, phase Started (compare-and-swap on resourceVersion); of a first attempt that no limit
//      counts later, with the first write that is needed anyway
//   2. the folder attempts/<n>
//   3. the pod <job>-<n>
//   4. (the runner) the claim, the outputs, the manifest
//   5. status: the end, or the claim of attempt n+1
//   6. status.json, repeated until it is written
// The event is last, because nothing depends on it.
class Executor {
 public:
  struct Parts {
    kube::ApiClient& client;
    Volume& volume;
    kube::EventRecorder& events;
    base::Metrics& metrics;
    const base::Clock& clock;
    PodSettings pod;
    // False when another controller may have the Lease. Checked before every write: it shortens the time in which two
    // controllers believe to lead. Preconditions and the claim make that time harmless.
    std::function<bool()> may_write = [] { return true; };
    // Threads that write records of ended jobs, and what they call with a job's name when its record is written or
    // could not be (see Archiver). With none of them pods of ended jobs are deleted without threads, too.
    std::size_t archive_threads = 0;
    Archiver::Wake wake = {};
  };

  explicit Executor(Parts parts);

  // Executes `action` and records its results in `learned`. Actions of users, operators, admission webhooks or the
  // volume never make it throw: that is a Step::failed().
  Step execute(const Action& action, const Observed& observed, Learned& learned, std::stop_token stop);

  // Records an event on the Job. Does not wait.
  void record(const Notice& notice, const kube::ObjectMeta& meta);

  // The API server or the watch has shown this version of a Job. If it is the effect of a write whose answer was lost,
  // event, log line and metrics of that write follow now.
  void note_seen(const job::Job& job);
  // The Job does not exist any more.
  void forget(const std::string& job) { unanswered_.forget(job); }

 private:
  // The resources of an action.
  struct Pass {
    const Observed& observed;
    Learned& learned;
    std::stop_token stop;
  };

  // In executor.cpp: the Job.
  Step run(const ConfirmJob& action, const Pass& pass);
  Step run(const AddFinalizer& action, const Pass& pass);
  Step run(const WriteStatus& action, const Pass& pass);
  Step run(const RecordEvent& action, const Pass& pass);
  Step run(const RemoveFinalizer& action, const Pass& pass);
  Step confirm_application(const Pass& pass);
  Step confirm_later_pods(const Pass& pass);
  Step patch_finalizers(const std::vector<std::string>& finalizers, const Pass& pass);
  kube::KubeResult<job::Job> put_status(const job::Job& job, const job::JobStatus& status, std::stop_token stop);
  Step take_written(const std::string& what, kube::KubeResult<job::Job> written, const Pass& pass);
  Step take_present(const Pass& pass);
  void tell_written(const job::Job& before, const WriteStatus& write);
  Step not_leading() const;

  // In executor_attempt.cpp: an attempt's folder and pod.
  Step run(const InspectAttempt& action, const Pass& pass);
  Step run(const ReadPodEvents& action, const Pass& pass);
  Step run(const CloseAttempt& action, const Pass& pass);
  Step run(const CreatePod& action, const Pass& pass);
  Step run(const StopPod& action, const Pass& pass);
  Step run(const RemovePods& action, const Pass& pass);
  Step find_pod(int attempt, const Pass& pass);
  Step create_pod(int attempt, const PodPaths& paths, const Pass& pass);
  Step take_existing_pod(int attempt, const Pass& pass);

  // In executor_folder.cpp: the job's folder, and its end.
  Step run(const ArchiveStatus& action, const Pass& pass);
  Step run(const PurgeFolder& action, const Pass& pass);
  Step run(const DeleteJob& action, const Pass& pass);
  bool is_held(const job::Job& job) const;
  Step undo_if_deleted(const job::Job& job, std::stop_token stop);
  Step archive(const job::Job& job, std::stop_token stop);

  Parts parts_;
  TemplateCache templates_;
  QuotaMemo quota_;
  PodEvents pod_events_;
  prometheus::Counter& pods_created_;
  JobMetrics job_metrics_;
  UnansweredWrites unanswered_;
  PodRemover pod_remover_;
  Archiver archiver_;
};

// True if the API server will refuse the same request again.
bool is_refused(const kube::Error& error);

// A request that failed. `what` names its purpose: "the write of the status".
Step failed_request(const std::string& what, const kube::Error& error, bool without_effect = false);

}  // namespace vbrain::controller
