#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/config.hpp"
#include "base/threads/worker_pool.hpp"
#include "base/time/clock.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "job/key.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}
namespace vbrain::kube {
class ApiClient;
}

namespace vbrain::api {

class JobFeed;
class JobWaits;
class TenantBudget;
class KeyCounts;
class LastUses;
class SpoolSpace;
class MadeArchives;
class RunTimes;
class SealedTexts;
class SharedReads;
class SpaceLedger;
class StreamPlaces;
struct UploadMetrics;
class VolumeView;

// Name of the index of Applications by spec.applicationId.
inline constexpr const char* kApplicationIndex = "applicationId";

// The objects that handlers use. All are thread-safe and live longer than the listeners.
struct Services {
  const Limits& limits;
  const base::Clock& clock;
  std::string namespace_name;
  // The pools on which a handler may block (http::run_on). `workers`: calls to the Kubernetes API, and nothing else.
  // `volume_workers`: short work on the volume. `transfer_workers`: writing what
  // is uploaded, reading what is downloaded and not in memory, closing files. `bulk_workers`: work on the volume
  // that takes long. `list_workers`: the reading of long lists, which must not wait for archives. So a volume that
  // hangs does not stop calls to the API, and the reverse, and long work leaves room for reads. Each tenant has a lane
  // of its own on each (limits/tenants.hpp).
  base::Lane workers;
  base::Lane volume_workers;
  base::Lane transfer_workers;
  base::Lane bulk_workers;
  base::Lane list_workers;
  TenantBudget& json_budget;
  SpoolSpace& spool_space;
  SealedTexts& sealed_texts;
  MadeArchives& made_archives;
  const artifacts::Store& volume;
  VolumeView& view;
  SharedReads& reads;
  JobWaits& waits;
  const RunTimes& run_times;
  JobFeed& feed;
  StreamPlaces& streams;
  KeyCounts& key_counts;
  UploadMetrics& upload_metrics;
  kube::ApiClient& kube;
  const kube::Cache<job::Job>& jobs;
  const kube::Cache<job::Application>& applications;
  const kube::Cache<job::Client>& clients;
  const kube::Cache<job::Key>& issued_keys;  // by kIssuedIndex
  LastUses& last_uses;                       // of issued_keys
  SpaceLedger& space_ledger;
  std::stop_token stop;  // ends calls to the Kubernetes API
  // Why no key can be checked now, as constant text; empty if keys can be checked.
  std::function<std::string_view()> keys_unknown;
  std::function<KeysState()> issued_keys_state;
};

}  // namespace vbrain::api
