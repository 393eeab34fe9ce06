#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time/clock.hpp"
#include "controller/planning/outcome.hpp"
#include "controller/planning/pod_trouble.hpp"
#include "job/application.hpp"
#include "job/job.hpp"
#include "kube/api/pod.hpp"

namespace vbrain::controller {

// The watches of Jobs, Applications and Clients are independent: a new Job may be seen before an Application or a
// Client that was created before it. So nobody is told that one is missing before the job has been known for this long.
inline constexpr std::chrono::milliseconds kOtherWatches{3'000};

// Settings of the installation.
struct Rules {
  // How long a pod may be unreachable, or gone without an outcome, before it is given up.
  std::chrono::milliseconds node_loss_timeout{300'000};
  // Wait between a failed attempt and the next; it doubles after each attempt, as with batch/v1 Jobs.
  std::chrono::milliseconds retry_backoff{10'000};
  std::chrono::milliseconds max_retry_backoff{360'000};
  std::int32_t max_disruptions = 10;
  // How long the pods of an ended job stay, for those who look at them with kubectl.
  std::chrono::milliseconds pod_retention_success{600'000};
  std::chrono::milliseconds pod_retention_failure{3'600'000};
};

// A pod of the job: its controller is the Job by UID, not only by name.
struct PodSighting {
  std::shared_ptr<const kube::Pod> pod;
  bool gone = false;    // deleted; `pod` is its last known state
  bool is_new = false;  // this controller created it in this pass
  // How long it has been in this state, by the local steady clock. Clocks of other machines are never used.
  std::chrono::milliseconds stopping_for{};
  std::chrono::milliseconds running_for{};
  std::chrono::milliseconds waiting_for{};      // not started, with the current reason or without one
  std::chrono::milliseconds unreachable_for{};  // running on a node that does not answer
  // Since its creation. Of a pod that another controller created, the clock of the API server says when that was.
  std::chrono::milliseconds age{};
  // What the pod's events said when they were read last, and the time until they may be read again. Nothing: they have
  // not been read since the pod waits.
  std::optional<PodTrouble> trouble = {};
  std::optional<std::chrono::milliseconds> events_in = {};
  bool events_read = false;  // by the last action
};

// The events of a late pod are read again after this time, later after longer times.
inline constexpr std::chrono::milliseconds kReadEventsAgain{5'000};

// Why an action failed, as reason and message for the job's status.
struct Failure {
  std::string reason;           // a word, as status.reason
  std::string message;          // a sentence: cause, and what helps if that is known
  bool hopeless = false;        // only for pods: the same request will be refused again, the attempt is given up
  bool capacity = false;        // only for pods: there is no room; the job waits without a limit, as for a slot
  bool passing = false;         // likely to be over soon (no answer, an I/O error): reported only if it lasts
  bool without_effect = false;  // only for writes of the Job: none of our tries has changed it
  std::chrono::milliseconds retry_after{};  // minimum wait, as requested by the server
};

// An action that failed and will be retried.
struct FailedAction {
  std::string action;  // name_of() the action
  Failure failure;
  std::chrono::milliseconds failing_for{};  // since the first failure, by the local steady clock
  std::chrono::milliseconds retry_in{};     // until the next try; 0: now
};

// Whether a job that has not started may start, or must wait for others of its Client or Application.
struct Turn {
  bool may_begin = true;
  std::string why_not;  // for people; empty: nothing to report, the job is woken when that changes
  // A Client names the job's tenant. A job runs without one, but nobody can read it by REST.
  bool client_found = true;
  // A limit of concurrent jobs applies to it: its first attempt must be counted in its status before it begins.
  bool is_counted = true;
};

// Observed before the first action of a pass. Actions do not change it.
struct Observed {
  Rules rules;
  base::TimePoint now{};
  Turn turn;
  // Since status.startTime, and since the start of the current attempt. Measured by the local steady clock after the
  // time was first seen, so that a step of the system clock ends no job. Negative before that time.
  std::chrono::milliseconds since_start{};
  std::chrono::milliseconds since_attempt{};
  // How long the pod of the current attempt has been missing although its runner has claimed, by the local steady
  // clock.
  std::chrono::milliseconds lost_for{};
  // How long the watch has not shown the API server's last answer; nothing: it has.
  std::optional<std::chrono::milliseconds> unseen_write_for;
  std::chrono::milliseconds
      deleting_for{};  // since this controller first saw the deletionTimestamp, by the local steady clock
  std::chrono::milliseconds known_for{};  // since this controller first saw the job, by the local steady clock
};

// Knowledge about the job itself. It starts with the caches' content; the actions of a pass replace it by answers of
// the API server and the volume.
struct Learned {
  job::Job job;
  std::shared_ptr<const job::Application> application;  // null: there is no Application with this id
  std::vector<PodSighting> pods;
  // The API server confirmed in this pass that `job` and `application` are current. Caches may be older. Only with this
  // is a pod stopped, an attempt closed, a folder purged or a job failed.
  bool job_confirmed = false;

  // For the current attempt; nothing until an InspectAttempt or CreatePod has read them.
  std::optional<AttemptFiles> files;
  // Information about the job on the volume that the resource lacks, read when an attempt was prepared.
  std::optional<job::JobStatus> record;
  int newest_attempt = 0;
  bool removal_asked_for = false;  // of the pods of the ended job, in this pass
  bool pod_asked_for = false;      // the API server was asked for the attempt's pod in this pass
  std::string alien_pod_uid;       // UID of a pod with this name that does not belong to the job
  bool archived = false;           // status.json is durable
  bool removed = false;            // this controller deleted the resource; the caches may still have it
  // Actions whose last try failed, in this pass or earlier.
  std::vector<FailedAction> failed;

  // The pod of an attempt; an existing one is preferred to one that is gone. Null if none is known.
  const PodSighting* pod_of(int attempt) const;
  // `now` is the current version of the job. Drops what is known of the attempt if the job has another attempt.
  void take_job(job::Job now);
  // Null if the action with this name did not fail.
  const FailedAction* failure_of(const std::string& action) const;
};

// All inputs of a decision about one job.
struct Snapshot : Observed, Learned {};

// The current attempt: that of the status, or the first one if the status counts none yet. Pure.
int current_attempt(const job::Job& job);

// The attempt number in the name of a pod of `job`; 0 if the name has another form.
int attempt_of(const kube::Pod& pod, const job::Job& job);

}  // namespace vbrain::controller
