#include "unit/api-server/world.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "api-server/live/job_feed.hpp"
#include "api-server/live/stream_places.hpp"
#include "base/text/digest.hpp"
#include "job/names.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::api::testing {
namespace {

namespace fs = std::filesystem;

std::string secret_of(const std::string& username) {
  std::string secret = username;
  secret.resize(43, 'S');
  return secret;
}

std::string organization_of(const std::string& username) {
  return username == "eve" ? "globex" : "acme";
}

job::Member member(const std::string& username, job::Role role) {
  return {username, role, {{username.substr(0, 3) + "1", base::sha256_hex(secret_of(username)), std::nullopt}}};
}

}  // namespace

kube::KubeResult<kube::Response> FakeKube::call(const kube::Request& request, std::stop_token) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  return answer ? answer(request) : serve(request);
}

kube::KubeResult<kube::Response> FakeKube::serve(const kube::Request& request) {
  const auto refuse = [](int status, const char* reason) {
    return Unexpected<kube::Error>(kube::error_from_response(
        status, nlohmann::json({{"kind", "Status"}, {"reason", reason}, {"message", reason}}).dump()));
  };
  const std::lock_guard lock(mutex_);
  auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (request.method == "POST") {
    const std::string name = body["metadata"]["name"];
    if (objects_.contains(name)) return refuse(409, "AlreadyExists");
    body["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
    body["metadata"]["resourceVersion"] = "1";
    if (request.target.find("dryRun=All") != std::string::npos) {
      body["metadata"].erase("resourceVersion");  // as a real one answers
      return kube::Response{201, body.dump()};
    }
    objects_[name] = body;
    return kube::Response{201, body.dump()};
  }
  const auto found = objects_.find(request.target.substr(request.target.rfind('/') + 1));
  if (found == objects_.end()) return refuse(404, "NotFound");
  auto& meta = found->second["metadata"];
  if (request.method == "DELETE") {
    if (body["preconditions"]["uid"] != meta["uid"]) return refuse(409, "Conflict");
    if (meta.value("finalizers", nlohmann::json::array()).empty()) {
      objects_.erase(found);
      return kube::Response{200, "{}"};
    }
    meta["deletionTimestamp"] = "2020-09-13T12:26:40Z";
  }
  if (request.method == "PATCH") {
    if (body["metadata"].value("uid", meta["uid"]) != meta["uid"]) return refuse(409, "Conflict");
    found->second.merge_patch(body);
  }
  return kube::Response{200, found->second.dump()};
}

std::size_t FakeKube::count(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(requests_, [&](const kube::Request& request) { return request.method == method; }));
}

std::vector<nlohmann::json> FakeKube::objects() const {
  const std::lock_guard lock(mutex_);
  std::vector<nlohmann::json> all;
  for (const auto& [name, object] : objects_) all.push_back(object);
  return all;
}

std::optional<nlohmann::json> FakeKube::object(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

bool FakeKube::is_deleting(const std::string& name) const {
  const auto found = object(name);
  return found && (*found)["metadata"].contains("deletionTimestamp");
}

void FakeKube::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  objects_.erase(name);
}

