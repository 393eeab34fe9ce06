// Executor: the folder and the pod of an attempt.
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log/log.hpp"
#include "controller/planning/pod_refusal.hpp"
#include "controller/planning/wording.hpp"
#include "controller/reconcile/executor.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

using kube::Error;
using kube::ErrorCode;
using kube::ReconcileResult;
using nlohmann::json;

// The wait before the next try if too many pods are waiting for their removal.
constexpr std::chrono::minutes kRemoverBusy{1};

bool is_owned_by(const kube::Pod& pod, const job::Job& job) {
  const kube::OwnerReference* owner = pod.meta.controller_owner();
  return owner != nullptr && owner->uid == job.meta.uid;
}

// Why the API server refused a pod.
Failure failure_of_pod(const Error& error) {
  using Kind = PodRefusal::Kind;
  PodRefusal refusal = classify_refusal(error);
  Failure failure{.reason = std::string(reason_of(refusal.kind)), .message = std::move(refusal.message)};
  failure.hopeless = refusal.kind == Kind::kTemplate;
  failure.capacity = refusal.kind == Kind::kQuota;
  failure.passing = refusal.kind == Kind::kNoAnswer || (refusal.kind == Kind::kOther && kube::is_retryable(error));
  failure.retry_after = error.retry_after.value_or(std::chrono::milliseconds(0));
  return failure;
}

}  // namespace

// Asks the API server, because a pod that the caches do not have may exist.
Step Executor::find_pod(int attempt, const Pass& pass) {
  Learned& learned = pass.learned;
  const kube::ObjectMeta& meta = learned.job.meta;
  auto pod = parts_.client.get<kube::Pod>(meta.namespace_name, job::pod_name(meta.name, attempt), pass.stop);
  if (!pod && pod.error().code != ErrorCode::kNotFound) return failed_request("the read of a pod", pod.error());
  learned.pod_asked_for = true;
  const bool ours = pod && is_owned_by(*pod, learned.job);
  if (pod && !ours) learned.alien_pod_uid = pod->meta.uid;
  bool known = false;
  for (PodSighting& sighting : learned.pods) {
    if (attempt_of(*sighting.pod, learned.job) != attempt) continue;
    const bool same = ours && sighting.pod->meta.uid == pod->meta.uid;
    sighting.gone = !same;
    if (same) sighting.pod = std::make_shared<const kube::Pod>(*pod);
    known = known || same;
  }
  if (ours && !known) learned.pods.push_back({.pod = std::make_shared<const kube::Pod>(std::move(*pod))});
  return Step::go_on();
}

// The pod comes first, because it is found also if the volume fails.
Step Executor::run(const InspectAttempt& action, const Pass& pass) {
  const PodSighting* known = pass.learned.pod_of(action.attempt);
  const bool has_ended = known != nullptr && !known->gone && look_at(*known->pod).stage == PodView::Stage::kEnded;
  if (!has_ended) {
    if (Step step = find_pod(action.attempt, pass); !step.goes_on()) return step;
  }
  pass.learned.files = parts_.volume.read_attempt(pass.learned.job, action.attempt);
  return Step::go_on();
}

Step Executor::run(const ReadPodEvents& action, const Pass& pass) {
  const auto answer = pod_events_.read(pass.learned.job.meta.namespace_name, action.uid, pass.stop);
  for (PodSighting& sighting : pass.learned.pods) {
    if (sighting.pod->meta.uid != action.uid) continue;
    sighting.events_in = answer.wait.value_or(kReadEventsAgain);
    sighting.events_read = !answer.wait;
    if (!answer.wait && !answer.failed) sighting.trouble = answer.trouble;
  }
  return Step::go_on();
}

Step Executor::run(const CloseAttempt& action, const Pass& pass) {
  auto& files = pass.learned.files;
  if (!files) files.emplace();
  files->claim = parts_.volume.close_attempt(pass.learned.job, action.attempt, pass.observed.now);
  // It may have published the folder of a Job made with kubectl.
  return is_held(pass.learned.job) ? Step::go_on() : undo_if_deleted(pass.learned.job, pass.stop);
}

Step Executor::run(const CreatePod& action, const Pass& pass) {
  Learned& learned = pass.learned;
  if (auto full = quota_.look(pass.learned.application->meta.name, parts_.clock.steady())) {
    return Step::failed(*std::move(full));
  }
  auto prepared = parts_.volume.prepare_attempt(learned.job, action.attempt, learned.application.get());
  if (!prepared) return Step::failed(std::move(prepared.error()));
  if (prepared->published && !is_held(learned.job)) {
    if (Step step = undo_if_deleted(learned.job, pass.stop); !step.goes_on()) return step;
  }
  learned.record = std::move(prepared->record);
  learned.newest_attempt = prepared->newest;
  if (learned.record || learned.newest_attempt > action.attempt) return Step::go_on();
  if (prepared->files.claim) {
    // The attempt was started before. The next plan reads its outcome.
    learned.files = std::move(prepared->files);
    return find_pod(action.attempt, pass);
  }
  return create_pod(action.attempt, prepared->paths, pass);
}

