#include "controller/space/offboarding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "artifacts/store/store.hpp"
#include "controller/space/usage_report.hpp"
#include "support/fake_api_server.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Kind = kube::ReconcileResult::Kind;

constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";
constexpr const char* kClients = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/clients";
const artifacts::Tenant kNorth{"acme", "Tutorial", "north"};
const artifacts::Tenant kSouth{"acme", "Tutorial", "south"};

TEST(ClientRules, PurgeOnlyWhatWasConfirmedAndDeleted) {
  const struct {
    const char* what;
    ClientFacts facts;
    ClientCare want;
  } cases[] = {
      {"an ordinary Client", {}, ClientCare::kNone},
      {"annotated", {.confirmed = true}, ClientCare::kHold},
      {"annotated and held", {.confirmed = true, .held = true}, ClientCare::kNone},
      {"the annotation was removed", {.held = true}, ClientCare::kRelease},
      {"deleted without annotation", {.deleted = true}, ClientCare::kNone},
      {"annotated after the deletion", {.confirmed = true, .deleted = true}, ClientCare::kNone},
      {"annotated during an uninstall", {.confirmed = true, .uninstall = true}, ClientCare::kNone},
      {"confirmed and deleted just now", {.confirmed = true, .held = true, .deleted = true}, ClientCare::kWait},
      {"confirmed and deleted",
       {.confirmed = true, .held = true, .deleted = true, .settled = true},
       ClientCare::kPurge},
      {"the tenant was made anew",
       {.confirmed = true, .held = true, .deleted = true, .has_newer = true, .settled = true},
       ClientCare::kRelease},
      {"taken back after the deletion", {.held = true, .deleted = true, .settled = true}, ClientCare::kRelease},
      {"another Client has the tenant",
       {.confirmed = true, .held = true, .deleted = true, .has_peer = true, .settled = true},
       ClientCare::kRelease},
      {"everything is being uninstalled",
       {.confirmed = true, .held = true, .deleted = true, .uninstall = true, .settled = true},
       ClientCare::kRelease},
  };
  for (const auto& c : cases) EXPECT_EQ(judge_client(c.facts), c.want) << c.what;
}

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
    set_written(-1'000h);
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
    json meta = {{"name", name}, {"namespace", "vbrain"}};
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
  json client(const std::string& name) { return api_.object(std::string(kClients) + "/" + name); }
  json resource(const std::string& id) { return api_.object(std::string(kJobs) + "/" + id); }
  // Like the informers.
  void sync() {
    for (const std::string& name : clients_.names()) clients_.erase(name);
    for (const char* name : {"north", "north-2"}) {
      if (!client(name).is_null())
        clients_.put(name, std::make_shared<const job::Client>(job::Client::decode(client(name))));
    }
  }
  Kind reconcile(const std::string& name = "north") {
    sync();
    return offboarding_.reconcile(name, {}).kind;
  }
  // The first pass after a deletion waits.
  Kind settle() {
    EXPECT_EQ(reconcile(), Kind::kAfter);
    EXPECT_TRUE(has_files(kNorth));
    clock_.advance(30s);
    return reconcile();
  }
  void remove(const std::string& name = "north") { EXPECT_TRUE(kube_.remove(job::Client::kType, "vbrain", name)); }
  bool is_held() {
    return !client("north").is_null() && !client("north").at("metadata").value("finalizers", json::array()).empty();
  }
  // The notes of the Client's events with this reason.
  std::vector<std::string> told(const std::string& reason) {
    events_.flush();
    std::vector<std::string> notes;
    for (const json& event : api_.objects("/apis/events.k8s.io/v1/namespaces/vbrain/events").items) {
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
        json meta = {{"name", "vbrain"}};
        if (going == "namespace") meta["deletionTimestamp"] = "2026-01-01T00:00:00Z";
        return kube::Response{.status = 200, .body = json{{"metadata", meta}}.dump()};
      }
      if (request.target != "/apis/vbrain.visagio.com/v1") return server_.call(request, stop);
      json resources = json::array();
      for (const char* name : {"jobs", "clients"}) {
        resources.push_back({{"name", name}, {"verbs", {name == going ? "get" : "create"}}});
      }
      return kube::Response{.status = 200, .body = json{{"resources", resources}}.dump()};
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

TEST_F(OffboardingTest, AConfirmedAndDeletedClientTakesItsTenantsFilesAlong) {
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(is_held());
  EXPECT_TRUE(has_files(kNorth)) << "the annotation alone removes nothing";
  remove();
  EXPECT_EQ(settle(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(has_files(kNorth));
  EXPECT_TRUE(has_files(kSouth));
  ASSERT_EQ(discarded_.size(), 3U);
  EXPECT_EQ(discarded_.back(), "");
}

TEST_F(OffboardingTest, JobsGoBeforeTheirFiles) {
  put_job("job-1", "north");
  put_job("job-2", "south");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  EXPECT_TRUE(resource("job-1").at("metadata").contains("deletionTimestamp"));
  EXPECT_FALSE(resource("job-2").at("metadata").contains("deletionTimestamp"));
  EXPECT_TRUE(has_files(kNorth));
  EXPECT_TRUE(is_held());
  // The reconciler has purged the folder.
  EXPECT_TRUE(kube_.patch(job::Job::kType, "vbrain", "job-1", {{"metadata", {{"finalizers", nullptr}}}}));
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(has_files(kNorth));
}

TEST_F(OffboardingTest, OtherValuesAndDeletionsWithoutTheAnnotationRemoveNothing) {
  for (const char* value : {"", "Confirm", "confirm ", "true", "yes"}) {
    put_client("north", "north", value);
    EXPECT_EQ(reconcile(), Kind::kOk);
    EXPECT_FALSE(is_held()) << value;
  }
  remove();
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, TheAnnotationMayBeTakenBack) {
  reconcile();
  ASSERT_TRUE(is_held());
  EXPECT_TRUE(kube_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_FALSE(is_held());
  remove();
  reconcile();
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, TheLastClientOfATenantDecides) {
  put_client("north-2", "north");
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AnUninstallPurgesNobody) {
  for (const char* definition : {"jobs", "clients"}) {
    put_client("north", "north", "confirm");
    wire_.going = "";
    reconcile();
    ASSERT_TRUE(is_held());
    remove();
    wire_.going = definition;
    EXPECT_EQ(reconcile(), Kind::kOk);
    EXPECT_TRUE(client("north").is_null()) << definition;
    EXPECT_TRUE(has_files(kNorth)) << definition;
  }
}

TEST_F(OffboardingTest, AClientIsNotHeldDuringAnUninstall) {
  for (const char* what : {"jobs", "clients", "namespace"}) {
    wire_.going = what;
    EXPECT_EQ(reconcile(), Kind::kOk) << what;
    EXPECT_FALSE(is_held()) << what;
  }
}

// The Role may go before the namespace is marked.
TEST_F(OffboardingTest, WithoutTheRightToReadTheNamespaceNothingIsPurged) {
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter);
  clock_.advance(30s);
  wire_.going = "role";
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  EXPECT_TRUE(has_files(kNorth));
  EXPECT_TRUE(is_held());
}

TEST_F(OffboardingTest, ATenantThatWasMadeAnewKeepsItsFiles) {
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter);
  // etcd was restored to the time of the deletion.
  set_written(1h);
  clock_.advance(30s);
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, AClientOfTheTenantThatComesDuringAPurgeKeepsTheFiles) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  EXPECT_TRUE(kube_.patch(job::Job::kType, "vbrain", "job-1", {{"metadata", {{"finalizers", nullptr}}}}));
  // Between the look at the Clients and the list of Jobs.
  bool came = false;
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    const bool lists_jobs = request.method == "GET" && request.target.starts_with(std::string(kJobs) + "?");
    if (lists_jobs && !std::exchange(came, true)) put_client("north-2", "north");
    return std::nullopt;
  });
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(came);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, AClientThatCannotBeDecodedKeepsTheFilesOfItsTenant) {
  reconcile();
  remove();
  json other = {{"metadata", {{"name", "odd"}, {"namespace", "vbrain"}}},
                {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", "north"}}}};
  other["spec"]["members"] = "none";
  api_.put(kClients, other);
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, APurgeThatWaitsAsksLessAndLessOften) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 6; ++i) {
    sync();
    waits.push_back(offboarding_.reconcile("north", {}).delay.count());
  }
  EXPECT_THAT(waits, ::testing::ElementsAre(2'000, 4'000, 8'000, 16'000, 30'000, 30'000));
}

