#include "unit/controller/crowd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "artifacts/records/manifest.hpp"
#include "controller/volume/volume.hpp"
#include "job/packed_job.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;

constexpr const char* kNamespace = "vbrain";
const std::string kGroup = "/apis/vbrain.visagio.com/v1";
const std::string kJobs = kGroup + "/namespaces/vbrain/jobs";
const std::string kApplications = kGroup + "/namespaces/vbrain/applications";
const std::string kClients = kGroup + "/namespaces/vbrain/clients";
const std::string kPods = "/api/v1/namespaces/vbrain/pods";
const std::string kSpace = "/api/v1/namespaces/vbrain";

// What a watch does: newer objects in the order of their versions, then what is gone.
template <class T>
void bring_up_to_date(vbrain::testing::FakeApiServer& api, const std::string& collection, kube::Cache<T>& cache,
                      const std::function<void(const kube::Change<T>&)>& tell) {
  std::vector<std::shared_ptr<const T>> now;
  const auto answer = api.call({.method = "GET", .target = collection}, {});
  const json items = json::parse(answer->body)["items"];
  for (const json& item : items) now.push_back(std::make_shared<const T>(T::decode(item)));
  std::ranges::sort(now, {}, [](const auto& object) { return std::stoll(object->meta.resource_version); });
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

class Crowd::Wire final : public kube::Transport {
 public:
  explicit Wire(Crowd& crowd) : crowd_(crowd) {}

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (request.method == "GET" && request.target == kGroup) {
      const json jobs = {{"name", "jobs"}, {"verbs", {"create", "get"}}};
      return kube::Response{.status = 200, .body = json{{"resources", {jobs}}}.dump()};
    }
    if (request.method == "GET" && request.target == kSpace) {
      return kube::Response{.status = 200, .body = json{{"metadata", {{"name", kNamespace}}}}.dump()};
    }
    if (!request.target.ends_with("/status")) return crowd_.api.call(request, stop);
    const json body = json::parse(request.body);
    const std::string name = body["metadata"]["name"];
    const bool first_claim = crowd_.status(name).value("attempts", 0) == 0 && body["status"].value("attempts", 0) == 1;
    std::optional<Trouble> trouble;
    if (auto& troubles = crowd_.troubles_[name]; !troubles.empty()) {
      trouble = troubles.front();
      troubles.erase(troubles.begin());
    }
    if (trouble == Trouble::kForbidden) {
      return tl::unexpected(kube::error_from_response(403, R"({"reason":"Forbidden","message":"denied by a policy"})"));
    }
    const kube::Error no_answer{.code = kube::ErrorCode::kTimeout, .message = "no answer"};
    if (trouble == Trouble::kUnavailable) return tl::unexpected(no_answer);
    auto answer = crowd_.api.call(request, stop);
    if (answer) {
      ++crowd_.status_writes_[name];
      if (first_claim) crowd_.begun_.push_back(name);
      crowd_.after_write();
    }
    if (trouble == Trouble::kAnswerLost) return tl::unexpected(no_answer);
    return answer;
  }
  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return crowd_.api.stream(request, options, sink, stop);
  }

 private:
  Crowd& crowd_;
};

class Crowd::EasyVolume final : public Volume {
 public:
  Result<PreparedAttempt, Failure> prepare_attempt(const job::Job&, int, const job::Application*) override {
    return PreparedAttempt{};
  }
  AttemptFiles read_attempt(const job::Job&, int) override { return {}; }
  artifacts::Claim close_attempt(const job::Job&, int, base::TimePoint now) override {
    return {.by = artifacts::Claim::By::kController, .pod_uid = {}, .time = now};
  }
  bool archive(const job::Job&) override { return false; }
  void purge(const job::Job&) override {}
};

// All that dies with the process.
struct Crowd::Process {
  explicit Process(Crowd& crowd)
      : wire(crowd),
        client(wire),
        events(client, {.instance = "test"}, crowd.metrics_, crowd.clock),
        executor({.client = client,
                  .volume = volume,
                  .events = events,
                  .metrics = crowd.metrics_,
                  .clock = crowd.clock,
                  .pod = {.limits = {.volume_claim = "data", .allowed_secrets = {}}}}),
        admission(
            {jobs, applications, clients}, [this](const std::string& job) { controller.queue().add(job); },
            crowd.metrics_),
        reconciler({jobs, applications, pods}, admission, executor, crowd.clock, {}),
        controller(
            {.name = "job"},
            [this, &crowd](const std::string& key, std::stop_token stop) {
              crowd.reconciled_.push_back(key);
              return reconciler.reconcile(key, stop);
            },
            crowd.metrics_, crowd.clock) {
    jobs.set_packing(job::packing_of_ended_jobs());
    applications.add_index(kApplicationsById, [](const job::Application& a) { return std::vector{a.application_id}; });
    clients.add_index(kClientsByTenant, [](const job::Client& c) { return std::vector{tenant_key(c)}; });
    pods.add_index(kPodsByJob, [](const kube::Pod& pod) { return std::vector{controlling_job(pod)}; });
  }

