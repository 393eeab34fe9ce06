#include "controller/space/offboarding.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "artifacts/store/store_usage.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
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

constexpr std::string_view kKept = "the files of the tenant that are still there stay on the volume";
constexpr std::string_view kRemedy =
    "Remedy: if they are to be removed, annotate and delete the last Client of the tenant";

// The tenant that a Client or a Job names, also one that cannot be decoded as a whole.
std::optional<artifacts::Tenant> named_tenant(const nlohmann::json& object) {
  const nlohmann::json* spec = kube::find_member(object, "spec");
  if (spec == nullptr) return std::nullopt;
  const auto name = [&](const char* key) {
    const nlohmann::json* value = kube::find_member(*spec, key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  };
  return artifacts::Tenant{
      .organization = name("organizationId"), .application = name("applicationId"), .client = name("clientId")};
}

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
  if (!facts) return ReconcileResult::retryable(facts.error());
  return act(*live, *facts, stop);
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
  if (const auto tenant = tenant_of(client); tenant && !facts.has_peer) {
    facts.has_newer =
        artifacts::find_published_after(parts_.store, *tenant, *client.meta.deletion_timestamp + kTolerance)
            .has_value();
  }
  facts.settled = parts_.clock.steady() - progress_of(client).seen >= kSettled;
  return facts;
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
      },
      std::move(stop));
  if (!done) return tl::unexpected(done.error());
  return found;
}

ReconcileResult Offboarding::release(const job::Client& client, const ClientFacts& facts, std::stop_token stop) {
  const std::size_t deleted = progress_of(client).deleted;
  ReconcileResult released = set_finalizer(client, false, stop);
  if (released.kind == ReconcileResult::Kind::kRetryable || !facts.deleted) return released;
  if (!facts.has_peer && !facts.has_newer) return released;
  std::string message = facts.has_peer ? "another Client names the same tenant: "
                                       : "the tenant has jobs or repositories that are newer than the deletion of this "
                                         "Client, for example after a restore of etcd: ";
  message += kKept;
  if (deleted > 0) message += "; " + std::to_string(deleted) + " of its Jobs were deleted before that was known";
  tell(client, kube::EventKind::kWarning, "NotPurged", message + ". " + std::string(kRemedy));
  return released;
}

ReconcileResult Offboarding::purge(const job::Client& client, std::stop_token stop) {
  const auto tenant = tenant_of(client);
  if (!tenant) return set_finalizer(client, false, stop);
  // 1. No Job of the tenant is left: their pods are stopped before their folders are removed.
  const auto left = delete_jobs(client, *tenant, stop);
  if (!left) return ReconcileResult::retryable(left.error());
  if (*left > 0) {
    Progress progress = progress_of(client);
    const auto wait = std::min(kLastLook, kFirstLook * (1 << std::min(progress.looks, 5)));
    ++progress.looks;
    set_progress(client, progress);
    return ReconcileResult::after(wait);
  }
  base::failpoint("controller.purge-jobs-deleted");
  // The list of Jobs took time: a Client of the tenant may have been made, or the annotation taken back.
  const auto live = parts_.client.get<job::Client>(parts_.namespace_name, client.meta.name, stop);
  if (!live || live->meta.uid != client.meta.uid) return ReconcileResult::retryable("the Client has changed");
  const auto facts = look(*live, stop);
  if (!facts) return ReconcileResult::retryable(facts.error());
  if (judge_client(*facts) != ClientCare::kPurge) return act(*live, *facts, stop);
  if (stop.stop_requested() || !parts_.may_write()) return ReconcileResult::retryable("this controller does not lead");
  // 2. All files leave the tenant's view. A crash after that leaves them to the sweeper.
  for (const std::string& name : parts_.store.trash_tenant(*tenant)) parts_.discard(*tenant, name);
  parts_.discard(*tenant, "");
  base::failpoint("controller.purge-trashed");
  // The sweeper may have made a Job for one of the folders meanwhile. One of a Client that was made meanwhile stays.
  const auto peer = has_peer(*live, stop);
  if (!peer) return ReconcileResult::retryable(peer.error());
  if (!*peer) {
    const auto late = delete_jobs(*live, *tenant, stop);
    if (!late) return ReconcileResult::retryable(late.error());
    if (*late > 0) return ReconcileResult::after(kFirstLook);
  }
  // 3. The Client may go. It does not wait for the removal of the files, which may take hours.
  ReconcileResult released = set_finalizer(*live, false, stop);
  if (released.kind == ReconcileResult::Kind::kRetryable) return released;
  tell(*live, kube::EventKind::kNormal, "Purged", "the jobs, repositories and files of the tenant were removed");
  return released;
}

kube::KubeResult<std::size_t> Offboarding::delete_jobs(const job::Client& client, const artifacts::Tenant& tenant,
                                                       std::stop_token stop) {
  std::size_t left = 0;
  Progress progress = progress_of(client);
  std::optional<kube::Error> failure;
  const auto remove = [&](const nlohmann::json& item) {
    const kube::ObjectMeta meta = kube::decode_meta(item);
    ++left;
    if (meta.deletion_timestamp || failure || !parts_.may_write()) return;
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
      },
      stop);
  set_progress(client, progress);
  if (!done) return tl::unexpected(done.error());
  if (failure) return tl::unexpected(*failure);
  return left;
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
  if (present) finalizers.emplace_back(job::kPurgeFinalizer);
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
