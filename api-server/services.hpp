#pragma once

#include <atomic>
#include <stop_token>
#include <string>

#include "api-server/config.hpp"
#include "base/clock.hpp"
#include "base/worker_pool.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}
namespace vbrain::kube {
class ApiClient;
}

namespace vbrain::api {

class JsonBudget;
class LocalSpace;
class VolumeView;

// Name of the index of Applications by spec.applicationId.
inline constexpr const char* kApplicationIndex = "applicationId";

// What handlers work with. Everything referenced is thread-safe and outlives the listeners.
struct Services {
  const Limits& limits;
  const base::Clock& clock;
  std::string namespace_name;
  // The places where a handler may block, see run_on(). Apart, so that a hung volume leaves the Kubernetes side going,
  // and the reverse; and so that what takes long on the volume, because there is much of it, leaves room for reads.
  base::WorkerPool& workers;
  base::WorkerPool& volume_workers;
  base::WorkerPool& bulk_workers;
  JsonBudget& json_budget;
  LocalSpace& local_space;
  const artifacts::Store& volume;
  VolumeView& view;
  kube::ApiClient& kube;
  const kube::Cache<job::Job>& jobs;
  const kube::Cache<job::Application>& applications;
  const kube::Cache<job::Client>& clients;
  std::stop_token stop;  // calls to the Kubernetes API end early after it
};

}  // namespace vbrain::api
