#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api-server/answers/made_archives.hpp"
#include "api-server/answers/sealed_texts.hpp"
#include "api-server/answers/shared_reads.hpp"
#include "api-server/answers/tenant_budget.hpp"
#include "api-server/api.hpp"
#include "api-server/api_keys/last_uses.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/keys/key_counts.hpp"
#include "api-server/transfer/spool.hpp"
#include "api-server/uploads/upload_metrics.hpp"
#include "api-server/waits/job_waits.hpp"
#include "api-server/waits/run_times.hpp"
#include "artifacts/store/store.hpp"
#include "base/metrics.hpp"
#include "http/server.hpp"
#include "kube/api/api_client.hpp"
#include "kube/transport/transport.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/http/raw_client.hpp"

namespace vbrain::api {
class JobFeed;
class StreamPlaces;
}  // namespace vbrain::api

namespace vbrain::api::testing {

using http::testing::body_of;
using http::testing::RawClient;
using http::testing::status_of;

// A Kubernetes API with Jobs and nothing else: creates, reads, merge patches, and deletes with their UID precondition;
// what has a finalizer stays with a deletionTimestamp.
class FakeKube final : public kube::Transport {
 public:
  // What happens at the next calls; without it they are served.
  std::function<kube::KubeResult<kube::Response>(const kube::Request&)> answer;
  kube::KubeResult<kube::Response> serve(const kube::Request& request);

  std::vector<kube::Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // How many calls of a method there were.
  std::size_t count(const std::string& method) const;
  // All Jobs as they are.
  std::vector<nlohmann::json> objects() const;
  std::optional<nlohmann::json> object(const std::string& name) const;
  bool is_deleting(const std::string& name) const;
  // Removes a Job as if it had no finalizer.
  void forget(const std::string& name);

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token) override;
  kube::KubeResult<void> stream(const kube::Request&, const kube::StreamOptions&, const ChunkSink&,
                                std::stop_token) override {
    return {};
  }

 private:
  mutable std::mutex mutex_;
  std::vector<kube::Request> requests_;
  std::map<std::string, nlohmann::json> objects_;
  int uids_ = 0;
};

struct HttpReply {
  int status = 0;
  std::string head;
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  // Value of a header, "" without.
  std::string header(const std::string& name) const;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// The whole server but for informers and main: a real listener on a free loopback port, a real volume in a temporary
// folder, caches filled by hand, a fake Kubernetes API. The tenant acme/Tutorial/north has ana (leader), dora
// (developer) and stan (stakeholder); globex/Tutorial/north has eve (leader).
class World {
 public:
  explicit World(Limits limits = {}, http::HttpOptions options = {});
  // Its streams look at their key, and show that they live, after this time.
  explicit World(std::chrono::milliseconds stream_period);
  // Another replica over the same volume and the same Kubernetes API, with caches of its own.
  explicit World(World& first);
  // As that, but it reaches the volume at `root`: another mount of the same folder.
  World(World& first, const std::string& root);
  // With its volume at `root`, which stays there.
  explicit World(const std::string& root);
  ~World();

  // The identity headers of `username` (of "ana" and so on).
  static Headers identity(const std::string& username);
  static std::string key(const std::string& username);

  HttpReply call(const std::string& method, const std::string& path, const Headers& headers,
                 const std::string& body = "");
  // As ana.
  HttpReply get(const std::string& path, const Headers& more = {});
  HttpReply post(const std::string& path, const std::string& content_type, const std::string& body,
                 const Headers& more = {});
  HttpReply remove(const std::string& path, const std::string& username = "ana");
  HttpReply post_json(const std::string& path, const std::string& body, const Headers& more = {});

  // A finished, failed, started or queued job of ana's as the controller leaves it; its id.
  std::string make_job(job::Phase phase, const std::string& username = "ana");
  // Brings the cache of Jobs up to what the Kubernetes API has, as the watch does.
  void catch_up();
  // Writes the record of an ended job to the volume, as the controller does after the terminal status.
  void record(const std::string& job_id);
  // As the controller leaves a job whose time is over: a record on the volume, no resource.
  void archive(const std::string& job_id);
  void set_status(const std::string& job_id, const job::JobStatus& status);
  // Writes a file of an attempt.
  void write_attempt(const std::string& job_id, int attempt, const std::string& name, const std::string& bytes);

  // Brings a Job into the cache, or takes it out (null), and tells what changed, as the informer does.
  void watch_says(const std::string& job_id, std::shared_ptr<const job::Job> now);

  static artifacts::Tenant tenant() { return {"acme", "Tutorial", "north"}; }
  std::string job_folder(const std::string& job_id) const;
  // Waits for what is done on the volume behind the answers. Nothing more is taken afterwards.
  void finish_volume_work();
  // Paths of all files and folders on the volume below `part` of a tenant of acme's.
  std::vector<std::string> files(const std::string& part) const;

  Limits limits;
  std::string root;
  bool owns_root = true;
  vbrain::testing::ManualClock clock;
  base::Metrics metrics;
  std::shared_ptr<FakeKube> shared_kube = std::make_shared<FakeKube>();
  FakeKube& kube = *shared_kube;
  std::unique_ptr<artifacts::Store> volume;
  kube::Cache<job::Job> jobs;
  kube::Cache<job::Application> applications;
  kube::Cache<job::Client> clients;
  kube::Cache<job::Key> issued_keys;
  LastUses last_uses;
  std::atomic<KeysState> issued_keys_state{KeysState::kKnown};
  std::atomic<bool> synced{true};
  std::atomic<std::chrono::nanoseconds> silence{};  // since the last word of the Kubernetes API
  std::atomic<int> versions{100};                   // the resourceVersion of the last set_status()
  SpaceLedger space_ledger;
  std::unique_ptr<VolumeView> view;
  std::unique_ptr<SharedReads> reads;
  std::unique_ptr<JobWaits> waits;
  RunTimes run_times;
  std::unique_ptr<JobFeed> feed;
  std::unique_ptr<StreamPlaces> streams;
  std::unique_ptr<KeyCounts> key_counts;
  std::unique_ptr<UploadMetrics> upload_metrics;
  std::unique_ptr<kube::ApiClient> client;
  std::unique_ptr<base::WorkerPool> workers;
  std::unique_ptr<base::WorkerPool> volume_workers;
  static constexpr int kVolumeWorkers = 2;
  static constexpr int kBulkWorkers = 2;
  std::unique_ptr<base::WorkerPool> transfer_workers;
  std::unique_ptr<base::WorkerPool> bulk_workers;
  std::unique_ptr<base::WorkerPool> list_workers;
  std::unique_ptr<TenantBudget> json_budget;
  std::unique_ptr<SpoolSpace> spool_space;
  std::unique_ptr<SealedTexts> sealed_texts;
  std::unique_ptr<MadeArchives> made_archives;
  std::unique_ptr<Services> services;
  std::unique_ptr<Api> api;
  std::unique_ptr<http::IoThreads> io;
  std::unique_ptr<http::HttpServer> server;

 private:
  World(Limits limits, http::HttpOptions options, World* first, const std::string& root,
        std::chrono::milliseconds stream_period = std::chrono::seconds(15));
};

// A multipart body with boundary "BOUND"; parts are (disposition parameters, content).
std::string multipart(const std::vector<std::pair<std::string, std::string>>& parts);
inline const std::string kMultipartType = "multipart/form-data; boundary=BOUND";

// A ZIP archive of the given files.
std::string zip_of(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace vbrain::api::testing
