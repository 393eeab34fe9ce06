#include "controller/sweep/sweeper.hpp"

#include <nlohmann/json.hpp>

#include "artifacts/scans/store_sweep.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/submit/job_batch.hpp"
#include "artifacts/submit/key_records.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "base/log/log.hpp"
#include "base/threads/stop.hpp"
#include "controller/volume/volume.hpp"
#include "job/callback.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

using artifacts::ScannedJob;
using kube::ErrorCode;

// The code that moves a folder to .trash also removes it. After this time the folder was left over by a crash, or it
// could not be removed.
constexpr std::chrono::minutes kTrashAge{10};
// Wait between two scans for what need not go at once: markers, which only a crash leaves behind, expired
// Idempotency-Keys and uploads.
constexpr std::chrono::hours kHourly{1};
// How long an Idempotency-Key, and the mark of a used upload, is kept at least (docs/api.md).
constexpr std::chrono::hours kKeyAge{24};
// A batch that an api-server is publishing changes all the time.
constexpr std::chrono::minutes kBatchAge{1};
// Number of paths that the log has already named as not removable.
constexpr std::size_t kToldPaths = 1'000;

// Wait after a scan that was not finished.
constexpr std::chrono::milliseconds kTryAgain{30'000};
// Factor on the duration of the last scan.
constexpr int kPeace = 10;

// After this many refusals in a row a Role is probably missing.
constexpr int kRefusals = 10;
constexpr kube::ResourceType kAccessReviewType{"authorization.k8s.io", "v1", "selfsubjectaccessreviews",
                                               "SelfSubjectAccessReview"};

// True if the folder belongs to this resource, and not to a job of another tenant with the same name.
bool is_of(const job::Job& job, const ScannedJob& folder) {
  const artifacts::Tenant tenant = tenant_of(job);
  const bool is_legal = artifacts::is_name(tenant.organization) && artifacts::is_name(tenant.application) &&
                        artifacts::is_name(tenant.client);
  return is_legal && artifacts::layout::job(tenant, folder.id()) == folder.path();
}

}  // namespace

std::chrono::milliseconds pause_after(std::chrono::milliseconds walk, bool complete,
                                      std::chrono::milliseconds interval) {
  return std::max(complete ? interval : std::min(interval, kTryAgain), kPeace * walk);
}

Sweeper::Sweeper(Parts parts, SweeperOptions options)
    : parts_(std::move(parts)),
      options_(options),
      recovered_(parts_.metrics.counter("vbrain_jobs_recovered_total",
                                        "Job resources recreated from their folders on the volume.")),
      swept_(parts_.metrics.counter("vbrain_volume_swept_total",
                                    "Old folders removed from .staging and .trash of the volume.")),
      spoilt_(parts_.metrics.counter("vbrain_volume_spoilt_folders_total",
                                     "Folders of jobs and tenants on the volume that cannot be read.")),
      not_removed_(parts_.metrics.counter("vbrain_volume_removal_failures_total",
                                          "Folders in .staging and .trash that a scan could not remove completely.")),
      unreadable_now_(parts_.metrics.gauge("vbrain_volume_unreadable_folders",
                                           "Reports of the last scan about folders that cannot be read.")),
      not_removed_now_(parts_.metrics.gauge("vbrain_volume_unremovable_folders",
                                            "Folders that the last scan could not remove completely.")) {}

void Sweeper::run(std::stop_token stop) {
  for (;;) {
    const auto begin = parts_.clock.steady();
    const bool complete = round(stop);
    const auto walk = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady() - begin);
    if (!base::sleep_for(stop, pause_after(walk, complete, options_.scan_interval))) break;
  }
  // The next leader scans for itself.
  unreadable_now_.Set(0);
  not_removed_now_.Set(0);
}

bool Sweeper::round(std::stop_token stop) {
  unreadable_in_round_ = 0;
  not_removed_in_round_ = 0;
  bool complete = false;
  try {
    complete = scan(stop);
  } catch (const std::exception& error) {
    base::log_warning("a scan of the volume ended early; the next one begins again", {{"error", error.what()}});
  }
  if (!stop.stop_requested() && parts_.may_write()) sweep(stop);
  // A scan that ended early has not seen all.
  if (complete) unreadable_now_.Set(unreadable_in_round_);
  if (complete) not_removed_now_.Set(not_removed_in_round_);
  return complete;
}

artifacts::OnUnreadable Sweeper::note_unreadable(std::stop_token stop) {
  return [this, stop](const std::string& path, const artifacts::VolumeError& error) {
    note_spoilt(path, error);
    return !stop.stop_requested();
  };
}

void Sweeper::note_spoilt(const std::string& path, const std::exception& error) {
  spoilt_.Increment();
  unreadable_now_.Set(std::max(unreadable_now_.Value(), ++unreadable_in_round_));
  base::log_warning("a folder on the volume cannot be read; repair it or remove it",
                    {{"folder", path}, {"error", error.what()}});
}

