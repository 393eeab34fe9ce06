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
  std::chrono::milliseconds waiting_for{};  // for the present reason
};

// Why the pod of an attempt could not be made.
struct PodRefusal {
  std::string reason;
  std::string message;
  bool hopeless = false;  // the same request will be refused again
  bool capacity = false;  // there is no room: waited for without bound, as for a turn
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
  std::shared_ptr<const job::Application> application;  // null: there is none of that id
  Turn turn;
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
  std::vector<PodSighting> pods;
  // The API server itself said in this pass that `job` is the present version. Caches may be older: a pod is stopped,
  // an attempt closed and a folder purged only with this.
  bool job_confirmed = false;

  // Of the current attempt; nothing until an InspectAttempt or CreatePod has read them.
  std::optional<AttemptFiles> files;
  // What the volume told of the job when an attempt was to begin, and the resource does not know.
  std::optional<job::JobStatus> record;
  int newest_attempt = 0;
  std::optional<PodRefusal> refusal;  // of the current attempt, in this pass
  bool pod_asked_for = false;         // the API server itself was asked for the attempt's pod, in this pass
  std::string alien_pod_uid;          // of a pod of that name which is not ours
  bool write_refused = false;         // the API server will not take what was written, in this pass
  bool archived = false;              // status.json is durable
  bool removed = false;               // we deleted the resource; the caches may have it still

  // The pod of an attempt, one that exists before one that is gone; null if none is known.
  const PodSighting* pod_of(int attempt) const;
  // `now` is the present version of the job. What is known of an attempt is dropped if the job has another one.
  void take_job(job::Job now);
};

// All that a decision about one job may look at.
struct Snapshot : Observed, Learned {};

// The attempt that a pod of `job` was made for, by its name; 0 if the name is none of ours.
int attempt_of(const kube::Pod& pod, const job::Job& job);

}  // namespace vbrain::controller
