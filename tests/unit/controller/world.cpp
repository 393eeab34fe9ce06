#include "unit/controller/world.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "support/temp_dir.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;

constexpr const char* kNamespace = "vbrain";
const std::string kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";
const std::string kApplications = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/applications";
const std::string kSpace = "/api/v1/namespaces/vbrain";
const std::string kDiscovery = "/apis/vbrain.visagio.com/v1";
const std::string kPods = "/api/v1/namespaces/vbrain/pods";

artifacts::Tenant tenant() {
  return {.organization = "acme", .application = "Tutorial", .client = "north"};
}

std::string place_of(const kube::Request& request) {
  std::string place;
  for (const char* part : {"jobs", "pods", "events", "applications"}) {
    if (request.target.find(std::string("/") + part) != std::string::npos) place = part;
  }
  if (request.target.ends_with("/status")) place += "/status";
  return request.method + " " + place;
}

json items_of(vbrain::testing::FakeApiServer& api, const std::string& collection) {
  const auto answer = api.call({.method = "GET", .target = collection}, {});
  return json::parse(answer->body)["items"];
}

template <class T>
std::vector<std::shared_ptr<const T>> list_all(vbrain::testing::FakeApiServer& api, const std::string& collection) {
  std::vector<std::shared_ptr<const T>> all;
  for (const json& item : items_of(api, collection)) all.push_back(std::make_shared<const T>(T::decode(item)));
  return all;
}

// What an informer does when it lists.
template <class T>
void bring_up_to_date(kube::Cache<T>& cache, const std::vector<std::shared_ptr<const T>>& now,
                      const std::function<void(const kube::Change<T>&)>& tell) {
  std::set<std::string> seen;
  for (const auto& object : now) {
    seen.insert(object->meta.name);
    const auto old = cache.get(object->meta.name);
    if (old && old->meta.resource_version == object->meta.resource_version) continue;
    cache.put(object->meta.name, object);
    tell({old, object});
  }
  for (const std::string& name : cache.names()) {
    if (!seen.contains(name)) tell({cache.erase(name), nullptr});
  }
}

}  // namespace

std::string text_of(const Fault& fault) {
  constexpr const char* kNames[] = {"crash before", "crash after", "error before", "error after", "pause before"};
  return std::string(kNames[static_cast<int>(fault.kind)]) + " write " + std::to_string(fault.at);
}

MemoryFolder::MemoryFolder() {
  const bool use_memory = std::getenv("VBRAIN_TEST_VOLUMES") == nullptr && access("/dev/shm", W_OK) == 0;
  path_ = vbrain::testing::make_temp_folder(use_memory ? "/dev/shm" : vbrain::testing::volumes_folder());
}

MemoryFolder::~MemoryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

class World::Wire final : public kube::Transport {
 public:
  explicit Wire(World& world) : world_(world) {}

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (request.method == "GET" && request.target == kDiscovery) {
      const json jobs = {{"name", "jobs"}, {"verbs", {"create", "get"}}};
      return kube::Response{.status = 200, .body = json{{"resources", {jobs}}}.dump()};
    }
    if (request.method == "GET" && request.target == kSpace) {
      return kube::Response{.status = 200, .body = world_.api.object(kSpace).dump()};
    }
    const std::string what = place_of(request);
    // Events are written by a thread of their own and nobody waits for them.
    if (request.method == "GET" || what.ends_with("events")) return world_.api.call(request, stop);
    const auto fault = world_.next_write(what);
    if (fault == Fault::Kind::kCrashBefore) throw Crash{};
    const kube::Error lost{.code = kube::ErrorCode::kTimeout, .message = "no answer"};
    if (fault == Fault::Kind::kErrorBefore) return tl::unexpected(lost);
    auto answer = what == "DELETE pods" ? mark_pod(request) : world_.api.call(request, stop);
    world_.check_invariants();
    if (fault == Fault::Kind::kCrashAfter) throw Crash{};
    if (fault == Fault::Kind::kErrorAfter) return tl::unexpected(lost);
    return answer;
  }
  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return world_.api.stream(request, options, sink, stop);
  }

 private:
  // A pod with a kubelet does not go at once.
  kube::KubeResult<kube::Response> mark_pod(const kube::Request& request) {
    json pod = world_.api.object(request.target.substr(0, request.target.find('?')));
    const json options = request.body.empty() ? json::object() : json::parse(request.body);
    if (pod.is_null()) return tl::unexpected(kube::error_from_response(404, R"({"reason":"NotFound"})"));
    if (const json::json_pointer uid("/preconditions/uid");
        options.contains(uid) && options[uid] != pod["metadata"]["uid"]) {
      return tl::unexpected(kube::error_from_response(409, R"({"reason":"Conflict"})"));
    }
    if (!pod["metadata"].contains("deletionTimestamp")) {
      pod["metadata"]["deletionTimestamp"] = base::format_rfc3339_seconds(world_.clock.now());
      world_.api.put(kPods, pod);
    }
    return kube::Response{.status = 200, .body = pod.dump()};
  }

  World& world_;
};