std::string HttpReply::header(const std::string& name) const {
  const auto found = head.find("\r\n" + name + ": ");
  if (found == std::string::npos) return "";
  const auto from = found + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

World::World(Limits given, http::HttpOptions options) : World(given, options, nullptr, "") {}

World::World(World& first) : World(first, first.root) {}

World::World(World& first, const std::string& root) : World(first.limits, {}, &first, root) {}

World::World(const std::string& root) : World({}, {}, nullptr, root) {}

World::World(std::chrono::milliseconds stream_period) : World({}, {}, nullptr, "", stream_period) {}

World::World(Limits given, http::HttpOptions options, World* first, const std::string& given_root,
             std::chrono::milliseconds stream_period)
    : limits(given),
      root(given_root.empty() ? vbrain::testing::make_temp_folder(vbrain::testing::volumes_folder()) : given_root),
      owns_root(given_root.empty()),
      shared_kube(first != nullptr ? first->shared_kube : std::make_shared<FakeKube>()) {
  volume = std::make_unique<artifacts::Store>(root);
  applications.add_index(kApplicationIndex,
                         [](const job::Application& it) { return std::vector<std::string>{it.application_id}; });
  clients.add_index(kKeyIndex, job::key_ids);
  clients.add_index(kTenantIndex, tenant_keys);
  issued_keys.add_index(kIssuedIndex, api::issued_keys);
  jobs.add_index(kKubectlJobsIndex, kubectl_jobs_keys);
  jobs.add_index(kDeletedJobsIndex, deleted_jobs_keys);
  auto application = std::make_shared<job::Application>();
  application->meta.name = "tutorial";
  application->application_id = "Tutorial";
  application->organizations = {"acme", "globex"};
  applications.put("tutorial", application);
  for (const std::string organization : {"acme", "globex"}) {
    auto it = std::make_shared<job::Client>();
    it->meta.name = organization;
    it->organization_id = organization;
    it->application_id = "Tutorial";
    it->client_id = "north";
    if (organization == "acme") {
      it->members = {member("ana", job::Role::kLeader), member("dora", job::Role::kDeveloper),
                     member("stan", job::Role::kStakeholder)};
    } else {
      it->members = {member("eve", job::Role::kLeader)};
    }
    clients.put(organization, it);
  }
  json_budget = std::make_unique<TenantBudget>(limits.max_json_memory,
                                               tenant_json_memory(limits.max_json_memory, limits.max_json_bytes));
  view = std::make_unique<VolumeView>(*volume, jobs, clock, *json_budget);
  reads = std::make_unique<SharedReads>();
  waits = std::make_unique<JobWaits>(limits.max_waits, metrics);
  feed = std::make_unique<JobFeed>();
  feed->list_ended("100");
  streams = std::make_unique<StreamPlaces>(options.max_streams, metrics, stream_period);
  key_counts = std::make_unique<KeyCounts>(limits.max_idempotency_keys);
  upload_metrics = std::make_unique<UploadMetrics>(metrics);
  client = std::make_unique<kube::ApiClient>(kube);
  limits.max_queued = 64;
  workers = std::make_unique<base::WorkerPool>("worker", 2, limits.max_queued);
  volume_workers = std::make_unique<base::WorkerPool>("volume", kVolumeWorkers, limits.max_queued);
  transfer_workers = std::make_unique<base::WorkerPool>("transfer", kVolumeWorkers, limits.max_queued);
  bulk_workers = std::make_unique<base::WorkerPool>("bulk", kBulkWorkers, limits.max_queued);
  list_workers = std::make_unique<base::WorkerPool>("list", kListWorkers, limits.max_queued);
  spool_space = std::make_unique<SpoolSpace>(limits.max_spool_bytes, limits.max_local_spool_bytes);
  made_archives = std::make_unique<MadeArchives>(clock);
  sealed_texts = std::make_unique<SealedTexts>(*volume, jobs, clock);
  services = std::make_unique<Services>(Services{limits,
                                                 clock,
                                                 "vbrain",
                                                 *workers,
                                                 *volume_workers,
                                                 *transfer_workers,
                                                 *bulk_workers,
                                                 *list_workers,
                                                 *json_budget,
                                                 *spool_space,
                                                 *sealed_texts,
                                                 *made_archives,
                                                 *volume,
                                                 *view,
                                                 *reads,
                                                 *waits,
                                                 run_times,
                                                 *feed,
                                                 *streams,
                                                 *key_counts,
                                                 *upload_metrics,
                                                 *client,
                                                 jobs,
                                                 applications,
                                                 clients,
                                                 issued_keys,
                                                 last_uses,
                                                 space_ledger,
                                                 {},
                                                 [this] { return why_keys_are_unknown(synced, silence.load()); },
                                                 [this] { return issued_keys_state.load(); }});
  api = std::make_unique<Api>(*services, metrics);
  io = std::make_unique<http::IoThreads>(1);
  server = std::make_unique<http::HttpServer>(
      "rest", "127.0.0.1:0", options, [this](http::Exchange& exchange) { return api->handle(exchange); },
      [this](const http::RefusedRequest& refused) { return api->refuse_request(refused); }, *io, transfer_workers.get(),
      metrics);
}

World::~World() {
  server.reset();
  io.reset();
  workers.reset();
  transfer_workers.reset();
  bulk_workers.reset();
  list_workers.reset();
  volume_workers.reset();
  std::error_code ignored;
  if (owns_root) fs::remove_all(root, ignored);
}

std::string World::key(const std::string& username) {
  return "vb_" + username.substr(0, 3) + "1_" + secret_of(username);
}

Headers World::identity(const std::string& username) {
  return {{"username", username},
          {"organization_id", organization_of(username)},
          {"application_id", "Tutorial"},
          {"client_id", "north"},
          {"x-api-key", key(username)}};
}

HttpReply World::call(const std::string& method, const std::string& path, const Headers& headers,
                      const std::string& body) {
  std::string request = method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) request.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  RawClient connection(server->address());
  // A refusal may arrive before everything was sent.
  connection.send(request + "\r\n" + body);
  const std::string text = connection.read_reply(method == "HEAD");
  const auto end = text.find("\r\n\r\n");
  return {status_of(text), text.substr(0, end + 2), body_of(text)};
}

