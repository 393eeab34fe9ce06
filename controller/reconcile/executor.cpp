#include "controller/reconcile/executor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log/log.hpp"
#include "controller/planning/status_edit.hpp"
#include "controller/planning/wording.hpp"
#include "job/names.hpp"

namespace vbrain::controller {

using kube::Error;
using kube::ErrorCode;
using kube::ReconcileResult;
using nlohmann::json;

// Few, because each takes one of the calls in flight, and nobody waits for them.
constexpr std::size_t kRemovalThreads = 2;

bool is_refused(const Error& error) {
  return error.code == ErrorCode::kInvalid || error.code == ErrorCode::kBadRequest ||
         error.code == ErrorCode::kTooLarge;
}

namespace {

// Like find_application() in the cache. An Application that can't be decoded counts as absent.
std::shared_ptr<const job::Application> oldest_of_id(const json& list, const std::string& id) {
  std::shared_ptr<const job::Application> oldest;
  const auto key = [](const job::Application& a) { return std::pair(a.meta.creation_timestamp, a.meta.name); };
  const auto items = list.find("items");
  if (items == list.end() || !items->is_array()) return oldest;
  for (const json& item : *items) {
    try {
      auto application = std::make_shared<const job::Application>(job::Application::decode(item));
      if (application->application_id != id) continue;
      if (oldest == nullptr || key(*application) < key(*oldest)) oldest = std::move(application);
    } catch (const kube::DecodeError&) {
      // The informer has reported it.
      continue;
    }
  }
  return oldest;
}

}  // namespace

Step failed_request(const std::string& what, const Error& error, bool without_effect) {
  if (error.code == ErrorCode::kCancelled) return Step::pass_ends(ReconcileResult::retryable(error));
  const bool no_answer = kube::is_retryable(error);
  const std::string message = clean_message(error.message);
  return Step::failed({.reason = no_answer ? "ApiServerFailing" : "ApiServerRefused",
                       .message = what + ": " + message,
                       .passing = no_answer,
                       .without_effect = without_effect,
                       .retry_after = error.retry_after.value_or(std::chrono::milliseconds(0))});
}

Executor::Executor(Parts parts)
    : parts_(std::move(parts)),
      templates_(parts_.pod),
      pod_events_(parts_.client, parts_.clock),
      pods_created_(parts_.metrics.counter("vbrain_job_pods_created_total", "Pods created for attempts of jobs.")),
      job_metrics_(parts_.metrics),
      pod_remover_(parts_.client, std::min(kRemovalThreads, parts_.archive_threads), parts_.may_write, parts_.metrics,
                   parts_.clock),
      archiver_(parts_.volume, parts_.archive_threads, parts_.wake) {}

Step Executor::not_leading() const {
  return Step::pass_ends(ReconcileResult::retryable("not leading"));
}

Step Executor::execute(const Action& action, const Observed& observed, Learned& learned, std::stop_token stop) {
  if (stop.stop_requested() || !parts_.may_write()) return not_leading();
  const Pass pass{observed, learned, stop};
  try {
    return std::visit([&](const auto& wanted) { return run(wanted, pass); }, action);
  } catch (const artifacts::VolumeError& error) {
    return Step::failed({.reason = error.is_full() ? "VolumeFull" : "VolumeFailing",
                         .message = "waiting: the volume: " + clean_message(error.what()),
                         .passing = true});
  } catch (const artifacts::CorruptFile& error) {
    // A pod without its job.json would run another job. All actions wait until someone repairs the file.
    return Step::failed({.reason = "CorruptFile",
                         .message = clean_message(error.what()),
                         .hopeless = std::holds_alternative<CreatePod>(action)});
  }
}

// --- Reading the Job.

// The current version of the job, after the caches were, or may be, stale.
Step Executor::take_present(const Pass& pass) {
  Learned& learned = pass.learned;
  const kube::ObjectMeta& meta = learned.job.meta;
  auto live = parts_.client.get<job::Job>(meta.namespace_name, meta.name, pass.stop);
  // It is deleted. The watch will report it.
  if (!live && live.error().code == ErrorCode::kNotFound) return Step::pass_ends(ReconcileResult::ok());
  if (!live) return failed_request("the read of the Job", live.error());
  // It is another Job with this name. The watch will report it.
  if (live->meta.uid != meta.uid) return Step::pass_ends(ReconcileResult::retryable("the Job was replaced"));
  // Also with the same resourceVersion: after a restore of etcd it may stand for other content.
  learned.take_job(*std::move(live));
  return Step::go_on();
}

Step Executor::run(const ConfirmJob&, const Pass& pass) {
  if (Step step = take_present(pass); !step.goes_on()) return step;
  if (Step step = confirm_application(pass); !step.goes_on()) return step;
  if (Step step = confirm_later_pods(pass); !step.goes_on()) return step;
  pass.learned.job_confirmed = true;
  return Step::go_on();
}

// The Application with the known name, if it still has the job's id; else the one that has the id now.
Step Executor::confirm_application(const Pass& pass) {
  Learned& learned = pass.learned;
  const std::string& ns = learned.job.meta.namespace_name;
  const std::string& id = learned.job.spec.application_id;
  std::shared_ptr<const job::Application> found;
  if (learned.application != nullptr) {
    const kube::ListOptions of_name{.field_selector = "metadata.name=" + learned.application->meta.name};
    const auto list = parts_.client.list(job::Application::kType, ns, of_name, pass.stop);
    if (!list) return failed_request("the read of the Application", list.error());
    found = oldest_of_id(*list, id);
  }
  if (found == nullptr) {
    const auto list = parts_.client.list(job::Application::kType, ns, {}, pass.stop);
    if (!list) return failed_request("the list of Applications", list.error());
    found = oldest_of_id(*list, id);
  }
  learned.application = std::move(found);
  return Step::go_on();
}

// Checks whether pods of attempts that even the current Job does not count still exist.
Step Executor::confirm_later_pods(const Pass& pass) {
  Learned& learned = pass.learned;
  const kube::ObjectMeta& meta = learned.job.meta;
  for (PodSighting& sighting : learned.pods) {
    if (sighting.gone || attempt_of(*sighting.pod, learned.job) <= current_attempt(learned.job)) continue;
    const auto live = parts_.client.get<kube::Pod>(meta.namespace_name, sighting.pod->meta.name, pass.stop);
    if (!live && live.error().code != ErrorCode::kNotFound) return failed_request("the read of a pod", live.error());
    sighting.gone = !live || live->meta.uid != sighting.pod->meta.uid;
  }
  return Step::go_on();
}

// --- Writing the Job.

// `what` is "the write of the status" or similar.
Step Executor::take_written(const std::string& what, kube::KubeResult<job::Job> written, const Pass& pass) {
  Learned& learned = pass.learned;
  if (written) {
    learned.take_job(*std::move(written));
    return Step::go_on();
  }
  const Error& error = written.error();
  const bool refused = is_refused(error) || error.code == ErrorCode::kForbidden || error.code == ErrorCode::kNotFound;
  if (error.code != ErrorCode::kConflict && !refused) return failed_request(what, error);
  // A conflict: the version that we built upon is no more. A refusal: an earlier try, whose answer was lost, may have
  // succeeded. Not found: the Job is deleted, or an admission webhook answers so. In all cases the present Job decides.
  // It may also be older, where etcd was restored from a backup.
  const std::string before = learned.job.meta.resource_version;
  if (Step step = take_present(pass); !step.goes_on()) return step;
  if (learned.job.meta.resource_version != before) return Step::plan_anew();
  return failed_request(what, error, refused);
}

Step Executor::patch_finalizers(const std::vector<std::string>& finalizers, const Pass& pass) {
  const kube::ObjectMeta& meta = pass.learned.job.meta;
  const json patch = {
      {"metadata", {{"uid", meta.uid}, {"resourceVersion", meta.resource_version}, {"finalizers", json(finalizers)}}}};
  return take_written("the write of the finalizers",
                      parts_.client.patch<job::Job>(meta.namespace_name, meta.name, patch, {}, pass.stop), pass);
}

Step Executor::run(const AddFinalizer&, const Pass& pass) {
  std::vector<std::string> finalizers = pass.learned.job.meta.finalizers;
  finalizers.emplace_back(job::kFinalizer);
  return patch_finalizers(finalizers, pass);
}

Step Executor::run(const RemoveFinalizer&, const Pass& pass) {
  std::vector<std::string> finalizers = pass.learned.job.meta.finalizers;
  std::erase(finalizers, std::string(job::kFinalizer));
  const job::Job job = pass.learned.job;
  Step step = patch_finalizers(finalizers, pass);
  if (step.goes_on() && job.meta.deletion_timestamp) {
    base::log_info("job deleted", {{"job", job.meta.name},
                                   job.ids(),
                                   {"phase", job::to_string(job.status.phase)},
                                   {"organization", job.spec.organization_id},
                                   {"application", job.spec.application_id},
                                   {"client", job.spec.client_id}});
  }
  return step;
}

// Writes the status of this version of the Job. What comes back is that version with the status as it was written: the
// precondition says that nobody has changed the rest.
kube::KubeResult<job::Job> Executor::put_status(const job::Job& job, const job::JobStatus& status,
                                                std::stop_token stop) {
  const kube::ObjectMeta& meta = job.meta;
  const json body = {{"apiVersion", kube::api_version(job::Job::kType)},
                     {"kind", std::string(job::Job::kType.kind)},
                     {"metadata",
                      {{"name", meta.name},
                       {"namespace", meta.namespace_name},
                       {"uid", meta.uid},
                       {"resourceVersion", meta.resource_version}}},
                     {"status", job::encode(status)}};
  auto written = parts_.client.replace_status_for_meta(job::Job::kType, meta.namespace_name, body, stop);
  if (!written) return tl::unexpected(std::move(written.error()));
  // By way of JSON, which cuts some times to seconds.
  return job::Job{std::move(*written), job.spec, job::decode_status(body), job.traceparent};
}

namespace {

// One line for each state of a job that an operator looks for. The others are for debugging.
void tell_log(const job::Job& job, const job::JobStatus& status, bool has_notice) {
  if (job::is_terminal(status.phase) && !has_notice) {
    base::log_info(
        "a job's end was restored from its record on the volume",
        {{"job", job.meta.name}, job.ids(), {"phase", job::to_string(status.phase)}, {"reason", status.reason}});
    return;
  }
  if (job::is_terminal(status.phase)) {
    base::log_info("job ended", {{"job", job.meta.name},
                                 job.ids(),
                                 {"phase", job::to_string(status.phase)},
                                 {"reason", status.reason},
                                 {"message", status.message},
                                 {"attempts", status.started_attempts},
                                 {"exit_code", status.exit_code ? std::to_string(*status.exit_code) : ""},
                                 {"duration", status.duration},
                                 {"node", status.node_name}});
    return;
  }
  const bool waits = is_waiting(status);
  const base::LogLevel level = waits || has_notice ? base::LogLevel::kInfo : base::LogLevel::kDebug;
  base::log(level, waits ? "job waits" : "job goes on",
            {{"job", job.meta.name},
             job.ids(),
             {"reason", status.reason},
             {"message", status.message},
             {"attempt", status.attempts}});
}

}  // namespace

Step Executor::run(const WriteStatus& action, const Pass& pass) {
  const job::Job before = pass.learned.job;
  const kube::ObjectMeta& meta = before.meta;
  const bool claims = action.status.attempts != pass.learned.job.status.attempts;
  const bool ends = job::is_terminal(action.status.phase);
  if (claims) base::failpoint("controller.before-claim");
  if (ends) base::failpoint("controller.before-end");
  job::JobStatus sent = action.status;
  auto written = put_status(before, sent, pass.stop);
  if (!written && is_refused(written.error()) && ends) {
    base::log_warning("the API server refused the details of a job's end; only phase and reason are written",
                      {{"job", meta.name}, before.ids(), {"error", written.error().message}});
    sent = bare_facts(action.status);
    written = put_status(before, sent, pass.stop);
  }
  const bool done = written.has_value();
  if (done) {
    unanswered_.forget(meta.name);
  } else if (kube::may_have_been_done(written.error())) {
    unanswered_.note(before, action, sent);
  }
  Step step = take_written("the write of the status", std::move(written), pass);
  if (!done) return step;
  if (claims) base::failpoint("controller.claimed");
  if (ends) base::failpoint("controller.ended");
  tell_written(before, action);
  return step;
}

void Executor::tell_written(const job::Job& before, const WriteStatus& write) {
  // An end without a notice is an old one: it was told and counted when it came.
  if (write.notice || !job::is_terminal(write.status.phase)) job_metrics_.note_written(before, write.status);
  if (write.notice) record(*write.notice, before.meta);
  tell_log(before, write.status, write.notice.has_value());
}

void Executor::note_seen(const job::Job& job) {
  if (const auto done = unanswered_.take_done(job)) tell_written(done->before, done->write);
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
