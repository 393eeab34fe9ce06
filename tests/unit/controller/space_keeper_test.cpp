#include "controller/space/space_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "artifacts/store/store.hpp"
#include "support/fake_api_server.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";
constexpr const char* kApplications = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/applications";
constexpr const char* kClients = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/clients";
const artifacts::Tenant kTenant{"acme", "Tutorial", "north"};

class SpaceKeeperTest : public ::testing::Test {
 protected:
  SpaceKeeperTest() {
    // File times are the real clock's.
    clock_.advance(base::SystemClock().now() - clock_.now());
    put_application(json::object());
    put_client("north", json::object());
  }
  // At the API server; sync() brings it into the cache.
  void put_application(const json& retention) {
    json spec = {{"applicationId", "Tutorial"}, {"organizations", {"*"}}, {"template", testing::a_template()}};
    if (!retention.empty()) spec["retention"] = retention;
    api_.put(kApplications, {{"apiVersion", "vbrain.visagio.com/v1"},
                             {"kind", "Application"},
                             {"metadata", {{"name", "tutorial"}, {"namespace", "vbrain"}}},
                             {"spec", spec}});
    sync();
  }
  void put_client(const std::string& name, const json& spec, const json& annotations = json::object()) {
    json body = {{"apiVersion", "vbrain.visagio.com/v1"},
                 {"kind", "Client"},
                 {"metadata", {{"name", name}, {"namespace", "vbrain"}, {"annotations", annotations}}},
                 {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", "north"}}}};
    body["spec"].update(spec);
    api_.put(kClients, body);
    sync();
  }
  // Like the informers.
  void sync() {
    const json application = api_.object(std::string(kApplications) + "/tutorial");
    applications_.put("tutorial", std::make_shared<const job::Application>(job::Application::decode(application)));
    for (const std::string& name : clients_.names()) clients_.erase(name);
    for (const std::string name : {"north", "north-2"}) {
      const json body = api_.object(std::string(kClients) + "/" + name);
      if (!body.is_null()) clients_.put(name, std::make_shared<const job::Client>(job::Client::decode(body)));
    }
  }
  json resource(const std::string& id) { return api_.object(std::string(kJobs) + "/" + id); }
  json usage(const std::string& name = "north") {
    return api_.object(std::string(kClients) + "/" + name).value(json::json_pointer("/status/usage"), json());
  }
  std::string publish_repository() { return store_.publish_repository(store_.stage(kTenant), {}, clock_.now()); }
  void publish_job(const std::string& id, const std::string& repository = {}) {
    artifacts::JobFile file;
    file.job_id = id;
    file.tenant = kTenant;
    file.repository_id = repository;
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
    json body = job::encode_new_job("vbrain", id, testing::a_job().spec);
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
  SpaceKeeper keeper_{parts(), 60s};
};

TEST_F(SpaceKeeperTest, EachClientOfATenantGetsItsUsage) {
  put_client("north-2", json::object());
  publish_job("job-1", publish_repository());
  EXPECT_TRUE(walk());
  EXPECT_EQ(usage().at("jobs"), 1);
  EXPECT_EQ(usage().at("repositories"), 1);
  EXPECT_EQ(usage().at("files"), 3);  // repository.json, the entry of its index, job.json
  EXPECT_GT(usage().at("bytes"), 0);
  EXPECT_EQ(usage("north-2"), usage());
}

TEST_F(SpaceKeeperTest, ATenantWithoutAFolderUsesNothing) {
  EXPECT_TRUE(walk());
  EXPECT_EQ(usage().at("bytes"), 0);
}

TEST_F(SpaceKeeperTest, AnUnchangedUsageIsWrittenEveryTenMinutes) {
  publish_job("job-1");
  for (int i = 0; i < 2; ++i) {
    sync();
    EXPECT_TRUE(walk());
  }
  const json first = usage();
  clock_.advance(1min);
  sync();
  EXPECT_TRUE(walk());
  EXPECT_EQ(usage(), first);
  clock_.advance(10min);
  EXPECT_TRUE(walk());
  EXPECT_NE(usage().at("measuredAt"), first.at("measuredAt"));
}

TEST_F(SpaceKeeperTest, WithoutRetentionNothingIsRemoved) {
  publish_ended("job-1", 10'000h, publish_repository());
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
  EXPECT_EQ(reads(kClients), 0U);
}

TEST_F(SpaceKeeperTest, EndedJobsThatAreTooOldGo) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 3600}}}});
  publish_ended("job-new", 59min);
  publish_ended("job-old", 61min);
  publish_job("job-open");
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-new", "job-open"));
  EXPECT_THAT(discarded_, ElementsAre(::testing::StartsWith("job-old-")));
  EXPECT_EQ(usage().at("jobs"), 2);
}

