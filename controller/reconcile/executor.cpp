#include "controller/reconcile/executor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "controller/planning/status_edit.hpp"
#include "controller/planning/wording.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

using kube::Error;
using kube::ErrorCode;
using kube::ReconcileResult;
using nlohmann::json;

constexpr kube::ResourceType kNamespaceType{"", "v1", "namespaces", "Namespace"};

// The same request will be refused again.
bool is_refused(const Error& error) {
  return error.code == ErrorCode::kInvalid || error.code == ErrorCode::kBadRequest ||
         error.code == ErrorCode::kTooLarge;
}

// What a write that failed means for the pass: a conflict is answered by the next look at the caches.
ReconcileResult give_up_on(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return ReconcileResult::ok();
  return is_refused(error) ? ReconcileResult::terminal(error.message) : ReconcileResult::retryable(error);
}

bool is_owned_by(const kube::Pod& pod, const job::Job& job) {
  const kube::OwnerReference* owner = pod.meta.controller_owner();
  return owner != nullptr && owner->uid == job.meta.uid;
}

// Whether an APIResourceList says that Jobs can be created.
bool offers_create(const std::string& body) {
  const json list = json::parse(body, nullptr, false);
  if (!list.is_object() || !list.contains("resources") || !list["resources"].is_array()) return false;
  return std::ranges::any_of(list["resources"], [](const json& resource) {
    if (!resource.is_object() || resource.value("name", "") != job::Job::kType.plural) return false;
    const json verbs = resource.value("verbs", json::array());
    return std::ranges::find(verbs, json("create")) != verbs.end();
  });
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

Executor::Executor(Parts parts)
    : parts_(std::move(parts)),
      pods_created_(parts_.metrics.counter("vbrain_job_pods_created_total", "Pods made for attempts of jobs.")),
      jobs_finished_(parts_.metrics.counter("vbrain_jobs_ended_total", "Jobs that ended.", {{"phase", "Finished"}})),
      jobs_failed_(parts_.metrics.counter("vbrain_jobs_ended_total", "Jobs that ended.", {{"phase", "Failed"}})) {}

std::optional<ReconcileResult> Executor::execute(const Action& action, Snapshot& snapshot, std::stop_token stop) {
  if (stop.stop_requested() || !parts_.may_write()) return ReconcileResult::retryable("not leading");
  return std::visit([&](const auto& wanted) { return run(wanted, snapshot, stop); }, action);
}

// An earlier try whose answer was lost may have done what the API server refuses now.
bool Executor::is_without_effect(const Error& error, const job::Job& before, std::stop_token stop) {
  if (!is_refused(error) && error.code != ErrorCode::kForbidden) return false;
  const auto live = parts_.client.get<job::Job>(before.meta.namespace_name, before.meta.name, stop);
  return live && live->status.attempts == before.status.attempts;
}

// After a conflict: whether the version we built upon is no more. Usually the caches are about to show a newer one. But
// where etcd was restored, our own last write is one that they will never show.
bool Executor::is_outdated(const Error& error, const job::Job& before, std::stop_token stop) {
  if (error.code != ErrorCode::kConflict) return false;
  const auto live = parts_.client.get<job::Job>(before.meta.namespace_name, before.meta.name, stop);
  if (!live) return live.error().code == ErrorCode::kNotFound;
  return live->meta.uid != before.meta.uid || live->meta.resource_version != before.meta.resource_version;
}

Executor::Outcome Executor::take_written(kube::KubeResult<job::Job> written, Snapshot& snapshot, std::stop_token stop) {
  if (!written) {
    snapshot.write_refused = is_without_effect(written.error(), snapshot.job, stop);
    snapshot.outdated = is_outdated(written.error(), snapshot.job, stop);
    return give_up_on(written.error());
  }
  snapshot.job = std::move(*written);
  return std::nullopt;
}

Executor::Outcome Executor::patch_finalizers(const std::vector<std::string>& finalizers, Snapshot& snapshot,
                                             std::stop_token stop) {
  const kube::ObjectMeta& meta = snapshot.job.meta;
  const json patch = {
      {"metadata", {{"uid", meta.uid}, {"resourceVersion", meta.resource_version}, {"finalizers", json(finalizers)}}}};
  return take_written(
      parts_.client.patch<job::Job>(meta.namespace_name, meta.name, kube::PatchKind::kMerge, patch, {}, stop), snapshot,
      stop);
}

Executor::Outcome Executor::run(const AddFinalizer&, Snapshot& snapshot, std::stop_token stop) {
  std::vector<std::string> finalizers = snapshot.job.meta.finalizers;
  finalizers.emplace_back(job::kFinalizer);
  return patch_finalizers(finalizers, snapshot, stop);
}

Executor::Outcome Executor::run(const RemoveFinalizer&, Snapshot& snapshot, std::stop_token stop) {
  std::vector<std::string> finalizers = snapshot.job.meta.finalizers;
  std::erase(finalizers, std::string(job::kFinalizer));
  return patch_finalizers(finalizers, snapshot, stop);
}

// Asks the API server itself: a pod that our caches do not have may exist all the same.
Executor::Outcome Executor::find_pod(int attempt, Snapshot& snapshot, std::stop_token stop) {
  const kube::ObjectMeta& meta = snapshot.job.meta;
  auto pod = parts_.client.get<kube::Pod>(meta.namespace_name, job::pod_name(meta.name, attempt), stop);
  if (!pod && pod.error().code != ErrorCode::kNotFound) return give_up_on(pod.error());
  snapshot.pod_asked_for = true;
  if (pod && is_owned_by(*pod, snapshot.job)) {
    snapshot.pods.push_back({.pod = std::make_shared<const kube::Pod>(std::move(*pod))});
  } else if (pod) {
    snapshot.alien_pod_uid = pod->meta.uid;
  }
  return std::nullopt;
}

Executor::Outcome Executor::run(const InspectAttempt& action, Snapshot& snapshot, std::stop_token stop) {
  snapshot.files = parts_.volume.read_attempt(snapshot.job, action.attempt);
  const PodSighting* known = snapshot.pod_of(action.attempt);
  if (known != nullptr && !known->gone) return std::nullopt;
  return find_pod(action.attempt, snapshot, stop);
}

Executor::Outcome Executor::run(const CloseAttempt& action, Snapshot& snapshot, std::stop_token) {
  if (!snapshot.files) snapshot.files.emplace();
  snapshot.files->claim = parts_.volume.close_attempt(snapshot.job, action.attempt, snapshot.now);
  return std::nullopt;
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

Executor::Outcome Executor::run(const WriteStatus& action, Snapshot& snapshot, std::stop_token stop) {
  const kube::ObjectMeta meta = snapshot.job.meta;
  const int attempts_before = snapshot.job.status.attempts;
  const bool claims = action.status.attempts != attempts_before;
  const bool ends = job::is_terminal(action.status.phase);
  if (claims) base::failpoint("controller.before-claim");
  if (ends) base::failpoint("controller.before-end");
  auto written = put_status(meta, action.status, stop);
  if (!written && is_refused(written.error()) && ends) {
    base::log_warning("the end of a job was refused, writing only that it ended",
                      {{"job", meta.name}, {"error", written.error().message}});
    written = put_status(meta, bare_facts(action.status), stop);
  }
  if (auto end = take_written(std::move(written), snapshot, stop)) return end;
  if (claims) base::failpoint("controller.claimed");
  if (ends) base::failpoint("controller.ended");
  if (snapshot.job.status.attempts != attempts_before) {
    // All that was known of the attempt before is past.
    snapshot.files.reset();
    snapshot.refusal.reset();
    snapshot.pod_asked_for = false;
    snapshot.alien_pod_uid.clear();
    snapshot.lost_for = {};
  }
  if (ends) {
    (action.status.phase == job::Phase::kFinished ? jobs_finished_ : jobs_failed_).Increment();
  }
  if (action.notice) {
    record(*action.notice, meta);
    base::log_info("job ended", {{"job", meta.name}, {"reason", action.notice->reason}});
  }
  return std::nullopt;
}

void Executor::record(const Notice& notice, const kube::ObjectMeta& meta) {
  parts_.events.record(kube::reference_to(job::Job::kType, meta),
                       notice.warning ? kube::EventKind::kWarning : kube::EventKind::kNormal, notice.reason,
                       notice.note, notice.action);
}

Executor::Outcome Executor::run(const RecordEvent& action, Snapshot& snapshot, std::stop_token) {
  record(action.notice, snapshot.job.meta);
  return std::nullopt;
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

// A job's folder was made just now. A leader that stood still for long may have made anew what was deleted meanwhile.
Executor::Outcome Executor::undo_if_deleted(const job::Job& job, std::stop_token stop) {
  const auto live = parts_.client.get<job::Job>(job.meta.namespace_name, job.meta.name, stop);
  const bool gone = live ? live->meta.uid != job.meta.uid || live->meta.deletion_timestamp
                         : live.error().code == ErrorCode::kNotFound;
  if (gone) parts_.volume.purge(job, stop);
  if (gone) return ReconcileResult::ok();
  if (!live) return give_up_on(live.error());
  return std::nullopt;
}

Executor::Outcome Executor::archive(const job::Job& job, std::stop_token stop) {
  if (!parts_.volume.archive(job)) return std::nullopt;
  return undo_if_deleted(job, stop);
}

Executor::Outcome Executor::run(const CreatePod& action, Snapshot& snapshot, std::stop_token stop) {
  const std::string& application = snapshot.application->meta.name;
  snapshot.refusal = quota_.look(application, parts_.clock.steady());
  if (snapshot.refusal) return std::nullopt;
  auto prepared = prepare(snapshot.job, action.attempt);
  if (!prepared) {
    snapshot.refusal = std::move(prepared.error());
    return std::nullopt;
  }
  if (prepared->published) {
    if (auto end = undo_if_deleted(snapshot.job, stop)) return end;
  }
  snapshot.record = std::move(prepared->record);
  snapshot.newest_attempt = prepared->newest;
  if (snapshot.record || snapshot.newest_attempt > action.attempt) return std::nullopt;
  if (prepared->files.claim) {
    // Somebody was here before: what came of it is to be found out, not done again.
    snapshot.files = std::move(prepared->files);
    return find_pod(action.attempt, snapshot, stop);
  }
  const auto body = build_pod(*snapshot.application, snapshot.job, action.attempt, prepared->paths, parts_.pod);
  if (!body) {
    snapshot.refusal =
        PodRefusal{.reason = "InvalidTemplate",
                   .message = "the template of Application '" + application + "' can't be run: " + body.error(),
                   .hopeless = true};
    return std::nullopt;
  }
  base::failpoint("controller.before-pod");
  auto created = parts_.client.create<kube::Pod>(snapshot.job.meta.namespace_name, *body, stop);
  base::failpoint("controller.pod-created");
  if (created) {
    pods_created_.Increment();
    quota_.note_created(application);
    snapshot.pods.push_back({.pod = std::make_shared<const kube::Pod>(std::move(*created))});
    return std::nullopt;
  }
  if (created.error().code == ErrorCode::kAlreadyExists) {
    // Ours from a request that was sent twice or whose answer was lost, or somebody else's pod of this name.
    if (auto end = find_pod(action.attempt, snapshot, stop)) return end;
    if (snapshot.pod_of(action.attempt) == nullptr) {
      snapshot.refusal = PodRefusal{.reason = "AlienPod",
                                    .message = "waiting: a pod of this name exists that does not belong to this job"};
    }
    return std::nullopt;
  }
  snapshot.refusal = refusal_of(created.error());
  if (snapshot.refusal && snapshot.refusal->capacity) {
    quota_.note_refused(application, *snapshot.refusal, parts_.clock.steady());
  }
  if (snapshot.refusal) return std::nullopt;
  return ReconcileResult::retryable(created.error());
}

Executor::Outcome Executor::run(const StopPod& action, Snapshot& snapshot, std::stop_token stop) {
  const kube::DeleteOptions options{.preconditions = {.uid = action.uid}};
  const auto removed =
      parts_.client.remove(kube::Pod::kType, snapshot.job.meta.namespace_name, action.name, options, stop);
  // Not there, or another pod of this name: the one that was meant is gone.
  const bool gone =
      !removed && (removed.error().code == ErrorCode::kNotFound || removed.error().code == ErrorCode::kConflict);
  if (!removed && !gone) return give_up_on(removed.error());
  for (PodSighting& sighting : snapshot.pods) {
    if (sighting.pod->meta.uid != action.uid) continue;
    auto marked = std::make_shared<kube::Pod>(*sighting.pod);
    marked->meta.deletion_timestamp = snapshot.now;
    sighting.pod = std::move(marked);
    sighting.gone = gone;
  }
  return std::nullopt;
}

Executor::Outcome Executor::run(const ArchiveStatus&, Snapshot& snapshot, std::stop_token stop) {
  if (auto end = archive(snapshot.job, stop)) return end;
  base::failpoint("controller.archived");
  snapshot.archived = true;
  return std::nullopt;
}

Executor::Outcome Executor::run(const DeleteJob&, Snapshot& snapshot, std::stop_token stop) {
  // 1. The last moment in which the record could be written again, should the volume have lost it.
  if (auto end = archive(snapshot.job, stop)) return end;
  // 2. From here on a removal says nothing about the folder.
  if (snapshot.job.meta.has_finalizer(job::kFinalizer)) {
    if (auto end = run(RemoveFinalizer{}, snapshot, stop)) return end;
  }
  base::failpoint("controller.released");
  // 3. The resource, if it is still as we judged it.
  if (!parts_.may_write()) return ReconcileResult::retryable("not leading");
  const kube::ObjectMeta& meta = snapshot.job.meta;
  const kube::DeleteOptions options{.preconditions = {.uid = meta.uid, .resource_version = meta.resource_version}};
  const auto removed = parts_.client.remove(job::Job::kType, meta.namespace_name, meta.name, options, stop);
  if (!removed && removed.error().code != ErrorCode::kNotFound) {
    snapshot.outdated = is_outdated(removed.error(), snapshot.job, stop);
    return give_up_on(removed.error());
  }
  snapshot.removed = true;
  base::log_info("job resource removed after its time, its files stay", {{"job", meta.name}});
  return std::nullopt;
}

// When the namespace or the definition goes, every Job is marked for deletion though nobody asked for its files to go:
// artifacts outlive an uninstall. The mark on namespace or definition is older than the one on the Job.
kube::KubeResult<bool> Executor::is_being_uninstalled(const std::string& ns, std::stop_token stop) {
  const auto space = parts_.client.get(kNamespaceType, "", ns, stop);
  if (!space && space.error().code == ErrorCode::kForbidden) {
    base::log_warning("may not look whether the namespace is being deleted", {{"namespace", ns}});
  } else if (!space) {
    return space.error().code == ErrorCode::kNotFound ? kube::KubeResult<bool>(true) : tl::unexpected(space.error());
  } else if (space->at("metadata").contains("deletionTimestamp")) {
    return true;
  }
  // Everybody may ask what can be done with Jobs: of a definition that is going, "create" is not offered any more.
  const auto offered = parts_.client.call({.method = "GET", .target = "/apis/vbrain.visagio.com/v1"}, stop);
  if (!offered) {
    return offered.error().code == ErrorCode::kNotFound ? kube::KubeResult<bool>(true)
                                                        : tl::unexpected(offered.error());
  }
  return !offers_create(offered->body);
}

Executor::Outcome Executor::run(const PurgeFolder&, Snapshot& snapshot, std::stop_token stop) {
  const kube::ObjectMeta& meta = snapshot.job.meta;
  auto leaving = is_being_uninstalled(meta.namespace_name, stop);
  if (!leaving) return give_up_on(leaving.error());
  if (*leaving) {
    base::log_info("keeping the files of a job, since the installation is being deleted", {{"job", meta.name}});
    return std::nullopt;
  }
  base::failpoint("controller.before-purge");
  parts_.volume.purge(snapshot.job, stop);
  base::failpoint("controller.purged");
  base::log_info("job deleted", {{"job", meta.name}});
  return std::nullopt;
}

}  // namespace vbrain::controller