TEST_F(OffboardingTest, TheDeletionOfTheNamespacePurgesNobody) {
  reconcile();
  remove();
  wire_.going = "namespace";
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AClientThatIsOnlyAbsentPurgesNothing) {
  reconcile();
  // etcd was restored from a backup.
  api_.erase(std::string(kClients) + "/north");
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AStaleCachePurgesNothing) {
  reconcile();
  remove();
  sync();
  EXPECT_TRUE(kube_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  EXPECT_EQ(offboarding_.reconcile("north", {}).kind, Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AControllerThatDoesNotLeadPurgesNothing) {
  reconcile();
  remove();
  leading_ = false;
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  EXPECT_TRUE(has_files(kNorth));
  EXPECT_TRUE(is_held());
}

TEST_F(OffboardingTest, APurgeGoesOnAfterACrash) {
  reconcile();
  remove();
  store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; });
  EXPECT_EQ(settle(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, StrayFilesHoldUpNoPurge) {
  const std::filesystem::path folder = std::filesystem::path(folder_.path()) / artifacts::layout::tenant(kNorth);
  for (const char* kind : {"jobs", "repositories"}) {
    vbrain::testing::write_file(folder / kind / ".DS_Store", "junk");
    vbrain::testing::write_file(folder / kind / "3d3c0b4e-2b1c-4a53-9a53-0c7cb2d7a011", "junk");
    std::filesystem::create_symlink("/nowhere", folder / kind / "link");
  }
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(store_.has_job(kNorth, "job-1"));
}

// Many deletions take long, and somebody may change his mind meanwhile.
TEST_F(OffboardingTest, APassDeletesFewJobsAndLooksAnew) {
  for (const char* id : {"job-3", "job-4", "job-5"}) put_job(id, "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  const auto deleted = [&] {
    int count = 0;
    for (const char* id : {"job-3", "job-4", "job-5"})
      count += resource(id).at("metadata").contains("deletionTimestamp");
    return count;
  };
  EXPECT_EQ(deleted(), 2);
  put_client("north-2", "north");
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_EQ(deleted(), 2);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
  ASSERT_EQ(told("NotPurged").size(), 1U);
  EXPECT_THAT(told("NotPurged")[0], ::testing::HasSubstr("2 of its Jobs were deleted"));
}

// An upload that was under way is published while the pods of the tenant end.
TEST_F(OffboardingTest, WhatIsPublishedDuringThePurgeGoesToo) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  set_written(1h);
  EXPECT_TRUE(kube_.patch(job::Job::kType, "vbrain", "job-1", {{"metadata", {{"finalizers", nullptr}}}}));
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(has_files(kNorth));
}

// An older leader that hung on the volume wakes up after another one finished.
TEST_F(OffboardingTest, FoldersOfANewTenantOfThisNameStay) {
  const artifacts::Store::TenantFolders before = store_.tenant_folders(kNorth);
  const auto go_on = [] { return true; };
  for (const std::string& name : store_.trash_tenant(kNorth, before, go_on)) store_.purge(kNorth, name);
  store_.remove_empty_tenant(kNorth);
  publish(kSouth, "job-6");
  publish(kNorth, "job-7");
  artifacts::Store::TenantFolders stale = store_.tenant_folders(kNorth);
  ++*stale.jobs;
  ++*stale.repositories;
  EXPECT_THAT(store_.trash_tenant(kNorth, stale, go_on), ::testing::IsEmpty());
  EXPECT_TRUE(store_.has_job(kNorth, "job-7"));
  EXPECT_THAT(store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return false; }), ::testing::IsEmpty());
}

