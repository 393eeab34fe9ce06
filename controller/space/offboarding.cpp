#include "controller/space/offboarding.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "artifacts/scans/store_usage.hpp"
#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log/log.hpp"
#include "controller/space/tenant_policies.hpp"
#include "controller/uninstall/uninstall.hpp"
#include "kube/cache/paging.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;
using kube::ReconcileResult;

// How often a purge looks whether the Jobs are gone, doubling: their pods get time to end.
constexpr std::chrono::seconds kFirstLook{1};
constexpr std::chrono::seconds kLastLook{30};
// The API server shows only after some seconds that a definition is being deleted.
constexpr std::chrono::seconds kSettled{30};
// The clocks of API server and file server may differ, and uploads that were under way end.
constexpr std::chrono::minutes kTolerance{10};

// After so many looks the Client's events say what a purge waits for.
constexpr int kLooksUntilTold = 5;

constexpr std::string_view kKept = "the files of the tenant that are still there stay on the volume";
constexpr std::string_view kRemedy =
    "Remedy: if they are to be removed, annotate and delete the last Client of the tenant";

// Thrown to end a look at the volume.
struct Stopped {};

ClientFacts facts_of(const job::Client& client) {
  return {.confirmed = client.purge_confirmed,
          .held = client.meta.has_finalizer(job::kPurgeFinalizer),
          .deleted = client.meta.deletion_timestamp.has_value()};
}

}  // namespace

ClientCare judge_client(const ClientFacts& facts) {
  if (!facts.deleted) {
    if (facts.confirmed == facts.held) return ClientCare::kNone;
    if (!facts.confirmed) return ClientCare::kRelease;
    return facts.uninstall ? ClientCare::kNone : ClientCare::kHold;
  }
  if (!facts.held) return ClientCare::kNone;
  if (!facts.confirmed || facts.has_peer || facts.uninstall || facts.has_newer) return ClientCare::kRelease;
  return facts.settled ? ClientCare::kPurge : ClientCare::kWait;
}

ReconcileResult Offboarding::reconcile(const std::string& name, std::stop_token stop) {
  const auto cached = parts_.clients.get(name);
  if (cached == nullptr) return ReconcileResult::ok();
  if (judge_client(facts_of(*cached)) == ClientCare::kNone) return ReconcileResult::ok();
  if (!parts_.may_write()) return ReconcileResult::retryable("this controller does not lead");
  // The cache may be stale: the API server is asked before anything is removed.
  const auto live = parts_.client.get<job::Client>(parts_.namespace_name, name, stop);
  if (!live && live.error().code == ErrorCode::kNotFound) {
    forget(cached->meta.uid);
    return ReconcileResult::ok();
  }
  if (!live) return ReconcileResult::retryable(live.error());
  const auto facts = look(*live, stop);
  if (!facts) return fail(*live, facts.error());
  return act(*live, *facts, stop);
}

// The event of a purge that cannot go on.
ReconcileResult Offboarding::fail(const job::Client& client, const kube::Error& error) {
  if (client.meta.deletion_timestamp && error.code != ErrorCode::kCancelled && !kube::is_retryable(error)) {
    tell(client, kube::EventKind::kWarning, "PurgeWaits",
         "the purge of the tenant waits: " + error.message + ". Remedy: mend that; it goes on by itself");
  }
  return ReconcileResult::retryable(error);
}

ReconcileResult Offboarding::act(const job::Client& client, const ClientFacts& facts, std::stop_token stop) {
  switch (judge_client(facts)) {
    case ClientCare::kNone:
      return ReconcileResult::ok();
    case ClientCare::kHold:
      return set_finalizer(client, true, stop);
    case ClientCare::kRelease:
      return release(client, facts, stop);
    case ClientCare::kWait:
      return ReconcileResult::after(kSettled);
    case ClientCare::kPurge:
      return purge(client, stop);
  }
  return ReconcileResult::ok();
}

kube::KubeResult<ClientFacts> Offboarding::look(const job::Client& client, std::stop_token stop) {
  ClientFacts facts = facts_of(client);
  // Without the annotation nothing is removed, so nothing has to be known.
  if (!facts.confirmed || (facts.deleted && !facts.held)) return facts;
  const auto uninstall = are_clients_being_uninstalled(parts_.client, parts_.namespace_name, stop);
  if (!uninstall) return tl::unexpected(uninstall.error());
  facts.uninstall = *uninstall;
  if (facts.uninstall || !facts.deleted) return facts;
  const auto peer = has_peer(client, stop);
  if (!peer) return tl::unexpected(peer.error());
  facts.has_peer = *peer;
  Progress progress = progress_of(client);
  facts.settled = parts_.clock.steady() - progress.seen >= kSettled;
  if (facts.has_peer || !facts.settled) return facts;
  if (!progress.has_newer) {
    // Once for each deletion: what is published during the purge belongs to the tenant that goes.
    const auto newer = has_newer(client, stop);
    if (!newer) return tl::unexpected(newer.error());
    progress.has_newer = *newer;
    set_progress(client, progress);
  }
  facts.has_newer = *progress.has_newer;
  return facts;
}