class World::SickVolume final : public Volume {
 public:
  SickVolume(World& world, const artifacts::Store& store)
      : world_(world), volume_(store, "bin/test", [&store](const artifacts::Tenant& tenant, const std::string& name) {
          store.purge(tenant, name);
        }) {}

  Result<PreparedAttempt, Failure> prepare_attempt(const job::Job& job, int attempt) override {
    return write("prepare", [&] { return volume_.prepare_attempt(job, attempt); });
  }
  AttemptFiles read_attempt(const job::Job& job, int attempt) override {
    refuse("read");
    return volume_.read_attempt(job, attempt);
  }
  artifacts::Claim close_attempt(const job::Job& job, int attempt, base::TimePoint now) override {
    return write("close", [&] { return volume_.close_attempt(job, attempt, now); });
  }
  bool archive(const job::Job& job) override {
    return write("archive", [&] { return volume_.archive(job); });
  }
  void purge(const job::Job& job) override {
    if (std::exchange(world_.ends_at_purge_, false)) world_.term_.request_stop();
    write("purge", [&] { volume_.purge(job); });
  }

 private:
  void refuse(const std::string& what) {
    if (world_.volume_refuses(what)) throw artifacts::VolumeError(EACCES, what);
  }
  template <class Work>
  auto write(const std::string& what, Work work) -> decltype(work()) {
    refuse(what);
    const auto fault = world_.next_write(what);
    if (fault == Fault::Kind::kCrashBefore) throw Crash{};
    if (fault == Fault::Kind::kErrorBefore) throw artifacts::VolumeError(EIO, what);
    const auto strike = [&] {
      if (fault == Fault::Kind::kCrashAfter) throw Crash{};
      if (fault == Fault::Kind::kErrorAfter) throw artifacts::VolumeError(EIO, what);
    };
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      strike();
    } else {
      auto result = work();
      strike();
      return result;
    }
  }

  World& world_;
  StoreVolume volume_;
};

// All that dies with the process.
struct World::Process {
  explicit Process(World& world)
      : wire(world),
        client(wire),
        volume(world, world.store_),
        events(client, {.instance = "test"}, world.metrics_, world.clock),
        executor({.client = client,
                  .volume = volume,
                  .events = events,
                  .metrics = world.metrics_,
                  .clock = world.clock,
                  .pod = {.limits = {.volume_claim = "data", .allowed_secrets = {}}}}),
        admission(
            {jobs, applications, clients}, [](const std::string&) {}, world.metrics_),
        reconciler({jobs, applications, pods}, admission, executor, world.clock, {}) {
    applications.add_index(kApplicationsById, [](const job::Application& a) { return std::vector{a.application_id}; });
    clients.add_index(kClientsByTenant, [](const job::Client& client) { return std::vector{tenant_key(client)}; });
    pods.add_index(kPodsByJob, [](const kube::Pod& pod) { return std::vector{controlling_job(pod)}; });
  }

  Wire wire;
  kube::ApiClient client;
  SickVolume volume;
  kube::EventRecorder events;
  kube::Cache<job::Job> jobs;
  kube::Cache<job::Application> applications;
  kube::Cache<job::Client> clients;
  kube::Cache<kube::Pod> pods;
  Executor executor;
  Admission admission;
  std::optional<Admission::Term> term;
  JobReconciler reconciler;
  bool synced = false;
};

World::World() : store_(folder_.path()) {
  api.put("/api/v1/namespaces", {{"metadata", {{"name", kNamespace}}}});
  restart();
}

World::~World() = default;

void World::restart() {
  process_.reset();
  term_ = {};
  process_ = std::make_unique<Process>(*this);
}

void World::add_application(const std::function<void(json& spec)>& edit) {
  json application = {{"metadata", {{"name", "tutorial"}, {"generation", 1}}},
                      {"spec", {{"applicationId", "Tutorial"}, {"organizations", {"*"}}, {"template", a_template()}}}};
  if (edit) edit(application["spec"]);
  api.put(kApplications, application);
}

