// A controller whose view of the Job is old must not stop, end or delete anything.
#include <gtest/gtest.h>

#include "unit/controller/world/every_world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::Watched;
using testing::World;

constexpr testing::Flavour kWarmStandby{.name = "WarmStandby", .standby = true};
constexpr testing::Flavour kListingStandby{.name = "ListingStandby", .standby = true, .lists_at_term = true};

void expect_no_harm(const World& world) {
  for (const std::string& violation : world.violations()) ADD_FAILURE() << violation;
}

// Everybody works, with up-to-date caches where no watch is held, until the pod of an attempt runs.
void work_a_little(World& world) {
  const auto delay = std::chrono::milliseconds(world.step().delay);
  world.clock.advance(std::min(delay, std::chrono::milliseconds(15'000)));
  world.let_kubelet_work();
}

void run_until_running(World& world, int attempt) {
  for (int turn = 0; turn < 100 && world.starts(attempt) == 0; ++turn) work_a_little(world);
  ASSERT_EQ(world.starts(attempt), 1);
}

// The first attempt fails, the second runs until somebody stops it.
void add_job_with_two_attempts(World& world) {
  world.add_application([](json& spec) { spec["backoffLimit"] = 1; });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  world.behave(2, {.kind = Behaviour::Kind::kRunsUntilStopped});
}

void expect_second_attempt_to_finish(World& world) {
  EXPECT_FALSE(world.pod(2)["metadata"].contains("deletionTimestamp"));
  expect_no_harm(world);
  world.behave(2, {});
  ASSERT_TRUE(world.run()) << world.job().dump();
  EXPECT_EQ(world.status()["phase"], "Finished") << world.status().dump();
  EXPECT_EQ(world.status()["attempts"], 2);
  EXPECT_EQ(world.starts_in_all(), 2);
  expect_no_harm(world);
}

// The Jobs watch of the standby is half open, its Pods watch is not: it knows of the second pod, and of one attempt.
TEST(StaleViews, ATakeoverWithAnOldJobStopsNoLaterPod) {
  for (const auto& flavour : {kWarmStandby, kListingStandby}) {
    SCOPED_TRACE(flavour.name);
    World world(flavour);
    add_job_with_two_attempts(world);
    run_until_running(world, 1);
    world.sync();
    world.hold_standby_watch(Watched::kJobs);
    run_until_running(world, 2);
    world.sync();
    world.restart();
    for (int turn = 0; turn < 5; ++turn) world.step_with_old_caches();
    world.hold_watch(Watched::kJobs, false);
    expect_second_attempt_to_finish(world);
  }
}

// The leader's own write is newer than its cache. Somebody changes the Job, and the next write is refused: the leader
// must not plan with the old Job of its cache then.
TEST(StaleViews, AConflictUnderLagStopsNoLaterPod) {
  World world;
  add_job_with_two_attempts(world);
  run_until_running(world, 1);
  world.let_kubelet_work();  // ends
  world.sync();
  world.hold_watch(Watched::kJobs);
  run_until_running(world, 2);
  world.patch_spec({{"priority", 7}});
  world.sync();
  for (int turn = 0; turn < 5; ++turn) {
    world.clock.advance(std::chrono::seconds(2));  // so that it is worth saying that it runs
    world.step();
  }
  world.hold_watch(Watched::kJobs, false);
  expect_second_attempt_to_finish(world);
}

// The same, and nobody but the leader has changed the Job: the answer to its last write was lost.
TEST(StaleViews, ALostAnswerUnderLagStopsNoLaterPod) {
  World world;
  add_job_with_two_attempts(world);
  run_until_running(world, 1);
  world.let_kubelet_work();
  world.sync();
  world.hold_watch(Watched::kJobs);
  run_until_running(world, 2);
  world.add_fault({world.writes(), testing::Fault::Kind::kErrorAfter});
  for (int turn = 0; turn < 6; ++turn) {
    world.clock.advance(std::chrono::seconds(2));
    world.step();
  }
  world.hold_watch(Watched::kJobs, false);
  expect_second_attempt_to_finish(world);
}

// Somebody changed the Job, and the leader has not seen it. That is no failure that the job would have to wait for.
TEST(StaleViews, AConflictDelaysNothing) {
  World world;
  world.add_application();
  world.add_job();
  world.sync();
  world.hold_watch(Watched::kJobs);
  world.patch_spec({{"priority", 7}});
  world.step();
  ASSERT_FALSE(world.pod(1).is_null());
  for (int turn = 0; turn < 2; ++turn) {
    world.clock.advance(std::chrono::seconds(3));
    world.step();
  }
  EXPECT_EQ(world.status()["reason"], "Starting");
}

// A job waited, suspended, for longer than it may run. It was resumed since, and its pod runs.
void resume_after_a_long_time(World& world) {
  world.add_application([](json& spec) {
    spec["backoffLimit"] = 1;
    spec["activeDeadlineSeconds"] = 600;
  });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  world.behave(2, {.kind = Behaviour::Kind::kRunsUntilStopped});
  world.when_running(1, [](World& w) { w.patch_spec({{"suspend", true}}); });
  for (int turn = 0; turn < 100 && world.status().value("reason", "") != "Suspended"; ++turn) work_a_little(world);
  ASSERT_EQ(world.status()["reason"], "Suspended");
  ASSERT_EQ(world.status()["attempts"], 2);
  world.sync();
  world.clock.advance(std::chrono::hours(1));
}

TEST(StaleViews, ATakeoverWithAnOldSuspendedJobStopsNoResumedPod) {
  World world(kWarmStandby);
  resume_after_a_long_time(world);
  world.hold_standby_watch(Watched::kJobs);
  world.patch_spec({{"suspend", false}});
  run_until_running(world, 2);
  world.sync();
  world.restart();
  for (int turn = 0; turn < 5; ++turn) world.step_with_old_caches();
  world.hold_watch(Watched::kJobs, false);
  expect_second_attempt_to_finish(world);
}

TEST(StaleViews, ATakeoverWithAnOldSuspendedJobClosesNoResumedAttempt) {
  World world(kWarmStandby);
  resume_after_a_long_time(world);
  world.hold_standby_watch(Watched::kJobs);
  world.hold_standby_watch(Watched::kPods);
  world.patch_spec({{"suspend", false}});
  for (int turn = 0; turn < 3 && world.pod(2).is_null(); ++turn) world.step();
  ASSERT_FALSE(world.pod(2).is_null());
  world.restart();
  for (int turn = 0; turn < 5; ++turn) world.step_with_old_caches();
  world.hold_watch(Watched::kJobs, false);
  world.hold_watch(Watched::kPods, false);
  run_until_running(world, 2);
  expect_second_attempt_to_finish(world);
}

// etcd is set back to before a cancellation: the newest Job counts, and it is not cancelled.
TEST(StaleViews, ACancellationThatARestoreUndidStopsNothing) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  run_until_running(world, 1);
  const auto backup = world.api.backup();
  world.patch_spec({{"cancel", true}});
  world.sync();
  world.restore(backup);
  for (int turn = 0; turn < 5; ++turn) world.step_with_old_caches();
  EXPECT_FALSE(world.pod(1)["metadata"].contains("deletionTimestamp"));
  expect_no_harm(world);
}

// etcd is set back to before the second attempt. The leader's pods watch still shows its pod.
TEST(StaleViews, APodThatARestoreUndidIsNotAdopted) {
  World world;
  add_job_with_two_attempts(world);
  run_until_running(world, 1);
  const auto backup = world.api.backup();
  run_until_running(world, 2);
  world.sync();
  world.hold_watch(Watched::kPods);
  world.restore(backup);
  world.step();
  const json history = world.status().value("attemptHistory", json::array());
  ASSERT_EQ(history.size(), 1u) << world.status();
  EXPECT_EQ(history[0]["reason"], "NonZeroExit") << "the end of the first attempt is not skipped";
  expect_no_harm(world);
}

// etcd is set back to before the deletion of a Job, and its leader has not heard of it.
TEST(StaleViews, ADeletionThatWasUndonePurgesNothing) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  const auto backup = world.api.backup();
  world.delete_job();
  world.sync();
  world.restore(backup);
  for (int turn = 0; turn < 5; ++turn) {
    world.step_with_old_caches();
    world.clock.advance(std::chrono::seconds(2));
  }
  EXPECT_TRUE(world.has_folder());
  expect_no_harm(world);
}

// A job has ended and expires by the leader's old view; its Application keeps jobs longer by now, or a restore has
// brought it back as it was when it ran.
TEST(StaleViews, ARestoredJobIsNotRemovedByItsOldEnd) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  run_until_running(world, 1);
  const auto backup = world.api.backup();
  world.behave(1, {});
  world.let_kubelet_work();
  ASSERT_TRUE(world.run());
  ASSERT_EQ(world.status()["phase"], "Finished");
  world.clock.advance(std::chrono::hours(25));
  world.restore(backup);
  world.step_with_old_caches();
  EXPECT_FALSE(world.job().is_null());
  expect_no_harm(world);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.starts_in_all(), 1);
  expect_no_harm(world);
}

// A Job that we removed after its time comes back with a restored etcd: it is over, and goes again.
TEST(StaleViews, AJobThatWasRemovedComesBackWithARestoreAndGoesAgain) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  const auto backup = world.api.backup();
  world.let_jobs_expire();
  ASSERT_TRUE(world.run());
  ASSERT_TRUE(world.job().is_null());
  world.restore(backup);
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.job().is_null()) << world.job().dump();
  EXPECT_TRUE(world.has_status_file());
  EXPECT_EQ(world.starts_in_all(), 1);
  expect_no_harm(world);
}

}  // namespace
}  // namespace vbrain::controller
