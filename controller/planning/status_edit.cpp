#include "controller/planning/status_edit.hpp"

#include <algorithm>
#include <array>

#include "controller/planning/wording.hpp"
#include "controller/pods/memory_growth.hpp"
#include "job/causes.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

constexpr std::size_t kHistoryLimit = 10;
constexpr std::string_view kUnknownClientReason = "UnknownClient";
constexpr std::string_view kSuspendedCondition = "Suspended";
constexpr std::string_view kResumedReason = "Resumed";
constexpr std::string_view kPullBackOff = "ImagePullBackOff";
constexpr std::string_view kFailedMountReason = "FailedMount";

job::JobStatus present(const Snapshot& snapshot) {
  job::JobStatus status = snapshot.job.status;
  status.observed_generation = snapshot.job.meta.generation;
  return status;
}

void set_condition(job::JobStatus& status, const Snapshot& snapshot, std::string_view type, bool holds,
                   std::string_view reason, std::string_view message) {
  status.set_condition({.type = std::string(type),
                        .status = holds ? "True" : "False",
                        .reason = std::string(reason),
                        .message = std::string(message),
                        .last_transition_time = snapshot.now,
                        .observed_generation = snapshot.job.meta.generation});
}

bool is_true(const job::JobStatus& status, std::string_view type) {
  const kube::Condition* condition = status.condition(type);
  return condition != nullptr && condition->status == "True";
}

// Reasons of a job that goes on by itself.
bool goes_on(std::string_view reason) {
  constexpr std::array<std::string_view, 5> kGoingOn = {"Starting", "Running", "Recovering", "Pulling", "Initializing"};
  return std::ranges::find(kGoingOn, reason) != kGoingOn.end();
}

// A job that never waited needs no condition that says so.
void set_waiting(job::JobStatus& status, const Snapshot& snapshot, bool waits) {
  if (!waits && status.condition(kWaitingCondition) == nullptr) return;
  set_condition(status, snapshot, kWaitingCondition, waits, status.reason, waits ? status.message : "");
}

void set_client_found(job::JobStatus& status, const Snapshot& snapshot) {
  const bool found = snapshot.turn.client_found;
  if (found && status.condition(kClientFoundCondition) == nullptr) return;
  if (!found && snapshot.known_for < kOtherWatches) return;
  set_condition(status, snapshot, kClientFoundCondition, found, found ? "Found" : kUnknownClientReason,
                found ? "" : job::tell(kUnknownClientReason, ""));
}

// A job that was never suspended needs no condition that says so.
void set_suspended(job::JobStatus& status, const Snapshot& snapshot, bool suspended, std::string_view reason,
                   std::string_view message = "") {
  if (!suspended && status.condition(kSuspendedCondition) == nullptr) return;
  // It was told before, perhaps with more words.
  if (suspended && is_true(status, kSuspendedCondition)) return;
  set_condition(status, snapshot, kSuspendedCondition, suspended, suspended ? kSuspendedReason : reason, message);
}

// kubectl wait passes over a condition whose observedGeneration, or else that of the status, is older than the spec.
// The spec of an ended job may still change, for example by a cancel that comes too late, and nobody writes its status
// again. So the status of an ended job names no generation.
void drop_generations(job::JobStatus& status) {
  status.observed_generation = 0;
  for (kube::Condition& condition : status.conditions) condition.observed_generation = 0;
}

// The application of the current attempt was started, for all that is known now.
void note_started(job::JobStatus& status, const Snapshot& snapshot) {
  if (status.running_time) return;
  status.running_time = snapshot.now;
  ++status.started_attempts;
}

void claim(job::JobStatus& status, const Snapshot& snapshot) {
  ++status.attempts;
  status.phase = job::Phase::kStarted;
  if (!status.start_time) status.start_time = snapshot.now;
  // The next write contains its name, when it was created.
  status.pod_name.clear();
  status.node_name.clear();
  status.exit_code.reset();
  status.running_time.reset();
  if (snapshot.application) status.application_generation = snapshot.application->meta.generation;
  set_suspended(status, snapshot, snapshot.job.spec.suspend, kResumedReason);
}

