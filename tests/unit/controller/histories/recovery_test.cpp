// What becomes of a job whose resource was lost, made anew from its folder, or restored as it was earlier.
#include <gtest/gtest.h>

#include "unit/controller/world/every_world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::World;

class Recovery : public testing::InEveryWorld {};
INSTANTIATE_TEST_SUITE_P(Worlds, Recovery, ::testing::ValuesIn(testing::all_flavours()), testing::name_of);

constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";

// The same volume, another cluster.
void lose_cluster(World& world) {
  world.lose_resources();
  world.scan();
  ASSERT_FALSE(world.job().is_null()) << "made anew";
}

void expect_end(const World& world, const char* phase, const char* reason, int attempts) {
  EXPECT_EQ(world.status()["phase"], phase);
  EXPECT_EQ(world.status()["reason"], reason);
  EXPECT_EQ(world.status()["attempts"], attempts);
  EXPECT_TRUE(world.has_status_file());
  EXPECT_TRUE(world.violations().empty()) << world.violations().front();
}

TEST_P(Recovery, AJobThatHadNotStartedRuns) {
  World world(GetParam());
  world.add_job();
  lose_cluster(world);
  world.add_application();
  ASSERT_TRUE(world.run());
  expect_end(world, "Finished", "Completed", 1);
  EXPECT_EQ(world.starts_in_all(), 1);
}

TEST_P(Recovery, AJobMadeWithKubectlKeepsItsParameters) {
  World world(GetParam());
  world.add_application();
  world.add_job(true);
  world.step();  // publishes
  lose_cluster(world);
  EXPECT_FALSE(world.job()["spec"].contains("params"));
  ASSERT_TRUE(world.run());
  expect_end(world, "Finished", "Completed", 1);
  const auto file = world.job_folder().read_file("job.json", 1 << 20);
  EXPECT_EQ(json::parse(*file)["params"], json({{"a", 10}, {"b", 20}}));
}

TEST_P(Recovery, AnAcceptedManifestIsNeverRunAgain) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.step();
  world.let_kubelet_work();  // starts
  world.let_kubelet_work();  // ends, and leaves a manifest
  lose_cluster(world);
  const auto before = world.clock.now();
  ASSERT_TRUE(world.run());
  expect_end(world, "Finished", "Completed", 1);
  EXPECT_EQ(world.status()["acceptedAttempt"], 1);
  EXPECT_EQ(world.starts_in_all(), 1);
  EXPECT_LT(world.clock.now() - before, std::chrono::minutes(1));
}

TEST_P(Recovery, AnAttemptThatMayHaveRunIsNeitherCountedNorWaitedFor) {
  World world(GetParam());
  world.add_application();  // backoffLimit 0
  world.add_job();
  world.step();
  world.let_kubelet_work();  // starts, and nobody knows more
  lose_cluster(world);
  const auto before = world.clock.now();
  ASSERT_TRUE(world.run());
  expect_end(world, "Finished", "Completed", 2);
  EXPECT_EQ(world.status()["disruptions"], 1);
  EXPECT_EQ(world.starts(1), 1);
  EXPECT_EQ(world.starts(2), 1);
  EXPECT_LT(world.clock.now() - before, std::chrono::minutes(1)) << "there is no pod that could still tell";
}

// Of the next attempts each is judged for itself.
TEST_P(Recovery, FailuresAfterTheRestoreCount) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(2, {.exit_code = 3});
  world.step();
  world.let_kubelet_work();
  lose_cluster(world);
  ASSERT_TRUE(world.run());
  expect_end(world, "Failed", "NonZeroExit", 2);
}

TEST_P(Recovery, ItGoesOnAtTheAttemptWhereItWas) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["backoffLimit"] = 2; });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  world.behave(2, {.exit_code = 4});
  for (int turn = 0; turn < 50 && world.pod(2).is_null(); ++turn) {
    const kube::ReconcileResult result = world.step();
    world.let_kubelet_work();
    world.clock.advance(result.delay);
  }
  ASSERT_FALSE(world.pod(2).is_null());
  lose_cluster(world);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.starts(1), 1);
  EXPECT_EQ(world.starts(2), 1) << "in one life or the other";
  EXPECT_EQ(world.count("POST pods"), 3) << "no pod is created for an attempt that had begun";
  expect_end(world, "Finished", "Completed", 3);
}

TEST_P(Recovery, APodFromBeforeTheRestoreIsWaitedFor) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  world.step();
  world.let_kubelet_work();
  const json pod = world.pod(1);
  world.lose_resources();
  world.api.put("/api/v1/namespaces/vbrain/pods", pod);  // its garbage collector has not come by yet
  world.scan();
  EXPECT_EQ(world.step().kind, kube::ReconcileResult::Kind::kAfter);
  EXPECT_EQ(world.status()["phase"], "Started");
  EXPECT_EQ(world.status()["reason"], "PodLost");
  world.api.erase("/api/v1/namespaces/vbrain/pods/" + pod["metadata"]["name"].get<std::string>());
  ASSERT_TRUE(world.run());
  expect_end(world, "Finished", "Completed", 2);
}

TEST_P(Recovery, AnArchivedJobIsNotRecreated) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  world.lose_resources();
  world.scan();
  EXPECT_TRUE(world.job().is_null());
}

// etcd from a backup: the resource is as it was, the volume is not.
TEST_P(Recovery, AResourceRestoredFromEarlierTakesItsEndFromTheRecord) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["backoffLimit"] = 1; });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  const json early = world.job();
  ASSERT_TRUE(world.run());
  const json end = world.status();
  world.lose_resources();
  world.api.put(kJobs, early);
  ASSERT_TRUE(world.run());
  expect_end(world, "Finished", "Completed", 2);
  EXPECT_EQ(world.status()["acceptedAttempt"], 2);
  EXPECT_EQ(world.status()["attemptHistory"], end["attemptHistory"]);
  EXPECT_EQ(world.starts_in_all(), 2) << "as often as before";
}

// The same under a controller that goes on: what it wrote last has a version that is no more.
TEST_P(Recovery, AControllerThatOutlivesARestoreDoesNotInsistOnItsWrites) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.sync();
  const auto backup = world.api.backup();
  world.step();
  world.let_kubelet_work();  // starts
  world.restore(backup);
  ASSERT_TRUE(world.run()) << world.job().dump();
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "PodLost");
  EXPECT_EQ(world.starts_in_all(), 1);
  EXPECT_TRUE(world.violations().empty()) << world.violations().front();
}

TEST_P(Recovery, EveryWriteAfterTheRestoreMayFailOnce) {
  for (int at = 0; at < 12; ++at) {
    for (const auto kind :
         {testing::Fault::Kind::kCrashBefore, testing::Fault::Kind::kCrashAfter, testing::Fault::Kind::kErrorAfter}) {
      World world(GetParam());
      world.add_application();
      world.add_job();
      world.step();
      world.let_kubelet_work();
      lose_cluster(world);
      world.add_fault({world.writes() + at, kind});
      SCOPED_TRACE(testing::text_of({at, kind}));
      ASSERT_TRUE(world.run());
      expect_end(world, "Finished", "Completed", 2);
      EXPECT_EQ(world.starts_in_all(), 2);
    }
  }
}

}  // namespace
}  // namespace vbrain::controller