TEST_F(SpaceKeeperTest, OfTooManyEndedJobsTheNewestStay) {
  put_application({{"jobsMaxCount", 2}});
  for (const int i : {3, 1, 4, 2}) publish_ended("job-" + std::to_string(i), std::chrono::hours(i));
  publish_job("job-open");
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1", "job-2", "job-open"));
}

TEST_F(SpaceKeeperTest, TheResourceOfAnEndedJobGoesFirst) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  put_resource("job-1", "Finished");
  const std::string uid = resource("job-1").at("metadata").at("uid");
  publish_ended("job-1", 2min, {}, uid);
  EXPECT_TRUE(walk());
  EXPECT_TRUE(resource("job-1").at("metadata").contains("deletionTimestamp"));
  EXPECT_THAT(jobs(), ElementsAre("job-1")) << "the controller purges it before it removes the finalizer";
}

// The API server was restored from a backup, or another Job has the name.
TEST_F(SpaceKeeperTest, AJobWhoseResourceSaysSomethingElseStays) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  put_resource("job-1", "Started");
  publish_ended("job-1", 2min, {}, resource("job-1").at("metadata").at("uid"));
  put_resource("job-2", "Finished");
  publish_ended("job-2", 2min, {}, "another-uid");
  EXPECT_TRUE(walk());
  for (const char* id : {"job-1", "job-2"}) {
    EXPECT_FALSE(resource(id).at("metadata").contains("deletionTimestamp")) << id;
  }
  EXPECT_THAT(jobs(), ElementsAre("job-1", "job-2"));
}

TEST_F(SpaceKeeperTest, NothingGoesWhileTheApiServerDoesNotAnswer) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  publish_ended("job-1", 2min);
  api_.set_before([](const kube::Request&) -> std::optional<kube::Error> {
    return kube::Error{.code = kube::ErrorCode::kUnavailable, .message = "down"};
  });
  walk();
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
}

TEST_F(SpaceKeeperTest, NothingGoesWhileTheClocksDiffer) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}, {"repositoriesUnusedSeconds", 60}}}});
  publish_ended("job-1", 2min);
  const std::string repository = publish_repository();
  skew_ = 11min;
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
  EXPECT_TRUE(store_.has_repository(kTenant, repository));
}

// The cache still has the old policy, or the walk began before the change.
TEST_F(SpaceKeeperTest, APolicyThatWasWeakenedMeanwhileCounts) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}, {"repositoriesUnusedSeconds", 60}}}});
  publish_ended("job-1", 2h);
  publish_ended("job-2", 4h);
  const std::string repository = publish_repository();
  clock_.advance(2min);
  const auto cached = clients_.get("north");
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 3 * 3600}}}});
  clients_.put("north", cached);
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
  EXPECT_TRUE(store_.has_repository(kTenant, repository));
  put_client("north", json::object());
  clients_.put("north", cached);
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
}

TEST_F(SpaceKeeperTest, APolicyThatWasTightenedMeanwhileWaitsForTheNextWalk) {
  put_application({{"jobsMaxAgeSeconds", 3 * 3600}});
  publish_ended("job-1", 2h);
  publish_ended("job-2", 4h);
  const auto cached = applications_.get("tutorial");
  put_application({{"jobsMaxAgeSeconds", 60}});
  applications_.put("tutorial", cached);
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
}

TEST_F(SpaceKeeperTest, NothingGoesWhileAPolicyCannotBeDecoded) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  publish_ended("job-1", 2min);
  const auto put_odd = [&](const char* collection, json spec) {
    api_.put(collection, {{"metadata", {{"name", "odd"}, {"namespace", "vbrain"}}}, {"spec", std::move(spec)}});
  };
  const auto client_of = [](const char* client) {
    return json{{"organizationId", kTenant.organization},
                {"applicationId", kTenant.application},
                {"clientId", client},
                {"members", "none"}};
  };
  put_odd(kClients, {{"clientId", 7}});
  EXPECT_FALSE(walk()) << "nobody knows whose policy it is";
  EXPECT_EQ(usage().at("jobs"), 1);
  put_odd(kClients, client_of(kTenant.client.c_str()));
  EXPECT_TRUE(walk());
  clock_.advance(1min);
  put_odd(kClients, client_of("south"));
  put_odd(kApplications, {{"applicationId", kTenant.application}, {"organizations", 7}});
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
  clock_.advance(1min);
  put_odd(kApplications, {{"applicationId", "Other"}, {"organizations", 7}});
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), IsEmpty());
}