void record(job::JobStatus& status, const Snapshot& snapshot, const AttemptEnd& end) {
  if (end.verdict.claimed && end.verdict.started) note_started(status, snapshot);
  job::AttemptRecord entry;
  entry.attempt = status.attempts;
  entry.pod_uid = end.pod_uid;
  entry.node_name = end.node_name;
  entry.start_time = attempt_start(snapshot);
  entry.completion_time = snapshot.now;
  entry.exit_code = end.verdict.exit_code;
  entry.reason = end.verdict.reason;
  entry.message = end.verdict.message;
  if (snapshot.application) entry.memory_limit = memory_limit_of_attempt(*snapshot.application, status);
  auto& history = status.attempt_history;
  std::erase_if(history, [&](const job::AttemptRecord& old) { return old.attempt == entry.attempt; });
  history.push_back(std::move(entry));
  if (history.size() > kHistoryLimit) history.erase(history.begin(), history.end() - kHistoryLimit);
  if (end.verdict.disrupted) ++status.disruptions;
}

std::chrono::milliseconds backoff_after(const Rules& rules, int failures) {
  std::chrono::milliseconds delay = rules.retry_backoff;
  for (int i = 1; i < failures && delay < rules.max_retry_backoff; ++i) delay *= 2;
  return std::min(delay, rules.max_retry_backoff);
}

WriteStatus finish(job::JobStatus status, const Snapshot& snapshot, bool succeeded) {
  status.phase = succeeded ? job::Phase::kFinished : job::Phase::kFailed;
  status.completion_time = snapshot.now;
  status.next_attempt_time.reset();
  const base::TimePoint start = status.start_time.value_or(snapshot.now);
  status.duration = job::format_duration(snapshot.now - start);
  // The record of a first and only attempt that succeeded would repeat what the status says.
  if (succeeded && status.attempts == 1) status.attempt_history.clear();
  set_condition(status, snapshot, succeeded ? "Complete" : "Failed", true, status.reason, status.message);
  set_condition(status, snapshot, kEndedCondition, true, status.reason, "");
  set_waiting(status, snapshot, false);
  set_suspended(status, snapshot, false, status.reason);
  set_client_found(status, snapshot);
  drop_generations(status);
  Notice notice{
      .warning = !succeeded, .reason = status.reason, .note = status.message, .action = succeeded ? "Finish" : "Fail"};
  return {.status = std::move(status), .notice = std::move(notice)};
}

// The kubelet's reasons for a pull that failed. Between two of them it says kPullBackOff.
bool is_pull_trouble(std::string_view reason) {
  constexpr std::array<std::string_view, 4> kTroubles = {"ErrImagePull", kPullBackOff, "RegistryUnavailable",
                                                         "SignatureValidationFailed"};
  return std::ranges::find(kTroubles, reason) != kTroubles.end();
}

// The kubelet alternates between the reason of a failed pull and kPullBackOff all the time.
bool is_same_reason(std::string_view told, std::string_view reason) {
  if (told == reason) return true;
  if (reason == kPullBackOff) return is_pull_trouble(told);
  return told == kPullBackOff && reason == "ErrImagePull";
}

// Reasons whose message names the one of several things that the pod waits for now. Messages of other reasons, for
// example of the scheduler, change all the time.
bool follows_its_message(std::string_view reason) {
  return reason == kInitializingReason || reason == kFailedMountReason || reason == "CreateContainerConfigError";
}

// The kubelet sums up now and then which volumes are missing, without a cause, between two messages that name it.
bool is_summary(std::string_view reason, std::string_view message) {
  return reason == kFailedMountReason && message.starts_with("Unable to attach or mount volumes");
}

}  // namespace

bool is_news(const job::JobStatus& status, std::string_view reason, std::string_view message) {
  if (!is_same_reason(status.reason, reason)) return true;
  return follows_its_message(reason) && !is_summary(reason, message) && status.message != job::tell(reason, message);
}

base::TimePoint attempt_start(const Snapshot& snapshot) {
  const job::JobStatus& status = snapshot.job.status;
  // The write that claims a later attempt also records the end of the previous one. The job's own start is later only
  // after a suspension.
  for (const job::AttemptRecord& record : status.attempt_history) {
    if (record.attempt == status.attempts - 1 && record.completion_time) {
      return std::max({*record.completion_time, status.next_attempt_time.value_or(*record.completion_time),
                       status.start_time.value_or(*record.completion_time)});
    }
  }
  return status.start_time.value_or(snapshot.now);
}

