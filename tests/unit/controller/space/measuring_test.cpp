#include <cstdlib>
#include <iostream>

#include "unit/controller/space/space_keeper_world.hpp"

namespace vbrain::controller {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;

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

// Also a measurement: VBRAIN_SPACE_JOBS=10000 unit_controller --gtest_filter='*ManyJobs*'.
TEST_F(SpaceKeeperTest, ManyJobsAreMeasured) {
  const char* wanted = std::getenv("VBRAIN_SPACE_JOBS");
  const int count = wanted != nullptr ? std::stoi(wanted) : 50;
  put_client("north", {{"retention", {{"jobsMaxAgeSeconds", 3600}}}});
  publish_ended("job", 1min);
  store_.create_attempt(kTenant, "job", 1);
  const std::filesystem::path jobs = std::filesystem::path(folder_.path()) / artifacts::layout::jobs(kTenant);
  for (const char* name :
       {"claim", "manifest.json", "result.json", "output.zip", "logs/stdout.log", "logs/stderr.log"}) {
    vbrain::testing::write_file(jobs / "job" / "attempts" / "1" / name, "content");
  }
  for (int i = 1; i < count; ++i) {
    std::filesystem::copy(jobs / "job", jobs / ("job-" + std::to_string(i)), std::filesystem::copy_options::recursive);
  }
  for (const char* what : {"first", "second"}) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(walk());
    const auto took = std::chrono::steady_clock::now() - begin;
    if (wanted == nullptr) continue;
    std::cout << what << " walk: " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
  }
  EXPECT_EQ(usage().at("jobs"), count);
  EXPECT_EQ(usage().at("files"), 8 * count);
}

}  // namespace
}  // namespace vbrain::controller