// The removals of a walk may take hours.
TEST_F(SpaceKeeperTest, APolicyThatIsTakenBackDuringTheRemovalsCounts) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}, {"repositoriesUnusedSeconds", 60}}}});
  publish_ended("job-1", 3h);
  publish_ended("job-2", 2h);
  const std::string repository = publish_repository();
  clock_.advance(2min);
  int asked = 0;
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "GET" && request.target == std::string(kJobs) + "/job-1" && ++asked == 1) {
      put_client("north", json::object());
      clock_.advance(11s);
    }
    return std::nullopt;
  });
  EXPECT_TRUE(walk());
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(rests_, ElementsAre(110s)) << "ten times as long as the work";
  EXPECT_THAT(jobs(), ElementsAre("job-2"));
  EXPECT_TRUE(store_.has_repository(kTenant, repository));
}

TEST_F(SpaceKeeperTest, TheApiServerIsAskedForPoliciesOnceForAllTenants) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  publish_ended("job-1", 3h);
  publish_ended("job-2", 2h);
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_EQ(reads(kClients), 1U);
}

// What was published in the second in which a measurement began counts twice until the next one.
TEST_F(SpaceKeeperTest, AfterAChangeTheNextWalkWritesAgain) {
  publish_job("job-1");
  EXPECT_TRUE(walk());
  const json first = usage();
  clock_.advance(2s);
  sync();
  EXPECT_TRUE(walk());
  const json second = usage();
  EXPECT_NE(second.at("measuredAt"), first.at("measuredAt"));
  clock_.advance(2s);
  sync();
  EXPECT_TRUE(walk());
  EXPECT_EQ(usage(), second);
}

TEST_F(SpaceKeeperTest, AUsageThatWasNotWrittenIsWrittenByTheNextWalk) {
  publish_job("job-1");
  EXPECT_TRUE(walk());
  sync();
  EXPECT_TRUE(walk());
  const json first = usage();
  clock_.advance(2s);
  sync();
  ASSERT_TRUE(store_.trash_repository(kTenant, publish_repository()));
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "PATCH") return kube::Error{.code = kube::ErrorCode::kUnavailable, .message = "down"};
    return std::nullopt;
  });
  walk();
  walk();
  EXPECT_EQ(usage(), first);
  api_.set_before({});
  EXPECT_TRUE(walk());
  EXPECT_NE(usage().at("measuredAt"), first.at("measuredAt"));
}

TEST_F(SpaceKeeperTest, OneBadJobKeepsNoOtherAndNoUsage) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  for (const char* id : {"job-1", "job-2", "job-3", "job-4"}) publish_ended(id, 2min);
  const auto damage = [&](const char* id, std::string_view content) {
    vbrain::testing::write_file(status_file(id), content);
    set_recorded(id, 2min);
  };
  damage("job-1", "{");
  damage("job-2", R"({"metadata":{"uid":7},"status":{"phase":[]}})");
  damage("job-3", R"({"metadata":{"uid":7},"status":{"phase":"Finished","completionTime":"2020-01-01T00:00:00Z"}})");
  put_resource("job-3", "Finished");
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1", "job-2", "job-3"));
  EXPECT_EQ(usage().at("jobs"), 3);
}

TEST_F(SpaceKeeperTest, ThoseThatCannotBeRemovedKeepNoOthers) {
  SpaceKeeper::Parts parts = this->parts();
  parts.at_once = 2;
  SpaceKeeper keeper(std::move(parts), 60s);
  put_client("north", {{"retention", {{"jobsMaxCount", 1}, {"repositoriesUnusedSeconds", 60}}}});
  std::vector<std::string> repositories;
  for (int i = 0; i < 3; ++i) repositories.push_back(publish_repository());
  std::ranges::sort(repositories);
  for (const int i : {1, 2, 3, 4, 5}) publish_ended("job-" + std::to_string(i), std::chrono::hours(10 - i));
  for (const char* id : {"job-1", "job-2"}) put_resource(id, "Started");
  for (const int i : {0, 1}) {
    const std::string id = "job-of-" + std::to_string(i);
    put_resource(id, "Started");
    json body = resource(id);
    body["spec"]["repositoryId"] = repositories[static_cast<std::size_t>(i)];
    api_.put(kJobs, body);
  }
  clock_.advance(2min);
  EXPECT_FALSE(keeper.walk({}));
  EXPECT_THAT(jobs(), ElementsAre("job-1", "job-2", "job-3", "job-4", "job-5"));
  EXPECT_FALSE(keeper.walk({}));
  EXPECT_THAT(jobs(), ElementsAre("job-1", "job-2", "job-5"));
  EXPECT_FALSE(store_.has_repository(kTenant, repositories[2]));
}