job::JobStatus with_reason(const Snapshot& snapshot, std::string_view reason, std::string_view message,
                           std::string_view node) {
  job::JobStatus status = present(snapshot);
  status.reason = reason;
  status.message = job::tell(reason, message);
  if (snapshot.pod_of(status.attempts) != nullptr) {
    status.pod_name = job::pod_name(snapshot.job.meta.name, status.attempts);
  }
  if (!node.empty()) status.node_name = node;
  if (reason == "Running") note_started(status, snapshot);
  set_waiting(status, snapshot, !goes_on(reason));
  set_client_found(status, snapshot);
  set_suspended(status, snapshot, snapshot.job.spec.suspend, kResumedReason);
  return status;
}

WriteStatus with_news(const Snapshot& snapshot, std::string_view reason, std::string_view message,
                      std::string_view node) {
  WriteStatus write{with_reason(snapshot, reason, message, node), {}};
  if (goes_on(reason)) return write;
  // What its user wants, or the order of things, is no warning.
  write.notice = Notice{.warning = reason != kSuspendedReason && reason != "ConcurrencyLimit",
                        .reason = write.status.reason,
                        .note = write.status.message,
                        .action = "Wait"};
  return write;
}

WriteStatus with_suspension(const Snapshot& snapshot) {
  return with_news(snapshot, kSuspendedReason, "held until spec.suspend is false");
}

bool is_waiting(const job::JobStatus& status) {
  return is_true(status, kWaitingCondition);
}

bool tells_suspension(const Snapshot& snapshot) {
  return is_true(snapshot.job.status, kSuspendedCondition) == snapshot.job.spec.suspend;
}

WriteStatus with_suspension_told(const Snapshot& snapshot) {
  job::JobStatus status = present(snapshot);
  const bool suspended = snapshot.job.spec.suspend;
  const std::string message =
      suspended ? "the attempt under way goes on; no further attempt starts until spec.suspend is false"
                : "further attempts may start";
  const std::string reason(suspended ? kSuspendedReason : kResumedReason);
  set_condition(status, snapshot, kSuspendedCondition, suspended, reason, message);
  Notice notice{.warning = false, .reason = reason, .note = message, .action = "Suspend"};
  return {.status = std::move(status), .notice = std::move(notice)};
}

bool tells_client(const Snapshot& snapshot) {
  const kube::Condition* condition = snapshot.job.status.condition(kClientFoundCondition);
  return condition == nullptr || condition->status == "True" || !snapshot.turn.client_found;
}

job::JobStatus with_client_told(const Snapshot& snapshot) {
  job::JobStatus status = present(snapshot);
  set_client_found(status, snapshot);
  return status;
}

WriteStatus with_resumption(const Snapshot& snapshot) {
  const std::string attempt = "attempt " + std::to_string(snapshot.job.status.attempts);
  const bool is_first = snapshot.job.status.attempts == 1;
  job::JobStatus status = with_reason(snapshot, is_first ? "Starting" : "Retrying",
                                      is_first ? attempt + " is on its way to a node" : attempt + " follows");
  status.start_time = snapshot.now;
  Notice notice{.warning = false, .reason = std::string(kResumedReason), .note = status.message, .action = "Suspend"};
  return {.status = std::move(status), .notice = std::move(notice)};
}

WriteStatus with_first_attempt(const Snapshot& snapshot) {
  job::JobStatus status = present(snapshot);
  claim(status, snapshot);
  status.reason = "Starting";
  status.message = "attempt " + std::to_string(status.attempts) + " is on its way to a node";
  set_waiting(status, snapshot, false);
  set_client_found(status, snapshot);
  WriteStatus write{std::move(status), {}};
  if (!snapshot.turn.client_found) {
    write.notice = Notice{.warning = true,
                          .reason = std::string(kUnknownClientReason),
                          .note = job::tell(kUnknownClientReason, ""),
                          .action = "Start"};
  }
  return write;
}

