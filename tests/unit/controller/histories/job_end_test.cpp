// The state after a job has ended, expired or was deleted.
#include <gtest/gtest.h>

#include "unit/controller/world/every_world.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::World;

class JobEnd : public testing::InEveryWorld {};
INSTANTIATE_TEST_SUITE_P(Worlds, JobEnd, ::testing::ValuesIn(testing::all_flavours()), testing::name_of);

TEST_P(JobEnd, DeleteLeavesNothing) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  world.when_running(1, [](World& w) { w.delete_job(); });
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null());
  EXPECT_EQ(world.pods(), 0u);
  EXPECT_FALSE(world.has_folder());
}

TEST_P(JobEnd, APodThatIsGivenUpWithItsJobIsTold) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  world.step();
  world.let_kubelet_work();  // and never again
  world.delete_job();
  for (int turn = 0; turn < 20 && !world.job().is_null(); ++turn) world.clock.advance(world.step().delay);
  EXPECT_TRUE(world.job().is_null());
  EXPECT_FALSE(world.has_folder());
  world.restart();  // waits for the events
  int told = 0;
  for (const std::string& event : world.events()) told += event.find("NodeLost") != std::string::npos;
  EXPECT_EQ(told, 1);
}

TEST_P(JobEnd, AnEndedJobGoesAfterItsTimeInTwoWritesAndItsFilesStay) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  const int writes = world.writes();
  const auto end = world.clock.now();
  world.let_jobs_expire();
  ASSERT_TRUE(world.run());
  EXPECT_GE(world.clock.now() - end, std::chrono::seconds(86'400 - 60)) << "the run ends later than the job";
  EXPECT_TRUE(world.job().is_null());
  EXPECT_TRUE(world.has_folder());
  EXPECT_TRUE(world.has_status_file());
  EXPECT_EQ(world.count("PATCH jobs"), 1);
  EXPECT_EQ(world.count("DELETE jobs"), 1);
  EXPECT_EQ(world.count("purge"), 0);
  EXPECT_EQ(world.writes(), writes + 3) << "the two, and a look whether the record is there";
}

TEST_P(JobEnd, ARecordThatWasLostIsWrittenBeforeItsJobGoes) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  world.job_folder().remove_file("status.json");
  world.let_jobs_expire();
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null());
  EXPECT_TRUE(world.has_status_file());
}

// A job made with kubectl that ended before it had a folder.
void add_job_that_never_begins(World& world) {
  world.add_application();
  world.add_job(true);
  world.patch_spec({{"repositoryId", "202009231629398695"}});
}

TEST_P(JobEnd, PodsOfAnEndedJobGoBeforeItWithoutARead) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["ttlSecondsAfterFinished"] = 40 * 3'600; });
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.pods(), 1u);
  const int reads = world.count("GET");
  world.let_jobs_expire();
  const auto before = world.clock.now();
  while (world.count("DELETE pods") == 0 && world.clock.now() - before < std::chrono::hours(39)) {
    world.step();
    world.clock.advance(std::chrono::minutes(10));
  }
  EXPECT_EQ(world.count("DELETE pods"), 1);
  EXPECT_EQ(world.count("GET"), reads);
  world.let_kubelet_work();
  EXPECT_EQ(world.pods(), 0u);
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_TRUE(world.has_status_file());
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null()) << "its own time is over";
}

TEST_P(JobEnd, AJobMadeWithKubectlThatNeverBeganLeavesItsRecord) {
  World world(GetParam());
  add_job_that_never_begins(world);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["reason"], "UnknownRepository");
  EXPECT_TRUE(world.has_status_file());
  world.let_jobs_expire();
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null());
  EXPECT_TRUE(world.has_status_file());
  world.scan();
  EXPECT_TRUE(world.job().is_null()) << "it is over";
}

TEST_P(JobEnd, ARecordIsNotMadeOfAJobThatWasDeletedMeanwhile) {
  World world(GetParam());
  add_job_that_never_begins(world);
  world.api.set_before([&world](const kube::Request& request) -> std::optional<kube::Error> {
    // When its record has just been made, together with its folder.
    const bool asks = request.method == "GET" && request.target.starts_with(testing::kJob);
    if (asks && world.count("archive") == 1) world.erase_job();
    return {};
  });
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.count("archive"), world.count("purge"));
  if (world.is_prompt()) {
    EXPECT_EQ(world.count("archive"), 1);
  }
  EXPECT_FALSE(world.has_folder());
}

TEST_P(JobEnd, AnUninstallKeepsTheFiles) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  json space = world.api.object("/api/v1/namespaces/vbrain");
  space["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  world.api.put("/api/v1/namespaces", space);
  world.delete_job();
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null()) << "the finalizer does not hold up the uninstall";
  EXPECT_TRUE(world.has_status_file());
}

TEST_P(JobEnd, AfterAPurgeTheNextLeaderGoesOn) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  world.end_term_at_purge();
  world.delete_job();
  EXPECT_FALSE(world.run()) << "nothing more is done";
  EXPECT_FALSE(world.has_folder()) << "out of sight";
  EXPECT_FALSE(world.job().is_null());
  world.restart();
  EXPECT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null());
}

}  // namespace
}  // namespace vbrain::controller