TEST_F(SpaceKeeperTest, AFullVolumeIsMadeEmptier) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 3600}}}});
  publish_ended("job-1", 59min);
  EXPECT_TRUE(walk());
  is_full_ = true;
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
  clock_.advance(1min);
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), IsEmpty());
}

TEST_F(SpaceKeeperTest, AVolumeThatNeverGaveItsTimeKeepsAll) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  publish_ended("job-1", 2min);
  is_full_ = true;
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
}

// The api-servers count what they publish until they see a newer measurement.
TEST_F(SpaceKeeperTest, AnEqualUsageIsWrittenAgainWhenSomethingWasPublishedAndRemoved) {
  publish_job("job-1");
  EXPECT_TRUE(walk());
  const json first = usage();
  clock_.advance(1min);
  sync();
  const std::string repository = publish_repository();
  ASSERT_TRUE(store_.trash_repository(kTenant, repository));
  EXPECT_TRUE(walk());
  EXPECT_EQ(usage().at("bytes"), first.at("bytes"));
  EXPECT_NE(usage().at("measuredAt"), first.at("measuredAt"));
}

TEST_F(SpaceKeeperTest, AControllerThatLeadsNoMoreRemovesNothing) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 60}}}});
  publish_ended("job-1", 2min);
  leading_ = false;
  EXPECT_FALSE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
  EXPECT_TRUE(usage().is_null());
}

TEST_F(SpaceKeeperTest, UnusedRepositoriesGoAndUsedOnesStay) {
  put_client("north", {{"retention", {{"repositoriesUnusedSeconds", 60}}}});
  const std::string unused = publish_repository();
  const std::string used = publish_repository();
  const std::string named = publish_repository();
  publish_ended("job-1", 10'000h, used);
  // Made with kubectl; the volume does not know it yet, nor does the cache.
  put_resource("job-2", "Queued");
  json body = resource("job-2");
  body["spec"]["repositoryId"] = named;
  api_.put(kJobs, body);
  clock_.advance(30s);
  EXPECT_TRUE(walk());
  EXPECT_TRUE(store_.has_repository(kTenant, unused)) << "not unused for long enough";
  EXPECT_EQ(reads(kJobs), 0U);
  clock_.advance(31s);
  EXPECT_TRUE(walk());
  EXPECT_FALSE(store_.has_repository(kTenant, unused));
  EXPECT_TRUE(store_.has_repository(kTenant, used));
  EXPECT_TRUE(store_.has_repository(kTenant, named));
  EXPECT_EQ(reads(kJobs), 1U);
}

TEST_F(SpaceKeeperTest, AnotherTenantsRetentionDoesNotApply) {
  put_client("north", {{"clientId", "south"}, {"retention", {{"jobsMaxAgeSeconds", 60}}}});
  publish_ended("job-1", 2min);
  EXPECT_TRUE(walk());
  EXPECT_THAT(jobs(), ElementsAre("job-1"));
}

// A measurement: --gtest_also_run_disabled_tests --gtest_filter='*TenThousand*'.
TEST_F(SpaceKeeperTest, DISABLED_MeasuresTenThousandJobs) {
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 3600}}}});
  publish_ended("job", 1min);
  store_.create_attempt(kTenant, "job", 1);
  const std::filesystem::path jobs = std::filesystem::path(folder_.path()) / artifacts::layout::jobs(kTenant);
  for (const char* name :
       {"claim", "manifest.json", "result.json", "output.zip", "logs/stdout.log", "logs/stderr.log"}) {
    vbrain::testing::write_file(jobs / "job" / "attempts" / "1" / name, "content");
  }
  for (int i = 1; i < 10'000; ++i) {
    std::filesystem::copy(jobs / "job", jobs / ("job-" + std::to_string(i)), std::filesystem::copy_options::recursive);
  }
  for (const char* what : {"first", "second"}) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(walk());
    const auto took = std::chrono::steady_clock::now() - begin;
    std::cout << what << " walk: " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
  }
  EXPECT_EQ(usage().at("jobs"), 10'000);
  EXPECT_EQ(usage().at("files"), 80'000);
}

}  // namespace
}  // namespace vbrain::controller
