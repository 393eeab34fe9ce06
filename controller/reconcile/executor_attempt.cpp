// What the Executor does with the folder and the pod of an attempt.
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "controller/planning/wording.hpp"
#include "controller/reconcile/executor.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

using kube::Error;
using kube::ErrorCode;
using kube::ReconcileResult;
using nlohmann::json;

bool is_owned_by(const kube::Pod& pod, const job::Job& job) {
  const kube::OwnerReference* owner = pod.meta.controller_owner();
  return owner != nullptr && owner->uid == job.meta.uid;
}

// Why the API server did not take a pod; nothing if it may take it later without anybody's doing.
std::optional<PodRefusal> refusal_of(const Error& error) {
  const std::string message = clean_message(error.message);
  const PodRefusal for_good{
      .reason = "InvalidTemplate", .message = "the pod was refused: " + message, .hopeless = true};
  if (is_refused(error)) return for_good;
  if (error.code != ErrorCode::kForbidden) return std::nullopt;
  if (error.message.find("exceeded quota") != std::string::npos) {
    return PodRefusal{.reason = "QuotaExceeded", .message = "waiting: " + message, .capacity = true};
  }
  if (error.message.find("violates PodSecurity") != std::string::npos) return for_good;
  return PodRefusal{.reason = "PodForbidden", .message = "the pod was refused: " + message};
}

}  // namespace

// Asks the API server itself: a pod that our caches do not have may exist all the same.
Step Executor::find_pod(int attempt, const Pass& pass) {
  Learned& learned = pass.learned;
  const kube::ObjectMeta& meta = learned.job.meta;
  auto pod = parts_.client.get<kube::Pod>(meta.namespace_name, job::pod_name(meta.name, attempt), pass.stop);
  if (!pod && pod.error().code != ErrorCode::kNotFound) return give_up_on(pod.error());
  learned.pod_asked_for = true;
  if (pod && is_owned_by(*pod, learned.job)) {
    learned.pods.push_back({.pod = std::make_shared<const kube::Pod>(std::move(*pod))});
  } else if (pod) {
    learned.alien_pod_uid = pod->meta.uid;
  }
  return Step::go_on();
}

Step Executor::run(const InspectAttempt& action, const Pass& pass) {
  pass.learned.files = parts_.volume.read_attempt(pass.learned.job, action.attempt);
  const PodSighting* known = pass.learned.pod_of(action.attempt);
  if (known != nullptr && !known->gone) return Step::go_on();
  return find_pod(action.attempt, pass);
}

Step Executor::run(const CloseAttempt& action, const Pass& pass) {
  auto& files = pass.learned.files;
  if (!files) files.emplace();
  files->claim = parts_.volume.close_attempt(pass.learned.job, action.attempt, pass.observed.now);
  return Step::go_on();
}

// A volume that fails shows in the job's reason: who waits for it should know.
Result<PreparedAttempt, PodRefusal> Executor::prepare(const job::Job& job, int attempt) {
  try {
    return parts_.volume.prepare_attempt(job, attempt);
  } catch (const artifacts::VolumeError& error) {
    base::log_warning("no folder for an attempt", {{"job", job.meta.name}, {"error", error.what()}});
    return Unexpected<PodRefusal>({.reason = error.is_full() ? "VolumeFull" : "VolumeFailing",
                                   .message = "waiting: " + clean_message(error.what())});
  } catch (const artifacts::CorruptFile& error) {
    return Unexpected<PodRefusal>({.reason = "CorruptFile", .message = clean_message(error.what()), .hopeless = true});
  }
}

Step Executor::run(const CreatePod& action, const Pass& pass) {
  Learned& learned = pass.learned;
  learned.refusal = quota_.look(pass.observed.application->meta.name, parts_.clock.steady());
  if (learned.refusal) return Step::go_on();
  auto prepared = prepare(learned.job, action.attempt);
  if (!prepared) {
    learned.refusal = std::move(prepared.error());
    return Step::go_on();
  }
  if (prepared->published) {
    if (Step step = undo_if_deleted(learned.job, pass.stop); !step.goes_on()) return step;
  }
  learned.record = std::move(prepared->record);
  learned.newest_attempt = prepared->newest;
  if (learned.record || learned.newest_attempt > action.attempt) return Step::go_on();
  if (prepared->files.claim) {
    // The attempt was begun before. What came of it is to be found out.
    learned.files = std::move(prepared->files);
    return find_pod(action.attempt, pass);
  }
  return create_pod(action.attempt, prepared->paths, pass);
}

Step Executor::create_pod(int attempt, const PodPaths& paths, const Pass& pass) {
  Learned& learned = pass.learned;
  const std::string& application = pass.observed.application->meta.name;
  const auto body = build_pod(*pass.observed.application, learned.job, attempt, paths, parts_.pod);
  if (!body) {
    learned.refusal =
        PodRefusal{.reason = "InvalidTemplate",
                   .message = "the template of Application '" + application + "' can't be run: " + body.error(),
                   .hopeless = true};
    return Step::go_on();
  }
  // The volume may have taken longer than our lease lasts.
  if (!parts_.may_write()) return not_leading();
  base::failpoint("controller.before-pod");
  auto created = parts_.client.create<kube::Pod>(learned.job.meta.namespace_name, *body, pass.stop);
  base::failpoint("controller.pod-created");
  if (created) {
    pods_created_.Increment();
    quota_.note_created(application);
    learned.pods.push_back({.pod = std::make_shared<const kube::Pod>(std::move(*created))});
    return Step::go_on();
  }
  if (created.error().code == ErrorCode::kAlreadyExists) return take_existing_pod(attempt, pass);
  learned.refusal = refusal_of(created.error());
  if (learned.refusal && learned.refusal->capacity) {
    quota_.note_refused(application, *learned.refusal, parts_.clock.steady());
  }
  if (learned.refusal) return Step::go_on();
  return Step::pass_ends(ReconcileResult::retryable(created.error()));
}

// A pod of this name exists: ours, from a request that was sent twice or whose answer was lost, or somebody else's.
Step Executor::take_existing_pod(int attempt, const Pass& pass) {
  if (Step step = find_pod(attempt, pass); !step.goes_on()) return step;
  if (pass.learned.pod_of(attempt) == nullptr) {
    pass.learned.refusal = PodRefusal{.reason = "AlienPod",
                                      .message = "waiting: a pod of this name exists that does not belong to this job"};
  }
  return Step::go_on();
}

Step Executor::run(const StopPod& action, const Pass& pass) {
  const kube::DeleteOptions options{.preconditions = {.uid = action.uid}};
  const auto removed =
      parts_.client.remove(kube::Pod::kType, pass.learned.job.meta.namespace_name, action.name, options, pass.stop);
  // Not there, or another pod of this name: the one that was meant is gone.
  const bool gone =
      !removed && (removed.error().code == ErrorCode::kNotFound || removed.error().code == ErrorCode::kConflict);
  if (!removed && !gone) return give_up_on(removed.error());
  for (PodSighting& sighting : pass.learned.pods) {
    if (sighting.pod->meta.uid != action.uid) continue;
    auto marked = std::make_shared<kube::Pod>(*sighting.pod);
    marked->meta.deletion_timestamp = pass.observed.now;
    sighting.pod = std::move(marked);
    sighting.gone = gone;
  }
  return Step::go_on();
}

}  // namespace vbrain::controller