std::optional<base::TimePoint> Sweeper::volume_time() const {
  std::optional<base::TimePoint> time;
  try {
    time = parts_.volume_time ? parts_.volume_time() : parts_.store.probe();
    if (!time)
      base::log_warning("the volume cannot be written, so the age of its folders is unknown and none is removed");
  } catch (const artifacts::VolumeError& error) {
    base::log_warning("the file server's clock could not be read; no folder is removed", {{"error", error.what()}});
  }
  return time;
}

void Sweeper::sweep(std::stop_token stop) {
  const auto now = volume_time();
  if (!now) return;
  artifacts::finish_batches(parts_.store, *now - kBatchAge, note_unreadable(stop), stop);
  const auto staged = *now - options_.sweep_age;
  const auto trashed = *now - std::min<std::chrono::milliseconds>(options_.sweep_age, kTrashAge);
  const auto not_removed = [this](const std::string& path, const artifacts::VolumeError& error) {
    note_not_removed(path, error);
  };
  const std::size_t removed = artifacts::sweep_rubbish(parts_.store, {.staged = staged, .trashed = trashed},
                                                       note_unreadable(stop), not_removed, stop);
  if (removed > 0) {
    swept_.Increment(static_cast<double>(removed));
    base::log_info("removed folders of writes and removals that did not finish", {{"folders", removed}});
  }
  sweep_hourly(*now, staged, stop);
}

void Sweeper::sweep_hourly(base::TimePoint now, base::TimePoint before, std::stop_token stop) {
  const base::SteadyPoint here = parts_.clock.steady();
  if (stop.stop_requested() || (hourly_swept_ && here - *hourly_swept_ < kHourly)) return;
  hourly_swept_ = here;
  const std::size_t removed = artifacts::sweep_markers(parts_.store, before, note_unreadable(stop), stop);
  if (removed > 0) base::log_info("removed index entries of jobs that have no folder", {{"entries", removed}});
  const std::size_t keys = artifacts::sweep_keys(parts_.store, now - kKeyAge, note_unreadable(stop), stop);
  if (keys > 0) base::log_info("removed records of expired Idempotency-Keys", {{"entries", keys}});
  const std::size_t uploads = artifacts::sweep_uploads(parts_.store, now, now - kKeyAge, note_unreadable(stop), stop);
  if (uploads > 0) base::log_info("removed expired uploads, and marks of used ones", {{"entries", uploads}});
}

void Sweeper::note_not_removed(const std::string& path, const artifacts::VolumeError& error) {
  not_removed_.Increment();
  not_removed_now_.Set(std::max(not_removed_now_.Value(), ++not_removed_in_round_));
  // Each scan tries again and fails again; one log line is enough.
  if (told_.size() >= kToldPaths || !told_.insert(error.what()).second) return;
  base::log_warning("deleted files could not be removed and are tried again; remove them as their owner or as root",
                    {{"folder", path}, {"error", error.what()}});
}

bool Sweeper::scan(std::stop_token stop) {
  const auto now = volume_time();
  if (!now) return false;
  began_ = *now;
  began_here_ = parts_.clock.steady();
  bool complete = true;
  refused_in_a_row_ = 0;
  const auto visit = [&](const ScannedJob& folder) {
    complete = !stop.stop_requested() && parts_.may_write();
    try {
      complete = complete && tend(folder, stop);
    } catch (const artifacts::CorruptFile& error) {
      note_spoilt(folder.path(), error);
    } catch (const artifacts::VolumeError& error) {
      // An unreadable folder must not stop the scan of the others.
      note_spoilt(folder.path(), error);
    }
    return complete;
  };
  artifacts::scan_jobs(parts_.store, visit, note_unreadable(stop));
  return complete && !stop.stop_requested();
}

FolderFacts Sweeper::look(const ScannedJob& folder, const job::Job* resource) const {
  FolderFacts facts;
  if (resource != nullptr) {
    facts.resource =
        resource->meta.deletion_timestamp ? FolderFacts::Resource::kBeingDeleted : FolderFacts::Resource::kPresent;
  }
  if (facts.resource == FolderFacts::Resource::kBeingDeleted) return facts;
  facts.deleted = folder.is_deleted();
  if (!facts.deleted) facts.recorded = facts.resource == FolderFacts::Resource::kNone && folder.has_record();
  // No rule applies to it, whatever its age.
  if (!facts.deleted && (facts.recorded || resource != nullptr)) return facts;
  // A folder that was removed has no age.
  if (const auto changed = folder.changed()) {
    const auto walked = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady() - began_here_);
    facts.age = began_ + walked - *changed;
  }
  return facts;
}

bool Sweeper::tend(const ScannedJob& folder, std::stop_token stop) {
  auto resource = parts_.jobs.get(folder.id());
  // A Job made with kubectl may have the name of an ended job of another tenant.
  if (resource != nullptr && !is_of(*resource, folder)) resource = nullptr;
  switch (judge_folder(look(folder, resource.get()))) {
    case FolderCare::kNone:
      return true;
    case FolderCare::kCreateResource:
      return create_resource(folder, stop);
    case FolderCare::kDeleteResource:
      return delete_resource(*resource, stop);
    case FolderCare::kRemoveFolder:
      return remove_folder(folder, stop);
  }
  return true;
}