void World::add_job(bool by_hand) {
  job::JobSpec spec;
  spec.organization_id = "acme";
  spec.application_id = "Tutorial";
  spec.client_id = "north";
  spec.username = "ana";
  json job = job::encode_new_job(kNamespace, kJobId, spec);
  job["metadata"]["uid"] = kJobUid;
  job["metadata"]["generation"] = 1;
  job["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  job["status"] = {{"phase", "Queued"}};
  if (by_hand) {
    job["metadata"].erase("finalizers");
    job["metadata"].erase("labels");
    job["spec"]["params"] = {{"a", 10}, {"b", 20}};
  } else {
    artifacts::JobFile file;
    file.job_id = kJobId;
    file.tenant = tenant();
    file.created_by = "ana";
    if (!store_.publish_job(file)) throw std::runtime_error("publish");
  }
  api.put(kJobs, job);
}

std::optional<Fault::Kind> World::next_write(const std::string& what) {
  const int number = writes_++;
  ++counts_[what];
  const auto fault = std::ranges::find(faults_, number, &Fault::at);
  if (fault == faults_.end()) return std::nullopt;
  if (fault->kind != Fault::Kind::kPause) return fault->kind;
  auto deposed = std::move(process_);
  restart();
  if (!run()) violations_.emplace_back("the next leader does not come to rest");
  process_ = std::move(deposed);
  return std::nullopt;
}

void World::sync() {
  // A cache that lags shows what it showed before.
  const auto lags = [&] {
    // A process begins with whole lists.
    if (!lag_seed_ || !process_->synced) return false;
    const unsigned mixed = (*lag_seed_ * 2654435761U) ^ (++looks_ * 40503U);
    return ((mixed >> 7) & 3U) != 0;
  };
  if (!lags()) {
    bring_up_to_date<job::Job>(process_->jobs, list_all<job::Job>(api, kJobs), [&](const auto& change) {
      process_->admission.on_job_change(change);
      process_->reconciler.on_job_change(change);
    });
  }
  if (!lags()) {
    bring_up_to_date<job::Application>(process_->applications, list_all<job::Application>(api, kApplications),
                                       [&](const auto& change) { process_->admission.on_application_change(change); });
  }
  if (!lags()) {
    bring_up_to_date<kube::Pod>(
        process_->pods,
        pods_hidden_ ? std::vector<std::shared_ptr<const kube::Pod>>{} : list_all<kube::Pod>(api, kPods),
        [&](const auto& change) { process_->reconciler.on_pod_change(change); });
  }
  if (!process_->synced) process_->term.emplace(process_->admission);
  process_->synced = true;
}

kube::ReconcileResult World::step() {
  sync();
  return step_with_old_caches();
}

kube::ReconcileResult World::step_with_old_caches() {
  try {
    return process_->reconciler.reconcile(kJobId, term_.get_token());
  } catch (const Crash&) {
    restart();
    return kube::ReconcileResult::retryable("crashed");
  }
}

bool World::run() {
  int quiet = 0;
  for (int turn = 0; turn < 400; ++turn) {
    const json before = {job(), items_of(api, kPods)};
    const kube::ReconcileResult result = step();
    let_kubelet_work();
    const bool still = before == json{job(), items_of(api, kPods)};
    if (!still) {
      quiet = 0;
      continue;
    }
    // Nothing but its time to live makes a job wait that long.
    const bool waits_to_expire =
        !lets_expire_ && result.kind == kube::ReconcileResult::Kind::kAfter && result.delay > std::chrono::hours(2);
    if (result.kind == kube::ReconcileResult::Kind::kAfter && !waits_to_expire) clock.advance(result.delay);
    if (result.kind == kube::ReconcileResult::Kind::kRetryable) clock.advance(std::chrono::milliseconds(5));
    // A lagging cache may need several looks before it shows what there is to do.
    const bool at_rest = result.kind == kube::ReconcileResult::Kind::kOk || waits_to_expire;
    quiet = at_rest ? quiet + 1 : 0;
    if (quiet > (lag_seed_ ? 40 : 1)) return true;
  }
  return false;
}

int World::behaviour_exit_code(int attempt) const {
  const auto found = behaviours_.find(attempt);
  return found == behaviours_.end() ? 0 : found->second.exit_code;
}

artifacts::Dir World::attempt_folder(int attempt) const {
  return store_.root().at(artifacts::layout::attempt(tenant(), kJobId, attempt));
}

void World::end_pod(json& pod, int exit_code, const std::string& message) {
  pod["status"]["phase"] = exit_code == 0 ? "Succeeded" : "Failed";
  pod["status"]["containerStatuses"] = json::array(
      {{{"name", "main"},
        {"image", "x"},
        {"restartCount", 0},
        {"state",
         {{"terminated",
           {{"exitCode", exit_code}, {"reason", exit_code == 0 ? "Completed" : "Error"}, {"message", message}}}}}}});
}

// One move of a pod on its node: it starts, or ends, or goes.
void World::run_pod(json pod) {
  const int attempt = std::stoi(pod["metadata"]["labels"]["vbrain.visagio.com/attempt"].get<std::string>());
  const std::string uid = pod["metadata"]["uid"];
  const std::string path = kPods + "/" + pod["metadata"]["name"].get<std::string>();
  const std::string phase = pod.value("status", json::object()).value("phase", "Pending");
  const bool stopping = pod["metadata"].contains("deletionTimestamp");
  const auto found = behaviours_.find(attempt);
  const Behaviour behaviour = found == behaviours_.end() ? Behaviour{} : found->second;
  if (phase == "Succeeded" || phase == "Failed") {
    if (stopping) api.erase(path);
    return;
  }
  if (phase == "Pending") {
    if (stopping) return api.erase(path);
    pod["spec"]["nodeName"] = "node1";
    if (behaviour.kind == Behaviour::Kind::kImageMissing) {
      const json waiting = {{"reason", "InvalidImageName"}, {"message", "couldn't parse image"}};
      const json state =
          json::array({{{"name", "main"}, {"image", "x"}, {"restartCount", 0}, {"state", {{"waiting", waiting}}}}});
      if (pod.value("status", json::object()).value("containerStatuses", json()) == state) return;
      pod["status"] = {{"phase", "Pending"}, {"containerStatuses", state}};
      return api.put(kPods, pod);
    }
    const auto claim =
        artifacts::take_claim(attempt_folder(attempt), {artifacts::Claim::By::kRunner, uid, clock.now()});
    if (!claim.won) {
      end_pod(pod, 121, artifacts::encode_outcome(an_outcome(artifacts::Outcome::Kind::kClaimLost)));
      return api.put(kPods, pod);
    }
    started_[attempt].push_back(uid);
    pod["status"] = {
        {"phase", "Running"},
        {"containerStatuses", json::array({{{"name", "main"},
                                            {"image", "x"},
                                            {"restartCount", 0},
                                            {"state", {{"running", {{"startedAt", "2026-01-01T00:00:00Z"}}}}}}})}};
    api.put(kPods, pod);
    if (const auto act = when_running_.find(attempt); act != when_running_.end()) {
      const auto once = std::move(act->second);
      when_running_.erase(act);
      once(*this);
    }
    return;
  }
  // Running.
  if (behaviour.kind == Behaviour::Kind::kRunsUntilStopped && !stopping) return;
  if (behaviour.kind == Behaviour::Kind::kEvicted) {
    pod["status"] = {{"phase", "Failed"},
                     {"reason", "Evicted"},
                     {"conditions", json::array({{{"type", "DisruptionTarget"}, {"status", "True"}}})}};
    return api.put(kPods, pod);
  }
  const int exit_code = stopping ? 143 : behaviour.exit_code;
  artifacts::Manifest manifest;
  manifest.outcome =
      an_outcome(exit_code == 0 ? artifacts::Outcome::Kind::kOk : artifacts::Outcome::Kind::kExit, exit_code);
  manifest.pod_uid = uid;
  if (const auto folder = store_.root().sub(artifacts::layout::attempt(tenant(), kJobId, attempt))) {
    folder->write_file_durably(artifacts::layout::kManifest, artifacts::encode_manifest(manifest));
  }
  end_pod(pod, exit_code, artifacts::encode_outcome(manifest.outcome));
  api.put(kPods, pod);
}

void World::let_kubelet_work() {
  for (const json& pod : items_of(api, kPods)) {
    // The garbage collector.
    if (job().is_null()) {
      api.erase(kPods + "/" + pod["metadata"]["name"].get<std::string>());
    } else {
      run_pod(pod);
    }
  }
  check_invariants();
}

void World::patch_spec(const json& patch) {
  json changed = job();
  changed["spec"].merge_patch(patch);
  api.put(kJobs, changed);
}

void World::delete_job() {
  api.call({.method = "DELETE", .target = kJobs + "/" + kJobId}, {});
}

}  // namespace vbrain::controller::testing
