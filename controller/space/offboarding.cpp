#include "controller/space/offboarding.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "controller/space/tenant_policies.hpp"
#include "controller/uninstall/uninstall.hpp"
#include "controller/volume/volume.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;
using kube::ReconcileResult;

// How often a purge looks whether the Jobs are gone: their pods get time to end.
constexpr std::chrono::seconds kLookAgain{1};

constexpr std::string_view kKept = "the files of the tenant stay on the volume";

}  // namespace

ClientCare judge_client(const ClientFacts& facts) {
  if (!facts.deleted) {
    if (facts.confirmed == facts.held) return ClientCare::kNone;
    return facts.confirmed ? ClientCare::kHold : ClientCare::kRelease;
  }
  if (!facts.held) return ClientCare::kNone;
  return facts.confirmed && !facts.has_peer && !facts.uninstall ? ClientCare::kPurge : ClientCare::kRelease;
}

ReconcileResult Offboarding::reconcile(const std::string& name, std::stop_token stop) {
  const auto cached = parts_.clients.get(name);
  if (cached == nullptr) return ReconcileResult::ok();
  const ClientFacts seen{.confirmed = cached->purge_confirmed,
                         .held = cached->meta.has_finalizer(job::kPurgeFinalizer),
                         .deleted = cached->meta.deletion_timestamp.has_value()};
  if (judge_client(seen) == ClientCare::kNone) return ReconcileResult::ok();
  if (!parts_.may_write()) return ReconcileResult::retryable("this controller does not lead");
  // The cache may be stale: the API server is asked before anything is removed.
  const auto live = parts_.client.get<job::Client>(parts_.namespace_name, name, stop);
  if (!live && live.error().code == ErrorCode::kNotFound) return ReconcileResult::ok();
  if (!live) return ReconcileResult::retryable(live.error());
  ClientFacts facts{.confirmed = live->purge_confirmed,
                    .held = live->meta.has_finalizer(job::kPurgeFinalizer),
                    .deleted = live->meta.deletion_timestamp.has_value()};
  if (facts.deleted && facts.held) {
    const auto uninstall = are_clients_being_uninstalled(parts_.client, parts_.namespace_name, stop);
    if (!uninstall) return ReconcileResult::retryable(uninstall.error());
    facts.uninstall = *uninstall;
    if (!facts.uninstall && facts.confirmed) {
      if (!parts_.refresh(stop)) return ReconcileResult::retryable("the caches could not be refreshed");
      facts.has_peer = has_peer(*live);
    }
  }
  switch (judge_client(facts)) {
    case ClientCare::kNone:
      return ReconcileResult::ok();
    case ClientCare::kHold:
      return set_finalizer(*live, true, stop);
    case ClientCare::kRelease:
      if (facts.deleted && facts.has_peer) {
        tell(*live, kube::EventKind::kWarning, "NotPurged",
             "another Client names the same tenant: " + std::string(kKept) +
                 ". Remedy: annotate and delete the last Client of the tenant");
      }
      return set_finalizer(*live, false, stop);
    case ClientCare::kPurge:
      return purge(*live, stop);
  }
  return ReconcileResult::ok();
}

bool Offboarding::has_peer(const job::Client& client) const {
  return std::ranges::any_of(parts_.clients.list(), [&](const auto& other) {
    return other->meta.name != client.meta.name && !other->meta.deletion_timestamp &&
           tenant_of(*other) == tenant_of(client);
  });
}

ReconcileResult Offboarding::purge(const job::Client& client, std::stop_token stop) {
  const auto tenant = tenant_of(client);
  if (!tenant) return set_finalizer(client, false, stop);
  // 1. No Job of the tenant is left: their pods are stopped before their folders are removed.
  const auto left = delete_jobs(*tenant, stop);
  if (!left) return ReconcileResult::retryable(left.error());
  if (*left > 0) return ReconcileResult::after(kLookAgain);
  base::failpoint("controller.purge-jobs-deleted");
  if (stop.stop_requested() || !parts_.may_write()) return ReconcileResult::retryable("this controller does not lead");
  // 2. All files leave the tenant's view with two renames. A crash after that leaves them to the sweeper.
  const std::vector<std::string> names = parts_.store.trash_tenant(*tenant);
  base::failpoint("controller.purge-trashed");
  // The sweeper may have made a Job for one of the folders meanwhile.
  if (!parts_.refresh(stop)) return ReconcileResult::retryable("the caches could not be refreshed");
  const auto late = delete_jobs(*tenant, stop);
  if (!late) return ReconcileResult::retryable(late.error());
  if (*late > 0) return ReconcileResult::after(kLookAgain);
  // 3. The Client may go. It does not wait for the removal of the files, which may take hours.
  ReconcileResult released = set_finalizer(client, false, stop);
  if (released.kind == ReconcileResult::Kind::kRetryable) return released;
  tell(client, kube::EventKind::kNormal, "Purged", "the jobs, repositories and files of the tenant were removed");
  try {
    for (const std::string& name : names) parts_.store.purge(*tenant, name, stop);
    parts_.store.remove_empty_tenant(*tenant);
  } catch (const artifacts::VolumeError& error) {
    base::log_warning("files of a purged tenant were not removed; the sweeper tries again",
                      {{"organization", tenant->organization},
                       {"application", tenant->application},
                       {"client", tenant->client},
                       {"error", error.what()}});
  }
  return released;
}

kube::KubeResult<std::size_t> Offboarding::delete_jobs(const artifacts::Tenant& tenant, std::stop_token stop) {
  std::size_t left = 0;
  for (const auto& job : parts_.jobs.list()) {
    if (tenant_of(*job) != tenant) continue;
    ++left;
    if (job->meta.deletion_timestamp) continue;
    if (!parts_.may_write()) return left;
    const auto removed = parts_.client.remove(job::Job::kType, parts_.namespace_name, job->meta.name,
                                              {.preconditions = {.uid = job->meta.uid, .resource_version = {}}}, stop);
    if (!removed && removed.error().code != ErrorCode::kNotFound) return tl::unexpected(removed.error());
  }
  return left;
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
