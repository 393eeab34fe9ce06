#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "artifacts/store/store.hpp"
#include "controller/space/space_keeper.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {

inline constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";
inline constexpr const char* kApplications = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/applications";
inline constexpr const char* kClients = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/clients";
inline const artifacts::Tenant kTenant{"acme", "Tutorial", "north"};

// One tenant on a volume, with its Client and its Application. Nothing has a limit.
class SpaceKeeperTest : public ::testing::Test {
 protected:
  SpaceKeeperTest() {
    // File times are the real clock's.
    clock_.advance(base::SystemClock().now() - clock_.now());
    put_application(nlohmann::json::object());
    put_client("north", nlohmann::json::object());
  }
  // At the API server; sync() brings it into the cache.
  void put_application(const nlohmann::json& retention) {
    nlohmann::json spec = {
        {"applicationId", "Tutorial"}, {"organizations", {"*"}}, {"template", testing::a_template()}};
    if (!retention.empty()) spec["retention"] = retention;
    api_.put(kApplications, {{"apiVersion", "vbrain.visagio.com/v1"},
                             {"kind", "Application"},
                             {"metadata", {{"name", "tutorial"}, {"namespace", "vbrain"}}},
                             {"spec", spec}});
    sync();
  }
  void put_client(const std::string& name, const nlohmann::json& spec,
                  const nlohmann::json& annotations = nlohmann::json::object()) {
    nlohmann::json body = {
        {"apiVersion", "vbrain.visagio.com/v1"},
        {"kind", "Client"},
        {"metadata", {{"name", name}, {"namespace", "vbrain"}, {"annotations", annotations}}},
        {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", "north"}}}};
    body["spec"].update(spec);
    api_.put(kClients, body);
    sync();
  }
  // Like the informers.
  void sync() {
    const nlohmann::json application = api_.object(std::string(kApplications) + "/tutorial");
    applications_.put("tutorial", std::make_shared<const job::Application>(job::Application::decode(application)));
    for (const std::string& name : clients_.names()) clients_.erase(name);
    for (const std::string name : {"north", "north-2"}) {
      const nlohmann::json body = api_.object(std::string(kClients) + "/" + name);
      if (!body.is_null()) clients_.put(name, std::make_shared<const job::Client>(job::Client::decode(body)));
    }
  }
  nlohmann::json resource(const std::string& id) { return api_.object(std::string(kJobs) + "/" + id); }
  nlohmann::json usage(const std::string& name = "north") {
    return api_.object(std::string(kClients) + "/" + name)
        .value(nlohmann::json::json_pointer("/status/usage"), nlohmann::json());
  }
  std::string publish_repository() { return store_.publish_repository(store_.stage(kTenant), {}, clock_.now()); }
  void publish_job(const std::string& id, const std::string& repository = {}) {
    artifacts::JobFile file;
    file.job_id = id;
    file.tenant = kTenant;
    file.repository_id = repository;
    file.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    ASSERT_TRUE(store_.publish_job(file));
    ids_.push_back(id);
  }
  // An ended job without a resource.
  void publish_ended(const std::string& id, std::chrono::seconds ago, const std::string& repository = {},
                     const std::string& uid = "") {
    publish_job(id, repository);
    job::JobStatus status;
    status.phase = job::Phase::kFinished;
    status.completion_time = clock_.now() - ago;
    store_.write_status(kTenant, id, {{"metadata", {{"name", id}, {"uid", uid}}}, {"status", job::encode(status)}});
    set_recorded(id, ago);
  }
  // When status.json was written.
  void set_recorded(const std::string& id, std::chrono::seconds ago) {
    std::filesystem::last_write_time(status_file(id), std::chrono::file_clock::from_sys(clock_.now() - ago));
  }
  std::filesystem::path status_file(const std::string& id) {
    return std::filesystem::path(folder_.path()) / artifacts::layout::job(kTenant, id) / "status.json";
  }
  std::size_t reads(const char* collection) { return api_.count("GET", std::string(collection) + "?"); }
  void put_resource(const std::string& id, const char* phase) {
    nlohmann::json body = job::encode_new_job("vbrain", id, testing::a_job().spec);
    body["spec"].erase("repositoryId");
    body["status"] = {{"phase", phase}, {"attempts", 1}};
    api_.put(kJobs, body);
    ids_.push_back(id);
  }
  std::vector<std::string> jobs() {
    std::vector<std::string> found;
    for (const std::string& id : std::set<std::string>(ids_.begin(), ids_.end())) {
      if (store_.has_job(kTenant, id)) found.push_back(id);
    }
    return found;
  }
  bool walk() { return keeper_.walk({}); }
  SpaceKeeper::Parts parts() {
    return {.store = store_,
            .client = client_,
            .applications = applications_,
            .clients = clients_,
            .metrics = metrics_,
            .clock = clock_,
            .namespace_name = "vbrain",
            .discard =
                [this](const artifacts::Tenant& tenant, const std::string& name) {
                  discarded_.push_back(name);
                  store_.purge(tenant, name);
                },
            .may_write = [this] { return leading_; },
            .volume_time = [this]() -> std::optional<base::TimePoint> {
              if (is_full_) return std::nullopt;
              return clock_.now() + skew_;
            },
            .rest =
                [this](std::stop_token, std::chrono::milliseconds time) {
                  rests_.push_back(time);
                  return true;
                }};
  }

  vbrain::testing::TempDir folder_;
  artifacts::Store store_{folder_.path()};
  vbrain::testing::FakeApiServer api_;
  vbrain::testing::ManualClock clock_;
  kube::ApiClient client_{api_};
  kube::Cache<job::Application> applications_;
  kube::Cache<job::Client> clients_;
  base::Metrics metrics_;
  std::vector<std::string> ids_;
  std::vector<std::string> discarded_;
  std::vector<std::chrono::milliseconds> rests_;
  bool leading_ = true;
  std::chrono::seconds skew_{0};
  bool is_full_ = false;  // the volume
  SpaceKeeper keeper_{parts(), std::chrono::seconds(60)};
};

}  // namespace vbrain::controller
