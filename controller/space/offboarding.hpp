#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "artifacts/store/layout.hpp"
#include "base/time/clock.hpp"
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
  kWait,     // look again later
  kPurge,    // remove the tenant's jobs, repositories and files, then the finalizer
};

// Facts about a Client.
struct ClientFacts {
  bool confirmed = false;  // annotated vbrain.visagio.com/purge=confirm
  bool held = false;       // has the finalizer
  bool deleted = false;    // has a deletionTimestamp
  bool has_peer = false;   // another Client of the same tenant is not being deleted
  bool uninstall = false;  // the namespace or the definition is being deleted
  bool has_newer = false;  // something of the tenant was published after the deletion
  bool settled = false;    // the deletion is so old that an uninstall would be known
};

// Pure.
ClientCare judge_client(const ClientFacts& facts);

// Removes what a tenant has on the volume after its Client was annotated with vbrain.visagio.com/purge=confirm and then
// deleted. The finalizer proves that somebody deleted it: a Client that is only absent, for example after a restore of
// etcd, purges nothing. Neither does a Client that such a restore brought back as deleted, if the tenant was made anew
// since then. Each step may be repeated after a crash, and looks at everything anew. Thread-safe; blocks.
class Offboarding {
 public:
  static constexpr std::size_t kAtOnce = 500;

  struct Parts {
    const artifacts::Store& store;
    kube::ApiClient& client;
    kube::EventRecorder& events;
    const kube::Cache<job::Client>& clients;
    const base::Clock& clock;
    std::string namespace_name;
    // Removes a folder of a tenant's .trash later, in the order of the calls; without a name the folder of the tenant
    // itself, if nothing is left in it.
    std::function<void(const artifacts::Tenant&, const std::string& name)> discard;
    // Like Executor::Parts.
    std::function<bool()> may_write = [] { return true; };
    // A pass deletes at most so many Jobs. Then everything is looked at anew.
    std::size_t at_once = kAtOnce;
  };

  explicit Offboarding(Parts parts) : parts_(std::move(parts)) {}

  // One pass over the Client of this name.
  kube::ReconcileResult reconcile(const std::string& name, std::stop_token stop);

 private:
  // What this controller knows of a deletion under way.
  struct Progress {
    base::SteadyPoint seen{};         // when it was seen first
    std::size_t deleted = 0;          // Jobs
    int looks = 0;                    // for Jobs that are left
    std::optional<bool> has_newer{};  // ClientFacts::has_newer, when it was looked up first
  };

  // The Jobs of a tenant after a pass.
  struct JobsLeft {
    std::size_t left = 0;  // that were seen; those that are being deleted count
    bool more = false;     // Parts::at_once were deleted, and there are more
    std::string first{};   // one of those that are left
  };

  kube::KubeResult<ClientFacts> look(const job::Client& client, std::stop_token stop);
  kube::ReconcileResult act(const job::Client& client, const ClientFacts& facts, std::stop_token stop);
  kube::ReconcileResult purge(const job::Client& client, std::stop_token stop);
  kube::ReconcileResult release(const job::Client& client, const ClientFacts& facts, std::stop_token stop);
  kube::ReconcileResult set_finalizer(const job::Client& client, bool present, std::stop_token stop);
  // Deletes Jobs of the tenant. Their folders are purged by the reconciler.
  kube::KubeResult<JobsLeft> delete_jobs(const job::Client& client, const artifacts::Tenant& tenant,
                                         std::stop_token stop);
  kube::ReconcileResult wait_for_jobs(const job::Client& client, const JobsLeft& jobs);
  kube::ReconcileResult fail(const job::Client& client, const kube::Error& error);
  kube::KubeResult<bool> has_newer(const job::Client& client, std::stop_token stop);
  kube::KubeResult<bool> has_peer(const job::Client& client, std::stop_token stop);
  // Of this deletion; made by the first call.
  Progress progress_of(const job::Client& client);
  void forget(const std::string& uid);
  void set_progress(const job::Client& client, const Progress& progress);
  void tell(const job::Client& client, kube::EventKind kind, std::string_view reason, const std::string& message);

  const Parts parts_;
  std::mutex mutex_;
  std::map<std::string, Progress> progress_;  // by metadata.uid
};

}  // namespace vbrain::controller
