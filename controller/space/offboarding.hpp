#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "artifacts/store/layout.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "kube/cache/cache.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::controller {

// What a pass over a Client may do.
enum class ClientCare {
  kNone,
  kHold,     // add the finalizer, so that no deletion is missed
  kRelease,  // remove the finalizer; the files stay
  kPurge,    // remove the tenant's jobs, repositories and files, then the finalizer
};

// Facts about a Client.
struct ClientFacts {
  bool confirmed = false;  // annotated vbrain.visagio.com/purge=confirm
  bool held = false;       // has the finalizer
  bool deleted = false;    // has a deletionTimestamp
  bool has_peer = false;   // another Client of the same tenant is not being deleted
  bool uninstall = false;  // the namespace or the definition is being deleted
};

// Pure.
ClientCare judge_client(const ClientFacts& facts);

// Removes what a tenant has on the volume after its Client was annotated with vbrain.visagio.com/purge=confirm and then
// deleted. The finalizer proves that somebody deleted it: a Client that is only absent, for example after a restore of
// etcd, purges nothing. Each step may be repeated after a crash. Thread-safe; blocks.
class Offboarding {
 public:
  struct Parts {
    const artifacts::Store& store;
    kube::ApiClient& client;
    kube::EventRecorder& events;
    const kube::Cache<job::Client>& clients;
    const kube::Cache<job::Job>& jobs;
    std::string namespace_name;
    // Lists Jobs and Clients anew and waits until the caches have them; false if that failed.
    std::function<bool(std::stop_token)> refresh;
    // Like Executor::Parts.
    std::function<bool()> may_write = [] { return true; };
  };

  explicit Offboarding(Parts parts) : parts_(std::move(parts)) {}

  // One pass over the Client of this name.
  kube::ReconcileResult reconcile(const std::string& name, std::stop_token stop);

 private:
  kube::ReconcileResult purge(const job::Client& client, std::stop_token stop);
  kube::ReconcileResult set_finalizer(const job::Client& client, bool present, std::stop_token stop);
  // Deletes all Jobs of the tenant; how many are left. Their folders are purged by the reconciler.
  kube::KubeResult<std::size_t> delete_jobs(const artifacts::Tenant& tenant, std::stop_token stop);
  bool has_peer(const job::Client& client) const;
  void tell(const job::Client& client, kube::EventKind kind, std::string_view reason, const std::string& message);

  const Parts parts_;
};

}  // namespace vbrain::controller