TEST_F(OffboardingTest, AFailedReleaseOfALiveClientBeginsNoDeletion) {
  reconcile();
  EXPECT_TRUE(kube_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "PATCH") return kube::Error{.code = kube::ErrorCode::kConflict, .message = "-"};
    return std::nullopt;
  });
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  api_.set_before({});
  put_client("north", "north", "confirm");
  reconcile();
  ASSERT_TRUE(is_held());
  clock_.advance(24h);
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter) << "an uninstallation may show only now";
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, APurgeThatWaitsLongSaysForWhat) {
  put_job("job-1", "north");
  reconcile();
  remove();
  settle();
  for (int i = 0; i < 6; ++i) reconcile();
  ASSERT_EQ(told("PurgeWaits").size(), 1U);
  EXPECT_THAT(told("PurgeWaits")[0], ::testing::HasSubstr("1 Jobs that are being deleted, among them job-1"));
}

TEST_F(OffboardingTest, ARefusedDeletionOfAJobIsTold) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter);
  clock_.advance(30s);
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "DELETE")
      return kube::Error{.code = kube::ErrorCode::kForbidden, .message = "a webhook says no"};
    return std::nullopt;
  });
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  api_.set_before({});
  ASSERT_EQ(told("PurgeWaits").size(), 1U);
  EXPECT_THAT(told("PurgeWaits")[0], ::testing::HasSubstr("a webhook says no"));
}

TEST(UsageReport, NamesTenantsAsTheirUsersDoTheLargestFirst) {
  const std::string text = render_usage(
      {{.path = "tenants/acme/Tutorial/north", .jobs = 1, .repositories = 2, .stored = {10, 3}},
       {.path = "tenants/a%2Fb/Tutorial/x~0123", .jobs = 4, .repositories = 0, .stored = {500, 8}, .trash = {7, 1}},
       {.path = "tenants/a%2Fb/Tutorial/y", .jobs = 0, .repositories = 0}});
  EXPECT_EQ(text,
            "ORGANIZATION   APPLICATION   CLIENT   JOBS   REPOSITORIES   FILES   BYTES   STAGING   TRASH\n"
            "a%2Fb          Tutorial      x~0123   4      0              8       500     0         7\n"
            "acme           Tutorial      north    1      2              3       10      0         0\n"
            "a/b            Tutorial      y        0      0              0       0       0         0\n"
            "(all)                                 5      2              11      510     0         7\n");
}

TEST_F(OffboardingTest, TheReportMeasuresTheWholeVolume) {
  std::ostringstream out;
  EXPECT_EQ(run_usage(folder_.path(), out), 0);
  EXPECT_THAT(out.str(), ::testing::ContainsRegex("acme +Tutorial +north +1 +1 +3 +"));
  EXPECT_THAT(out.str(), ::testing::ContainsRegex("\\(all\\) +2 +2 +6 +"));
}

}  // namespace
}  // namespace vbrain::controller