job::JobStatus with_attempt_found(const Snapshot& snapshot, int newest) {
  job::JobStatus status = present(snapshot);
  status.attempts = newest - 1;
  claim(status, snapshot);
  status.next_attempt_time.reset();
  status.reason = "Recovering";
  status.message =
      "attempt " + std::to_string(newest) + " was begun already, by its folder or its pod; this resource is older";
  set_waiting(status, snapshot, false);
  return status;
}

job::JobStatus with_recorded_end(const Snapshot& snapshot, const job::JobStatus& record) {
  job::JobStatus status = record;
  status.attempts = std::max(status.attempts, snapshot.job.status.attempts);
  // Earlier versions recorded no condition Ended, and left Suspended true.
  set_condition(status, snapshot, kEndedCondition, true, status.reason, "");
  set_suspended(status, snapshot, false, status.reason);
  drop_generations(status);
  return status;
}

WriteStatus with_next_attempt(const Snapshot& snapshot, const AttemptEnd& end) {
  job::JobStatus status = present(snapshot);
  const int ended = status.attempts;
  record(status, snapshot, end);
  claim(status, snapshot);
  status.next_attempt_time.reset();
  status.reason = "Retrying";
  const std::string& why = end.verdict.reason;
  status.message = "attempt " + std::to_string(ended) + " failed (" + why + ": " + job::tell(why, end.verdict.message) +
                   "); attempt " + std::to_string(status.attempts) + " follows";
  if (end.verdict.reason == kOutOfMemoryReason && snapshot.application) {
    const std::string memory = memory_limit_of_attempt(*snapshot.application, status);
    if (memory != status.attempt_history.back().memory_limit) status.message += " with " + memory + " of memory";
  }
  if (!end.verdict.disrupted) {
    const int failures = std::max(1, ended - static_cast<int>(status.disruptions));
    status.next_attempt_time = snapshot.now + backoff_after(snapshot.rules, failures);
    status.message += " at " + base::format_rfc3339_seconds(*status.next_attempt_time);
  }
  set_waiting(status, snapshot, true);
  Notice notice{.warning = true, .reason = status.reason, .note = status.message, .action = "Retry"};
  return {.status = std::move(status), .notice = std::move(notice)};
}

WriteStatus with_end(const Snapshot& snapshot, const AttemptEnd& end) {
  job::JobStatus status = present(snapshot);
  record(status, snapshot, end);
  const Verdict& verdict = end.verdict;
  status.reason = verdict.reason;
  const bool names_attempt = !verdict.succeeded && status.attempts > 1;
  const std::string attempt = names_attempt ? " (attempt " + std::to_string(status.attempts) + ")" : "";
  status.message = job::tell(verdict.reason, verdict.message + attempt);
  if (!end.pod_uid.empty()) status.pod_name = job::pod_name(snapshot.job.meta.name, status.attempts);
  if (!end.node_name.empty()) status.node_name = end.node_name;
  status.exit_code = verdict.exit_code;
  if (verdict.succeeded) {
    status.accepted_attempt = status.attempts;
    status.artifacts = verdict.artifacts;
  }
  return finish(std::move(status), snapshot, verdict.succeeded);
}

job::JobStatus bare_facts(const job::JobStatus& status) {
  job::JobStatus bare;
  bare.phase = status.phase;
  bare.reason = clean_reason(status.reason, "Unknown");
  bare.message = job::tell(bare.reason, "") + " (the API server refused the details; the controller's log has them)";
  bare.attempts = status.attempts;
  bare.started_attempts = status.started_attempts;
  bare.accepted_attempt = status.accepted_attempt;
  bare.artifacts = status.artifacts;
  bare.disruptions = status.disruptions;
  bare.start_time = status.start_time;
  bare.completion_time = status.completion_time;
  bare.exit_code = status.exit_code;
  for (const kube::Condition& condition : status.conditions) {
    if (condition.type != "Complete" && condition.type != "Failed" && condition.type != kEndedCondition) continue;
    bare.conditions.push_back(condition);
    bare.conditions.back().reason = bare.reason;
    bare.conditions.back().message.clear();
  }
  return bare;
}

WriteStatus with_end_unstarted(const Snapshot& snapshot, std::string_view reason, std::string_view message) {
  job::JobStatus status = present(snapshot);
  status.reason = reason;
  status.message = job::tell(reason, message);
  return finish(std::move(status), snapshot, false);
}

}  // namespace vbrain::controller
