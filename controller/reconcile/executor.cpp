#include "controller/reconcile/executor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "controller/planning/status_edit.hpp"
#include "job/names.hpp"

namespace vbrain::controller {

using kube::Error;
using kube::ErrorCode;
using kube::ReconcileResult;
using nlohmann::json;

bool is_refused(const Error& error) {
  return error.code == ErrorCode::kInvalid || error.code == ErrorCode::kBadRequest ||
         error.code == ErrorCode::kTooLarge;
}

Step give_up_on(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return Step::pass_ends(ReconcileResult::ok());
  return Step::pass_ends(is_refused(error) ? ReconcileResult::terminal(error.message)
                                           : ReconcileResult::retryable(error));
}

Executor::Executor(Parts parts)
    : parts_(std::move(parts)),
      pods_created_(parts_.metrics.counter("vbrain_job_pods_created_total", "Pods made for attempts of jobs.")),
      jobs_finished_(parts_.metrics.counter("vbrain_jobs_ended_total", "Jobs that ended.", {{"phase", "Finished"}})),
      jobs_failed_(parts_.metrics.counter("vbrain_jobs_ended_total", "Jobs that ended.", {{"phase", "Failed"}})),
      archiver_(parts_.volume, parts_.archive_threads, parts_.wake) {}

Step Executor::not_leading() const {
  return Step::pass_ends(ReconcileResult::retryable("not leading"));
}

Step Executor::execute(const Action& action, const Observed& observed, Learned& learned, std::stop_token stop) {
  if (stop.stop_requested() || !parts_.may_write()) return not_leading();
  const Pass pass{observed, learned, stop};
  return std::visit([&](const auto& wanted) { return run(wanted, pass); }, action);
}

// --- The Job is read.

// The present version of the job, after our caches turned out to be older or might be.
Step Executor::take_present(const Pass& pass) {
  Learned& learned = pass.learned;
  const kube::ObjectMeta& meta = learned.job.meta;
  auto live = parts_.client.get<job::Job>(meta.namespace_name, meta.name, pass.stop);
  if (!live) return give_up_on(live.error());
  // Another Job of this name. The watch is about to show it.
  if (live->meta.uid != meta.uid) return Step::pass_ends(ReconcileResult::retryable("the Job was replaced"));
  if (live->meta.resource_version != meta.resource_version) learned.take_job(*std::move(live));
  learned.job_confirmed = true;
  return Step::go_on();
}

Step Executor::run(const ConfirmJob&, const Pass& pass) {
  if (Step step = take_present(pass); !step.goes_on()) return step;
  return confirm_later_pods(pass);
}

// Pods of attempts that even the present Job does not count: whether they are there still.
Step Executor::confirm_later_pods(const Pass& pass) {
  Learned& learned = pass.learned;
  const kube::ObjectMeta& meta = learned.job.meta;
  for (PodSighting& sighting : learned.pods) {
    if (sighting.gone || attempt_of(*sighting.pod, learned.job) <= learned.job.status.attempts) continue;
    const auto live = parts_.client.get<kube::Pod>(meta.namespace_name, sighting.pod->meta.name, pass.stop);
    if (!live && live.error().code != ErrorCode::kNotFound) return give_up_on(live.error());
    sighting.gone = !live || live->meta.uid != sighting.pod->meta.uid;
  }
  return Step::go_on();
}

// --- The Job is written.

// Whether the API server refused the write, and did not do it before in a try whose answer was lost.
bool Executor::is_without_effect(const Error& error, const Pass& pass) {
  if (!is_refused(error) && error.code != ErrorCode::kForbidden) return false;
  const job::Job& before = pass.learned.job;
  const auto live = parts_.client.get<job::Job>(before.meta.namespace_name, before.meta.name, pass.stop);
  return live && live->status.attempts == before.status.attempts;
}

Step Executor::take_written(kube::KubeResult<job::Job> written, const Pass& pass) {
  Learned& learned = pass.learned;
  if (written) {
    learned.take_job(*std::move(written));
    learned.job_confirmed = true;
    return Step::go_on();
  }
  if (written.error().code == ErrorCode::kConflict) {
    // The version that we built upon is no more: decide anew on the present one. It may also be an older one, where
    // etcd was restored from a backup.
    const std::string before = learned.job.meta.resource_version;
    if (Step step = take_present(pass); !step.goes_on()) return step;
    if (learned.job.meta.resource_version != before) return Step::plan_anew();
  }
  learned.write_refused = is_without_effect(written.error(), pass);
  return give_up_on(written.error());
}

Step Executor::patch_finalizers(const std::vector<std::string>& finalizers, const Pass& pass) {
  const kube::ObjectMeta& meta = pass.learned.job.meta;
  const json patch = {
      {"metadata", {{"uid", meta.uid}, {"resourceVersion", meta.resource_version}, {"finalizers", json(finalizers)}}}};
  return take_written(parts_.client.patch<job::Job>(meta.namespace_name, meta.name, patch, {}, pass.stop), pass);
}

Step Executor::run(const AddFinalizer&, const Pass& pass) {
  std::vector<std::string> finalizers = pass.learned.job.meta.finalizers;
  finalizers.emplace_back(job::kFinalizer);
  return patch_finalizers(finalizers, pass);
}

Step Executor::run(const RemoveFinalizer&, const Pass& pass) {
  std::vector<std::string> finalizers = pass.learned.job.meta.finalizers;
  std::erase(finalizers, std::string(job::kFinalizer));
  return patch_finalizers(finalizers, pass);
}

kube::KubeResult<job::Job> Executor::put_status(const kube::ObjectMeta& meta, const job::JobStatus& status,
                                                std::stop_token stop) {
  const json body = {{"apiVersion", kube::api_version(job::Job::kType)},
                     {"kind", std::string(job::Job::kType.kind)},
                     {"metadata",
                      {{"name", meta.name},
                       {"namespace", meta.namespace_name},
                       {"uid", meta.uid},
                       {"resourceVersion", meta.resource_version}}},
                     {"status", job::encode(status)}};
  return parts_.client.replace_status<job::Job>(meta.namespace_name, body, stop);
}

Step Executor::run(const WriteStatus& action, const Pass& pass) {
  const kube::ObjectMeta meta = pass.learned.job.meta;
  const bool claims = action.status.attempts != pass.learned.job.status.attempts;
  const bool ends = job::is_terminal(action.status.phase);
  if (claims) base::failpoint("controller.before-claim");
  if (ends) base::failpoint("controller.before-end");
  auto written = put_status(meta, action.status, pass.stop);
  if (!written && is_refused(written.error()) && ends) {
    base::log_warning("the end of a job was refused, writing only that it ended",
                      {{"job", meta.name}, {"error", written.error().message}});
    written = put_status(meta, bare_facts(action.status), pass.stop);
  }
  const bool done = written.has_value();
  Step step = take_written(std::move(written), pass);
  if (!done) return step;
  if (claims) base::failpoint("controller.claimed");
  if (ends) base::failpoint("controller.ended");
  if (ends) {
    (action.status.phase == job::Phase::kFinished ? jobs_finished_ : jobs_failed_).Increment();
  }
  if (action.notice) {
    record(*action.notice, meta);
    base::log_info("job ended", {{"job", meta.name}, {"reason", action.notice->reason}});
  }
  return step;
}

// --- Events.

void Executor::record(const Notice& notice, const kube::ObjectMeta& meta) {
  parts_.events.record(kube::reference_to(job::Job::kType, meta),
                       notice.warning ? kube::EventKind::kWarning : kube::EventKind::kNormal, notice.reason,
                       notice.note, notice.action);
}

Step Executor::run(const RecordEvent& action, const Pass& pass) {
  record(action.notice, pass.learned.job.meta);
  return Step::go_on();
}

}  // namespace vbrain::controller