Step Executor::create_pod(int attempt, const PodPaths& paths, const Pass& pass) {
  Learned& learned = pass.learned;
  const std::string& application = pass.learned.application->meta.name;
  const auto pod_template = templates_.get(*pass.learned.application);
  if (!pod_template) {
    return Step::failed({.reason = "InvalidTemplate",
                         .message = "Application '" + application + "': " + pod_template.error(),
                         .hopeless = true});
  }
  const auto body = build_pod(**pod_template, *pass.learned.application, learned.job, attempt, paths);
  // The volume may have taken longer than the Lease lasts.
  if (!parts_.may_write()) return not_leading();
  base::failpoint("controller.before-pod");
  // Strict: else a misspelt field of the template, such as a memory limit, would be dropped in silence.
  auto created = parts_.client.create_for_meta(kube::Pod::kType, learned.job.meta.namespace_name, body,
                                               {.strict = true}, pass.stop);
  base::failpoint("controller.pod-created");
  if (created) {
    pods_created_.Increment();
    quota_.note_created(application);
    // Nobody has bound it or started it yet.
    kube::Pod pod;
    pod.meta = std::move(*created);
    pod.phase = "Pending";
    learned.pods.push_back({.pod = std::make_shared<const kube::Pod>(std::move(pod)), .is_new = true});
    return Step::go_on();
  }
  if (created.error().code == ErrorCode::kAlreadyExists) return take_existing_pod(attempt, pass);
  if (created.error().code == ErrorCode::kCancelled) return not_leading();
  Failure failure = failure_of_pod(created.error());
  if (failure.capacity) quota_.note_full(application, parts_.clock.steady());
  return Step::failed(std::move(failure));
}

// A pod with this name exists: created by a repeated request or one with a lost answer, or a foreign pod.
Step Executor::take_existing_pod(int attempt, const Pass& pass) {
  if (Step step = find_pod(attempt, pass); !step.goes_on()) return step;
  if (!pass.learned.alien_pod_uid.empty()) {
    return Step::failed({.reason = "AlienPod",
                         .message = "waiting: pod " + job::pod_name(pass.learned.job.meta.name, attempt) +
                                    " exists and does not belong to this job"});
  }
  return Step::go_on();
}

Step Executor::run(const StopPod& action, const Pass& pass) {
  const kube::DeleteOptions options{.preconditions = {.uid = action.uid}};
  const auto removed =
      parts_.client.remove(kube::Pod::kType, pass.learned.job.meta.namespace_name, action.name, options, pass.stop);
  bool gone = false;
  if (!removed && (removed.error().code == ErrorCode::kNotFound || removed.error().code == ErrorCode::kConflict)) {
    // It does not exist, or is another pod with this name. Or an admission webhook answers so, and the pod is there.
    const auto live = parts_.client.get<kube::Pod>(pass.learned.job.meta.namespace_name, action.name, pass.stop);
    if (!live && live.error().code != ErrorCode::kNotFound) return failed_request("the read of a pod", live.error());
    gone = !live || live->meta.uid != action.uid;
  }
  if (!removed && !gone) return failed_request("the removal of pod " + action.name, removed.error());
  for (PodSighting& sighting : pass.learned.pods) {
    if (sighting.pod->meta.uid != action.uid) continue;
    auto marked = std::make_shared<kube::Pod>(*sighting.pod);
    marked->meta.deletion_timestamp = pass.observed.now;
    sighting.pod = std::move(marked);
    sighting.gone = gone;
  }
  return Step::go_on();
}

// What does not find room waits: its pods stay a minute longer.
Step Executor::run(const RemovePods&, const Pass& pass) {
  for (const PodSighting& sighting : pass.learned.pods) {
    const kube::ObjectMeta& meta = sighting.pod->meta;
    if (sighting.gone || meta.deletion_timestamp) continue;
    if (!pod_remover_.remove(meta.namespace_name, meta.name, meta.uid, pass.learned.job.ids())) {
      return Step::pass_ends(ReconcileResult::after(kRemoverBusy));
    }
  }
  pass.learned.removal_asked_for = true;
  return Step::go_on();
}

}  // namespace vbrain::controller
