#include "unit/controller/space/space_keeper_world.hpp"

#include <algorithm>

namespace vbrain::controller {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(walk());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::HasSubstr(R"("job":"job-old","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")"));
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

}  // namespace
}  // namespace vbrain::controller