kube::KubeResult<bool> Offboarding::has_newer(const job::Client& client, std::stop_token stop) {
  const auto tenant = tenant_of(client);
  if (!tenant) return false;
  const auto go_on = [&] {
    if (stop.stop_requested() || !parts_.may_write()) throw Stopped();
  };
  const base::TimePoint time = *client.meta.deletion_timestamp + kTolerance;
  try {
    return artifacts::find_published_after(parts_.store, *tenant, time, go_on).has_value();
  } catch (const Stopped&) {
    return tl::unexpected(kube::cancelled_error());
  } catch (const artifacts::VolumeError& error) {
    return tl::unexpected(
        kube::Error{.code = ErrorCode::kGone, .message = std::string("the volume could not be read: ") + error.what()});
  }
}

kube::KubeResult<bool> Offboarding::has_peer(const job::Client& client, std::stop_token stop) {
  const auto tenant = tenant_of(client);
  bool found = false;
  const auto done = kube::each_page(
      parts_.client, job::Client::kType, parts_.namespace_name,
      [&](const nlohmann::json& items) {
        for (const nlohmann::json& item : items) {
          const nlohmann::json* meta = kube::find_member(item, "metadata");
          if (meta == nullptr || kube::find_member(*meta, "deletionTimestamp") != nullptr) continue;
          const nlohmann::json* name = kube::find_member(*meta, "name");
          found = found || (name != nullptr && *name != client.meta.name && named_tenant(item) == tenant);
        }
        return !found;
      },
      std::move(stop));
  if (!done) return tl::unexpected(done.error());
  return found;
}

ReconcileResult Offboarding::release(const job::Client& client, const ClientFacts& facts, std::stop_token stop) {
  const std::size_t deleted = facts.deleted ? progress_of(client).deleted : 0;
  ReconcileResult released = set_finalizer(client, false, stop);
  if (released.kind == ReconcileResult::Kind::kRetryable || !facts.deleted) return released;
  if (!facts.has_peer && !facts.has_newer && deleted == 0) return released;
  std::string message = facts.has_peer ? "another Client names the same tenant: "
                        : facts.has_newer
                            ? "the tenant has jobs or repositories that are newer than the deletion of this Client, "
                              "for example after a restore of etcd: "
                            : "the annotation was removed, or an uninstallation began: ";
  message += kKept;
  if (deleted > 0) message += "; " + std::to_string(deleted) + " of its Jobs were deleted before that was known";
  tell(client, kube::EventKind::kWarning, "NotPurged", message + ". " + std::string(kRemedy));
  return released;
}

ReconcileResult Offboarding::purge(const job::Client& client, std::stop_token stop) {
  const auto tenant = tenant_of(client);
  if (!tenant) return set_finalizer(client, false, stop);
  const artifacts::Store::TenantFolders folders = parts_.store.tenant_folders(*tenant);
  // 1. No Job of the tenant is left: their pods are stopped before their folders are removed.
  const auto jobs = delete_jobs(client, *tenant, stop);
  if (!jobs) return fail(client, jobs.error());
  if (jobs->more) return ReconcileResult::after(std::chrono::milliseconds(0));
  if (jobs->left > 0) return wait_for_jobs(client, *jobs);
  base::failpoint("controller.purge-jobs-deleted");
  // The list of Jobs took time: a Client of the tenant may have been made, or the annotation taken back.
  const auto live = parts_.client.get<job::Client>(parts_.namespace_name, client.meta.name, stop);
  if (!live || live->meta.uid != client.meta.uid) return ReconcileResult::retryable("the Client has changed");
  const auto facts = look(*live, stop);
  if (!facts) return ReconcileResult::retryable(facts.error());
  if (judge_client(*facts) != ClientCare::kPurge) return act(*live, *facts, stop);
  if (stop.stop_requested() || !parts_.may_write()) return ReconcileResult::retryable("this controller does not lead");
  // 2. All files leave the tenant's view. A crash after that leaves them to the sweeper.
  for (const std::string& name : parts_.store.trash_tenant(*tenant, folders, parts_.may_write)) {
    parts_.discard(*tenant, name);
  }
  if (!parts_.may_write()) return ReconcileResult::retryable("this controller does not lead");
  parts_.discard(*tenant, "");
  base::failpoint("controller.purge-trashed");
  // The sweeper may have made a Job for one of the folders meanwhile. One of a Client that was made meanwhile stays.
  const auto peer = has_peer(*live, stop);
  if (!peer) return ReconcileResult::retryable(peer.error());
  if (!*peer) {
    const auto late = delete_jobs(*live, *tenant, stop);
    if (!late) return fail(*live, late.error());
    if (late->more || late->left > 0) return ReconcileResult::after(kFirstLook);
  }
  // 3. The Client may go. It does not wait for the removal of the files, which may take hours.
  ReconcileResult released = set_finalizer(*live, false, stop);
  if (released.kind == ReconcileResult::Kind::kRetryable) return released;
  tell(*live, kube::EventKind::kNormal, "Purged",
       "the jobs, repositories and files of the tenant are gone; the space is free when the controller has emptied its "
       "trash");
  return released;
}