// A refusal of one job says nothing about the next one; any other error will come again. Forbidden may have two causes:
// an admission policy or a quota refuses one job, a missing Role refuses all. After several in a row the API server is
// asked which it is.
bool Sweeper::can_go_on_after(const char* what, std::string_view verb, const std::string& job,
                              const base::RequestIds& ids, const kube::Error& error, std::stop_token stop) {
  base::log_warning(what, {{"job", job}, ids, {"code", to_string(error.code)}, {"error", error.message}});
  if (error.code == ErrorCode::kForbidden) {
    if (++refused_in_a_row_ < kRefusals) return true;
    refused_in_a_row_ = 0;
    return may(verb, stop);
  }
  refused_in_a_row_ = 0;
  return error.code == ErrorCode::kInvalid || error.code == ErrorCode::kBadRequest ||
         error.code == ErrorCode::kTooLarge || error.code == ErrorCode::kConflict;
}

// Every account may ask this about itself.
bool Sweeper::may(std::string_view verb, std::stop_token stop) {
  const nlohmann::json body = {{"apiVersion", kube::api_version(kAccessReviewType)},
                               {"kind", kAccessReviewType.kind},
                               {"spec",
                                {{"resourceAttributes",
                                  {{"namespace", parts_.namespace_name},
                                   {"verb", verb},
                                   {"group", job::Job::kType.group},
                                   {"resource", job::Job::kType.plural}}}}}};
  const auto review = parts_.client.create(kAccessReviewType, "", body, stop);
  const nlohmann::json* status = review ? kube::find_member(*review, "status") : nullptr;
  if (status != nullptr && status->value("allowed", false)) return true;
  base::log_warning("the controller's Role lacks a right on Jobs that the scan of the volume needs",
                    {{"namespace", parts_.namespace_name}, {"verb", verb}});
  return false;
}

bool Sweeper::create_resource(const ScannedJob& folder, std::stop_token stop) {
  const auto file = folder.read();
  // The folder is open, and may have been moved to the trash with its tenant.
  if (!file || !parts_.store.has_job(file->tenant, file->job_id)) return true;
  const base::RequestIds ids = file->ids();
  const auto created = parts_.client.create(job::Job::kType, parts_.namespace_name,
                                            encode_recovered_job(parts_.namespace_name, *file), stop);
  if (created || created.error().code == ErrorCode::kAlreadyExists) refused_in_a_row_ = 0;
  if (created) {
    recovered_.Increment();
    base::log_info("Job resource recreated from its folder", {{"job", file->job_id}, ids});
    if (!job::callback_was_kept(file->callback_url, *created)) {
      base::log_warning("the receiver of a job will not be told",
                        {{"job", file->job_id}, ids, {"reason", job::kCallbackNotKept}});
    }
    return true;
  }
  // The caches were stale.
  if (created.error().code == ErrorCode::kAlreadyExists) return true;
  return can_go_on_after("a Job resource was not recreated from its folder", "create", file->job_id, ids,
                         created.error(), stop);
}

bool Sweeper::delete_resource(const job::Job& job, std::stop_token stop) {
  const std::string& name = job.meta.name;
  const auto removed = parts_.client.remove(job::Job::kType, parts_.namespace_name, name,
                                            {.preconditions = {.uid = job.meta.uid}}, stop);
  if (removed) base::log_info("deleted the Job of a job whose deletion was interrupted", {{"job", name}, job.ids()});
  if (removed || removed.error().code == ErrorCode::kNotFound) {
    refused_in_a_row_ = 0;
    return true;
  }
  return can_go_on_after("the Job of a job whose deletion was interrupted was not deleted", "delete", name, job.ids(),
                         removed.error(), stop);
}

bool Sweeper::remove_folder(const ScannedJob& folder, std::stop_token stop) {
  const auto file = folder.read();
  if (!file) return true;
  const base::RequestIds ids = file->ids();
  // The caches may be stale, and a resource must not lose its folder before its pods are gone.
  const auto live = parts_.client.get<job::Job>(parts_.namespace_name, file->job_id, stop);
  if (live && is_of(*live, folder)) {
    return live->meta.deletion_timestamp || delete_resource(*live, stop);
  }
  if (!live && live.error().code != ErrorCode::kNotFound) {
    return can_go_on_after("a deleted job's folder was not removed", "get", file->job_id, ids, live.error(), stop);
  }
  refused_in_a_row_ = 0;
  parts_.store.remove_job(file->tenant, file->job_id, file->repository_id, stop, ids);
  base::log_info("removed the folder of a job whose deletion was interrupted", {{"job", file->job_id}, ids});
  return true;
}

}  // namespace vbrain::controller
