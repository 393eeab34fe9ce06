#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "controller/planning/outcome.hpp"
#include "job/application.hpp"
#include "job/job.hpp"
#include "kube/api/pod.hpp"

namespace vbrain::controller {

// The installation's own numbers.
struct Rules {
  // How long a pod may be unreachable, or its object gone without a word from its runner, before it is given up.
  std::chrono::milliseconds node_loss_timeout{300'000};
  // Between a failed attempt and the next: doubled from attempt to attempt. The same as batch/v1 Jobs.
  std::chrono::milliseconds retry_backoff{10'000};
  std::chrono::milliseconds max_retry_backoff{360'000};
  std::int32_t max_disruptions = 10;
};

// A pod of the job: its controller is the Job by UID, not by name alone.
struct PodSighting {
  std::shared_ptr<const kube::Pod> pod;
  bool gone = false;  // deleted since; `pod` is the last that was seen
  // For how long we have seen it so, by our own steady clock: clocks of other machines are never asked.
  std::chrono::milliseconds stopping_for{};
  std::chrono::milliseconds running_for{};
  std::chrono::milliseconds waiting_for{};      // not started, for the present reason or for none
  std::chrono::milliseconds unreachable_for{};  // running on a node that does not answer
  std::chrono::milliseconds age{};
};

// Why something could not be done, in words for the status of the job.
struct Failure {
  std::string reason;           // a word, as status.reason
  std::string message;          // a sentence: cause, and what helps if that is known
  bool hopeless = false;        // only for pods: the same request will be refused again, the attempt is given up
  bool capacity = false;        // only for pods: there is no room; waited for without bound, as for a turn
  bool passing = false;         // likely to be over in a moment (no answer, an I/O error): told only when it lasts
  bool without_effect = false;  // only for writes of the Job: none of our tries has changed it
  std::chrono::milliseconds retry_after{};  // whoever refused asks not to be asked earlier
};

// An action that failed, and will be tried again.
struct FailedAction {
  std::string action;  // name_of() the action
  Failure failure;
  std::chrono::milliseconds failing_for{};  // since it failed first, by our own clock
  std::chrono::milliseconds retry_in{};     // until it is tried again; 0: now
};

// Whether a job that has not begun may begin, or others of its Client or Application come first.
struct Turn {
  bool may_begin = true;
  std::string why_not;  // for people; empty: nothing worth saying, the job is woken when that changes
};

// What was observed before the first action of a pass. Actions do not change it.
struct Observed {
  Rules rules;
  base::TimePoint now{};
  Turn turn;
  // Since status.startTime, and since the start of the current attempt. By our own steady clock from when we first saw
  // that time, so that a step of the system's clock ends no job. Negative before that time.
  std::chrono::milliseconds since_start{};
  std::chrono::milliseconds since_attempt{};
  // For how long the current attempt's pod has been missing although its runner had claimed, by our own clock.
  std::chrono::milliseconds lost_for{};
  // For how long the watch has not shown what the API server answered to us; nothing: it has.
  std::optional<std::chrono::milliseconds> unseen_write_for;
  std::chrono::milliseconds deleting_for{};  // since we saw the job marked for deletion, by our own clock
};

// What is known of the job itself. It begins with what the caches have; the actions of a pass replace it by what the
// API server and the volume have answered.
struct Learned {
  job::Job job;
  std::shared_ptr<const job::Application> application;  // null: there is none of that id
  std::vector<PodSighting> pods;
  // The API server itself said in this pass that `job` and `application` are the present versions. Caches may be older:
  // a pod is stopped, an attempt closed, a folder purged and a job declared failed only with this.
  bool job_confirmed = false;

  // Of the current attempt; nothing until an InspectAttempt or CreatePod has read them.
  std::optional<AttemptFiles> files;
  // What the volume told of the job when an attempt was to begin, and the resource does not know.
  std::optional<job::JobStatus> record;
  int newest_attempt = 0;
  bool pod_asked_for = false;  // the API server itself was asked for the attempt's pod, in this pass
  std::string alien_pod_uid;   // of a pod of that name which is not ours
  bool archived = false;       // status.json is durable
  bool removed = false;        // we deleted the resource; the caches may have it still
  // Actions that failed at their last try, in this pass or earlier.
  std::vector<FailedAction> failed;

  // The pod of an attempt, one that exists before one that is gone; null if none is known.
  const PodSighting* pod_of(int attempt) const;
  // `now` is the present version of the job. What is known of an attempt is dropped if the job has another one.
  void take_job(job::Job now);
  // Null if the action of that name did not fail.
  const FailedAction* failure_of(const std::string& action) const;
};

// All that a decision about one job may look at.
struct Snapshot : Observed, Learned {};

// The attempt that a pod of `job` was made for, by its name; 0 if the name is none of ours.
int attempt_of(const kube::Pod& pod, const job::Job& job);

}  // namespace vbrain::controller