// The events of the Client say what is left if that takes long.
ReconcileResult Offboarding::wait_for_jobs(const job::Client& client, const JobsLeft& jobs) {
  Progress progress = progress_of(client);
  const auto wait = std::min(kLastLook, kFirstLook * (1 << std::min(progress.looks, 5)));
  if (++progress.looks == kLooksUntilTold) {
    tell(client, kube::EventKind::kWarning, "PurgeWaits",
         "the purge of the tenant waits for " + std::to_string(jobs.left) +
             " Jobs that are being deleted, among them " + jobs.first +
             ". Remedy: if they stay, see their events and their metadata.finalizers");
  }
  set_progress(client, progress);
  return ReconcileResult::after(wait);
}

kube::KubeResult<Offboarding::JobsLeft> Offboarding::delete_jobs(const job::Client& client,
                                                                 const artifacts::Tenant& tenant,
                                                                 std::stop_token stop) {
  JobsLeft jobs;
  std::size_t tried = 0;
  Progress progress = progress_of(client);
  std::optional<kube::Error> failure;
  const auto remove = [&](const nlohmann::json& item) {
    const kube::ObjectMeta meta = kube::decode_meta(item);
    if (jobs.left++ == 0) jobs.first = meta.name;
    if (meta.deletion_timestamp) return;
    jobs.more = jobs.more || tried == parts_.at_once;
    if (jobs.more || failure || !parts_.may_write()) return;
    ++tried;
    const auto removed = parts_.client.remove(job::Job::kType, parts_.namespace_name, meta.name,
                                              {.preconditions = {.uid = meta.uid, .resource_version = {}}}, stop);
    if (removed) ++progress.deleted;
    if (!removed && removed.error().code != ErrorCode::kNotFound) failure = removed.error();
  };
  const auto done = kube::each_page(
      parts_.client, job::Job::kType, parts_.namespace_name,
      [&](const nlohmann::json& items) {
        for (const nlohmann::json& item : items) {
          if (named_tenant(item) == tenant) remove(item);
        }
        return !jobs.more && !failure;
      },
      stop);
  set_progress(client, progress);
  if (!done) return tl::unexpected(done.error());
  if (failure) return tl::unexpected(*failure);
  return jobs;
}

Offboarding::Progress Offboarding::progress_of(const job::Client& client) {
  const std::lock_guard lock(mutex_);
  return progress_.try_emplace(client.meta.uid, Progress{.seen = parts_.clock.steady()}).first->second;
}

void Offboarding::forget(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  progress_.erase(uid);
}

void Offboarding::set_progress(const job::Client& client, const Progress& progress) {
  const std::lock_guard lock(mutex_);
  progress_[client.meta.uid] = progress;
}

ReconcileResult Offboarding::set_finalizer(const job::Client& client, bool present, std::stop_token stop) {
  std::vector<std::string> finalizers = client.meta.finalizers;
  std::erase(finalizers, std::string(job::kPurgeFinalizer));
  // First, so that `kubectl wait` can name it whatever other finalizers there are.
  if (present) finalizers.insert(finalizers.begin(), std::string(job::kPurgeFinalizer));
  const nlohmann::json patch = {
      {"metadata",
       {{"uid", client.meta.uid}, {"resourceVersion", client.meta.resource_version}, {"finalizers", finalizers}}}};
  const auto written =
      parts_.client.patch(job::Client::kType, parts_.namespace_name, client.meta.name, patch, {}, stop);
  if (!written && written.error().code != ErrorCode::kNotFound) return ReconcileResult::retryable(written.error());
  if (!present) forget(client.meta.uid);
  if (present) {
    tell(client, kube::EventKind::kNormal, "PurgeConfirmed",
         "deleting this Client now removes the jobs, repositories and files of the tenant. To keep them, remove the "
         "annotation " +
             std::string(job::kPurgeAnnotation));
  }
  return ReconcileResult::ok();
}

void Offboarding::tell(const job::Client& client, kube::EventKind kind, std::string_view reason,
                       const std::string& message) {
  parts_.events.record(kube::reference_to(job::Client::kType, client.meta), kind, reason, message, "Purge");
  base::log_info(message, {{"name", client.meta.name},
                           {"reason", reason},
                           {"organization", client.organization_id},
                           {"application", client.application_id},
                           {"client", client.client_id}});
}

}  // namespace vbrain::controller
