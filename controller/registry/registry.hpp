#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "base/time/clock.hpp"
#include "controller/pods/pod_builder.hpp"
#include "controller/registry/readiness.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "kube/cache/cache.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// Name of the index by job::key_ids that the cache of Clients must have.
inline constexpr const char* kClientsByKey = "key";

// Keys of the queue: "Application/<name>" and "Client/<name>".
std::string registry_key(const job::Application& application);
std::string registry_key(const job::Client& client);

// Writes the condition Ready of Applications and Clients. For an Application it asks the API server, by a dry run,
// whether it takes the pod of a job. Nothing else reads these conditions: they are for people. Thread-safe; blocks.
class Registry {
 public:
  struct Parts {
    kube::ApiClient& client;
    kube::EventRecorder& events;
    const kube::Cache<job::Application>& applications;
    const kube::Cache<job::Client>& clients;
    const base::Clock& clock;
    PodSettings pod;
    std::function<bool()> may_write = [] { return true; };
  };

  explicit Registry(Parts parts) : parts_(std::move(parts)) {}

  kube::ReconcileResult reconcile(const std::string& key, std::stop_token stop);

  // All keys, for the beginning of a term.
  std::vector<std::string> keys() const;
  // Those of the Applications with this id.
  std::vector<std::string> keys_of_id(const std::string& application_id) const;
  // A change of one Client may concern any other: a tenant or a key id that both claim.
  std::vector<std::string> keys_of_clients() const;

 private:
  kube::ReconcileResult look_at_application(const std::string& name, std::stop_token stop);
  kube::ReconcileResult look_at_client(const std::string& name, std::stop_token stop);
  Trial try_pod(const job::Application& application, std::stop_token stop);
  // T is job::Application or job::Client.
  template <class T>
  kube::ReconcileResult tell(const T& object, const Readiness& readiness, std::chrono::milliseconds look_again,
                             std::stop_token stop);
  void note_check(const job::Application& application, const Readiness& readiness);

  const Parts parts_;
  std::mutex mutex_;
  std::set<std::string> unchecked_;  // names of Applications whose last check failed
};

}  // namespace vbrain::controller