HttpReply World::get(const std::string& path, const Headers& more) {
  Headers headers = identity("ana");
  headers.insert(headers.end(), more.begin(), more.end());
  return call("GET", path, headers);
}

HttpReply World::post(const std::string& path, const std::string& content_type, const std::string& body,
                      const Headers& more) {
  Headers headers = identity("ana");
  headers.insert(headers.end(), more.begin(), more.end());
  if (!content_type.empty()) headers.emplace_back("Content-Type", content_type);
  return call("POST", path, headers, body);
}

HttpReply World::remove(const std::string& path, const std::string& username) {
  return call("DELETE", path, identity(username));
}

HttpReply World::post_json(const std::string& path, const std::string& body, const Headers& more) {
  return post(path, "application/json", body, more);
}

std::string World::make_job(job::Phase phase, const std::string& username) {
  const HttpReply made = call(
      "POST", "/api/v1/job/execute",
      [&] {
        Headers headers = identity(username);
        headers.emplace_back("Content-Type", "application/json");
        return headers;
      }(),
      R"({"params":{"a":10,"b":20},"metadata":{"name":"Test"}})");
  if (made.status != 201) throw std::runtime_error("make_job: " + made.body);
  const std::string id = made.json()["job_id"];
  jobs.put(id, std::make_shared<job::Job>(job::Job::decode(kube.object(id).value())));
  job::JobStatus status;
  status.phase = phase;
  if (phase != job::Phase::kQueued) status.attempts = 1;
  if (phase == job::Phase::kFinished) {
    status.accepted_attempt = 1;
    status.artifacts = job::Artifacts{4, base::sha256_hex("PK.."), 3, 3};
    write_attempt(id, 1, "result.json", "200");
    write_attempt(id, 1, "output.zip", "PK..");
    write_attempt(id, 1, "logs/stdout.log", "out");
  }
  set_status(id, status);
  return id;
}

void World::catch_up() {
  for (const std::string& name : jobs.names()) {
    if (!kube.object(name)) jobs.erase(name);
  }
  for (const nlohmann::json& object : kube.objects()) {
    auto now = std::make_shared<job::Job>(job::Job::decode(object));
    const auto old = jobs.get(now->meta.name);
    if (old != nullptr) now->status = old->status;
    jobs.put(now->meta.name, now);
  }
}

void World::record(const std::string& job_id) {
  const auto job = jobs.get(job_id);
  volume->write_status(tenant(), job_id,
                       {{"metadata", {{"name", job_id}, {"uid", job->meta.uid}}}, {"status", encode(job->status)}});
}

void World::archive(const std::string& job_id) {
  record(job_id);
  kube.forget(job_id);
  watch_says(job_id, nullptr);
}

void World::set_status(const std::string& job_id, const job::JobStatus& status) {
  auto changed = std::make_shared<job::Job>(*jobs.get(job_id));
  changed->status = status;
  changed->meta.resource_version = std::to_string(++versions);
  watch_says(job_id, changed);
}

void World::watch_says(const std::string& job_id, std::shared_ptr<const job::Job> now) {
  const auto old = now == nullptr ? jobs.erase(job_id) : jobs.put(job_id, now);
  waits->note({old, now});
  feed->note({old, std::move(now)});
}

void World::finish_volume_work() {
  transfer_workers->close();
  bulk_workers->close();
  list_workers->close();
  volume_workers->close();
}

std::string World::job_folder(const std::string& job_id) const {
  return root + "/" + artifacts::layout::job(tenant(), job_id);
}

void World::write_attempt(const std::string& job_id, int attempt, const std::string& name, const std::string& bytes) {
  const auto spec = jobs.get(job_id)->spec;
  const artifacts::Tenant owner{spec.organization_id, spec.application_id, spec.client_id};
  const fs::path path =
      fs::path(root) / artifacts::layout::job(owner, job_id) / "attempts" / std::to_string(attempt) / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path) << bytes;
}

std::vector<std::string> World::files(const std::string& part) const {
  return vbrain::testing::names_below(fs::path(root) / "tenants/acme/Tutorial/north" / part);
}

std::string multipart(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string body;
  for (const auto& [disposition, content] : parts) {
    body += "--BOUND\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n";
  }
  return body + "--BOUND--\r\n";
}

std::string zip_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::vector<vbrain::testing::ZipEntry> entries;
  for (const auto& [name, content] : files) {
    entries.push_back({.name = name, .content = content, .deflated = !content.empty()});
  }
  return vbrain::testing::build_zip(entries);
}

}  // namespace vbrain::api::testing
