#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/store/store.hpp"
#include "controller/space/offboarding.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {

inline constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";
inline constexpr const char* kClients = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/clients";
inline const artifacts::Tenant kNorth{"acme", "Tutorial", "north"};
inline const artifacts::Tenant kSouth{"acme", "Tutorial", "south"};

// Two tenants on a volume, north and south, each with a job; north's Client is annotated.
class OffboardingTest : public ::testing::Test {
 protected:
  OffboardingTest() {
    publish(kNorth, "job-1");
    publish(kSouth, "job-2");
    put_client("north", "north", "confirm");
  }
  void publish(const artifacts::Tenant& tenant, const std::string& id) {
    artifacts::JobFile file;
    file.job_id = id;
    file.tenant = tenant;
    file.repository_id = store_.publish_repository(store_.stage(tenant), {}, clock_.now());
    ASSERT_TRUE(store_.publish_job(file));
    set_written(-std::chrono::hours(1'000));
  }
  // When all files were written, before or after the deletions, which the fake API server dates.
  void set_written(std::chrono::hours since_deletion) {
    const std::chrono::sys_days deletion = std::chrono::year(2026) / 1 / 1;
    const auto time = std::chrono::file_clock::from_sys(
        std::chrono::time_point_cast<std::chrono::nanoseconds>(deletion + since_deletion));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) std::filesystem::last_write_time(entry.path(), time);
    }
  }
  void put_client(const std::string& name, const std::string& client, const char* purge = nullptr) {
    nlohmann::json meta = {{"name", name}, {"namespace", "vbrain"}};
    if (purge != nullptr) meta["annotations"] = {{"vbrain.visagio.com/purge", purge}};
    api_.put(kClients, {{"apiVersion", "vbrain.visagio.com/v1"},
                        {"kind", "Client"},
                        {"metadata", meta},
                        {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", client}}}});
    sync();
  }
  void put_job(const std::string& id, const std::string& client) {
    job::JobSpec spec = testing::a_job().spec;
    spec.client_id = client;
    api_.put(kJobs, job::encode_new_job("vbrain", id, spec));
  }
  nlohmann::json client(const std::string& name) { return api_.object(std::string(kClients) + "/" + name); }
  nlohmann::json resource(const std::string& id) { return api_.object(std::string(kJobs) + "/" + id); }
  // Like the informers.
  void sync() {
    for (const std::string& name : clients_.names()) clients_.erase(name);
    for (const char* name : {"north", "north-2"}) {
      if (!client(name).is_null())
        clients_.put(name, std::make_shared<const job::Client>(job::Client::decode(client(name))));
    }
  }
  kube::ReconcileResult::Kind reconcile(const std::string& name = "north") {
    sync();
    return offboarding_.reconcile(name, {}).kind;
  }
  // The first pass after a deletion waits.
  kube::ReconcileResult::Kind settle() {
    EXPECT_EQ(reconcile(), kube::ReconcileResult::Kind::kAfter);
    EXPECT_TRUE(has_files(kNorth));
    clock_.advance(std::chrono::seconds(30));
    return reconcile();
  }
  void remove(const std::string& name = "north") { EXPECT_TRUE(kube_.remove(job::Client::kType, "vbrain", name)); }
  bool is_held() {
    return !client("north").is_null() &&
           !client("north").at("metadata").value("finalizers", nlohmann::json::array()).empty();
  }
  // The notes of the Client's events with this reason.
  std::vector<std::string> told(const std::string& reason) {
    events_.flush();
    std::vector<std::string> notes;
    for (const nlohmann::json& event : api_.objects("/apis/events.k8s.io/v1/namespaces/vbrain/events").items) {
      if (event.at("reason") == reason) notes.push_back(event.at("note"));
    }
    return notes;
  }
  bool has_files(const artifacts::Tenant& tenant) {
    return store_.root().status(artifacts::layout::tenant(tenant)).has_value();
  }

  vbrain::testing::TempDir folder_;
  artifacts::Store store_{folder_.path()};
  vbrain::testing::FakeApiServer api_;
  vbrain::testing::ManualClock clock_;
  // The fake API server has no namespaces and no definitions.
  class Wire final : public kube::Transport {
   public:
    explicit Wire(kube::Transport& server) : server_(server) {}
    kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
      if (request.target == "/api/v1/namespaces/vbrain") {
        if (going == "role") return tl::unexpected(kube::Error{.code = kube::ErrorCode::kForbidden, .message = "no"});
        nlohmann::json meta = {{"name", "vbrain"}};
        if (going == "namespace") meta["deletionTimestamp"] = "2026-01-01T00:00:00Z";
        return kube::Response{.status = 200, .body = nlohmann::json{{"metadata", meta}}.dump()};
      }
      if (request.target != "/apis/vbrain.visagio.com/v1") return server_.call(request, stop);
      nlohmann::json resources = nlohmann::json::array();
      for (const char* name : {"jobs", "clients"}) {
        resources.push_back({{"name", name}, {"verbs", {name == going ? "get" : "create"}}});
      }
      return kube::Response{.status = 200, .body = nlohmann::json{{"resources", resources}}.dump()};
    }
    kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options,
                                  const ChunkSink& sink, std::stop_token stop) override {
      return server_.stream(request, options, sink, stop);
    }
    std::string going;  // "namespace", "role", or the definition that is being deleted

   private:
    kube::Transport& server_;
  } wire_{api_};
  kube::ApiClient kube_{wire_};
  base::Metrics metrics_;
  kube::EventRecorder events_{kube_, {.instance = "test"}, metrics_, clock_};
  kube::Cache<job::Client> clients_;
  std::vector<std::string> discarded_;
  bool leading_ = true;
  Offboarding offboarding_{{.store = store_,
                            .client = kube_,
                            .events = events_,
                            .clients = clients_,
                            .clock = clock_,
                            .namespace_name = "vbrain",
                            .discard =
                                [this](const artifacts::Tenant& tenant, const std::string& name) {
                                  discarded_.push_back(name);
                                  name.empty() ? store_.remove_empty_tenant(tenant) : store_.purge(tenant, name);
                                },
                            .may_write = [this] { return leading_; },
                            .at_once = 2}};
};

}  // namespace vbrain::controller