  Wire wire;
  kube::ApiClient client;
  EasyVolume volume;
  kube::EventRecorder events;
  kube::Cache<job::Job> jobs;
  kube::Cache<job::Application> applications;
  kube::Cache<job::Client> clients;
  kube::Cache<kube::Pod> pods;
  Executor executor;
  Admission admission;
  JobReconciler reconciler;
  kube::ReconcileLoop controller;
  std::optional<Admission::Term> term;
};

Crowd::Crowd() {
  limit_application({});
  limit_client({});
  restart();
}

Crowd::~Crowd() = default;

void Crowd::restart() {
  process_.reset();
  process_ = std::make_unique<Process>(*this);
  sync();
  process_->term.emplace(process_->admission);
  for (const std::string& name : process_->jobs.names()) process_->controller.queue().add(name);
}

void Crowd::limit_application(std::optional<int> limit, const std::string& application) {
  std::string name = application;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  json object = {{"metadata", {{"name", name}, {"generation", 1}}},
                 {"spec", {{"applicationId", application}, {"organizations", {"*"}}, {"template", a_template()}}}};
  if (limit) object["spec"]["maxConcurrentJobs"] = *limit;
  api.put(kApplications, object);
}

void Crowd::limit_client(std::optional<int> limit, const std::string& client) {
  json object = {{"metadata", {{"name", client}}},
                 {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", client}}}};
  if (limit) object["spec"]["maxConcurrentJobs"] = *limit;
  api.put(kClients, object);
}

void Crowd::add_job(const std::string& name, const std::string& client, int priority) {
  if (api.object(kClients + "/" + client).is_null()) limit_client({}, client);
  job::JobSpec spec;
  spec.organization_id = "acme";
  spec.application_id = "Tutorial";
  spec.client_id = client;
  spec.username = "ana";
  spec.priority = priority;
  json job = job::encode_new_job(kNamespace, name, spec);
  job["metadata"]["generation"] = 1;
  job["metadata"]["creationTimestamp"] = base::format_rfc3339_seconds(at(jobs_made_++));
  job["status"] = {{"phase", "Queued"}};
  api.put(kJobs, job);
}

json Crowd::job(const std::string& name) const {
  return api.object(kJobs + "/" + name);
}

json Crowd::status(const std::string& name) const {
  const json object = job(name);
  return object.is_null() ? json::object() : object.value("status", json::object());
}

void Crowd::patch_spec(const std::string& name, const json& patch) {
  json changed = job(name);
  changed["spec"].merge_patch(patch);
  api.put(kJobs, changed);
}

void Crowd::delete_job(const std::string& name) {
  api.call({.method = "DELETE", .target = kJobs + "/" + name}, {});
}

void Crowd::end_pod(const std::string& name) {
  json pod = api.object(kPods + "/" + job::pod_name(name, std::max(status(name).value("attempts", 0), 1)));
  ASSERT_FALSE(pod.is_null()) << name;
  const json terminated = {
      {"exitCode", 0}, {"reason", "Completed"}, {"message", artifacts::encode_outcome(an_outcome())}};
  pod["status"] = {
      {"phase", "Succeeded"},
      {"containerStatuses",
       json::array(
           {{{"name", "main"}, {"image", "x"}, {"restartCount", 0}, {"state", {{"terminated", terminated}}}}})}};
  api.put(kPods, pod);
}

void Crowd::remove_pod(const std::string& name) {
  api.erase(kPods + "/" + job::pod_name(name, status(name).value("attempts", 0)));
}

void Crowd::sync() {
  Process& p = *process_;
  kube::WorkQueue& queue = p.controller.queue();
  bring_up_to_date<job::Application>(api, kApplications, p.applications,
                                     [&](const auto& change) { p.admission.on_application_change(change); });
  bring_up_to_date<job::Client>(api, kClients, p.clients,
                                [&](const auto& change) { p.admission.on_client_change(change); });
  bring_up_to_date<job::Job>(api, kJobs, p.jobs, [&](const auto& change) {
    p.admission.on_job_change(change);
    queue.add((change.now ? change.now : change.old)->meta.name);
  });
  bring_up_to_date<kube::Pod>(api, kPods, p.pods, [&](const auto& change) {
    p.reconciler.on_pod_change(change);
    if (is_news(change)) queue.add(controlling_job(*(change.now ? change.now : change.old)));
  });
}

bool Crowd::step() {
  return process_->controller.work_once();
}

void Crowd::work() {
  do {
    sync();
  } while (step());
}

void Crowd::work_for(std::chrono::seconds time) {
  for (auto i = time.count() * 10; i > 0; --i) {
    work();
    clock.advance(std::chrono::milliseconds(100));
  }
  work();
}

int Crowd::under_way(const std::string& client) {
  const auto answer = api.call({.method = "GET", .target = kJobs}, {});
  const json items = json::parse(answer->body)["items"];
  return static_cast<int>(std::ranges::count_if(items, [&](const json& job) {
    const json& status = job["status"];
    return (client.empty() || job["spec"]["clientId"] == client) && status.value("attempts", 0) > 0 &&
           status["phase"] != "Finished" && status["phase"] != "Failed";
  }));
}

int Crowd::status_writes(const std::string& name) const {
  const auto found = status_writes_.find(name);
  return found == status_writes_.end() ? 0 : found->second;
}

}  // namespace vbrain::controller::testing
