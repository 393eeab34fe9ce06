#include "controller/reconcile/job_metrics.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controller/planning/status_edit.hpp"
#include "job/causes.hpp"

namespace vbrain::controller {
namespace {

std::string label_of(const std::string& reason) {
  if (reason.empty()) return "none";
  return job::find_cause(reason) != nullptr ? reason : "other";
}

double seconds_between(base::TimePoint from, base::TimePoint to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

constexpr const char* kEnded = "vbrain_jobs_ended_total";
constexpr const char* kEndedHelp = "Jobs that ended.";
constexpr const char* kAttemptsFailed = "vbrain_job_attempts_failed_total";
constexpr const char* kAttemptsFailedHelp = "Attempts of jobs that failed.";

}  // namespace

JobMetrics::JobMetrics(base::Metrics& metrics)
    : metrics_(metrics),
      wait_seconds_(metrics.histogram("vbrain_job_wait_seconds",
                                      "From the creation of a Job until its first attempt began.",
                                      {0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400})),
      run_seconds_(metrics.histogram("vbrain_job_run_seconds",
                                     "From the begin of a job's first attempt until the job ended.",
                                     {1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 604800})) {
  // Each series begins with 0, so that a rate counts the first job, too.
  metrics.counter(kEnded, kEndedHelp, {{"phase", "Finished"}, {"reason", "Completed"}});
  for (const job::Cause& cause : job::all_causes()) {
    if (cause.is_retried.empty()) continue;
    metrics.counter(kEnded, kEndedHelp, {{"phase", "Failed"}, {"reason", std::string(cause.reason)}});
    metrics.counter(kAttemptsFailed, kAttemptsFailedHelp, {{"reason", std::string(cause.reason)}});
  }
}

void JobMetrics::note_written(const job::Job& before, const job::JobStatus& after) {
  if (before.status.attempts == 0 && after.attempts > 0 && after.start_time) {
    wait_seconds_.Observe(seconds_between(before.meta.creation_timestamp, *after.start_time));
  }
  // The write that ends an attempt adds its record.
  const bool ends_attempt = !after.attempt_history.empty() &&
                            (before.status.attempt_history.empty() ||
                             before.status.attempt_history.back().attempt != after.attempt_history.back().attempt);
  if (ends_attempt && after.attempt_history.back().reason != "Completed") {
    metrics_.counter(kAttemptsFailed, kAttemptsFailedHelp, {{"reason", label_of(after.attempt_history.back().reason)}})
        .Increment();
  }
  if (!job::is_terminal(after.phase)) return;
  metrics_
      .counter(kEnded, kEndedHelp,
               {{"phase", std::string(job::to_string(after.phase))}, {"reason", label_of(after.reason)}})
      .Increment();
  if (after.start_time && after.completion_time) {
    run_seconds_.Observe(seconds_between(*after.start_time, *after.completion_time));
  }
}

void count_jobs(const kube::Cache<job::Job>* jobs, base::TimePoint now, base::Metrics& metrics) {
  std::map<std::pair<std::string, std::string>, double> numbers;
  std::map<std::string, double> oldest;
  const auto known = jobs != nullptr ? jobs->list_unpacked() : std::vector<std::shared_ptr<const job::Job>>{};
  for (const auto& job : known) {
    if (job::is_terminal(job->status.phase)) continue;
    const std::string reason = label_of(job->status.reason);
    ++numbers[{std::string(job::to_string(job->status.phase)), reason}];
    const kube::Condition* waiting = job->status.condition(kWaitingCondition);
    if (waiting == nullptr || waiting->status != "True") continue;
    double& age = oldest[reason];
    age = std::max(age, seconds_between(waiting->last_transition_time, now));
  }
  for (const job::Cause& cause : job::all_causes()) oldest.try_emplace(std::string(cause.reason), 0);
  for (const char* word : {"none", "other"}) oldest.try_emplace(word, 0);
  for (const auto& [reason, age] : oldest) {
    metrics
        .gauge("vbrain_job_oldest_wait_seconds", "How long the job that waits longest has waited, by its reason.",
               {{"reason", reason}})
        .Set(age);
  }
  // A reason that no job has any more becomes 0.
  for (const job::Phase phase : {job::Phase::kQueued, job::Phase::kStarted}) {
    for (const job::Cause& cause : job::all_causes()) {
      // Also where the table does not expect the reason: a Job may have it all the same.
      numbers.try_emplace({std::string(job::to_string(phase)), std::string(cause.reason)}, 0);
    }
    for (const char* word : {"none", "other"}) numbers.try_emplace({std::string(job::to_string(phase)), word}, 0);
  }
  for (const auto& [labels, number] : numbers) {
    metrics
        .gauge("vbrain_jobs", "Jobs that have not ended, by phase and reason.",
               {{"phase", labels.first}, {"reason", labels.second}})
        .Set(number);
  }
}

}  // namespace vbrain::controller
