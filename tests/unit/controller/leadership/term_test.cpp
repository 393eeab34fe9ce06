// The begin of a leader's term, and the moment when it may have ended.
#include <gtest/gtest.h>

#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

using testing::World;

job::Job a_job_in(job::Phase phase, bool deleted = false) {
  job::Job job = testing::a_job();
  job.status.phase = phase;
  if (deleted) job.meta.deletion_timestamp = testing::at(1);
  return job;
}

TEST(Urgency, ThoseWhoWaitForResultsComeFirst) {
  using enum kube::Urgency;
  struct Case {
    job::Phase phase;
    bool deleted;
    bool has_pod;
    kube::Urgency want;
  };
  for (const auto& [phase, deleted, has_pod, want] :
       {Case{job::Phase::kQueued, false, false, kNormal}, Case{job::Phase::kQueued, false, true, kHigh},
        Case{job::Phase::kStarted, false, true, kHigh}, Case{job::Phase::kStarted, false, false, kNormal},
        Case{job::Phase::kStarted, true, true, kHigh}, Case{job::Phase::kFinished, false, true, kLow},
        Case{job::Phase::kFailed, false, false, kLow}, Case{job::Phase::kFinished, true, false, kNormal}}) {
    const job::Job job = a_job_in(phase, deleted);
    EXPECT_EQ(urgency_of(&job, has_pod), want) << job::to_string(phase) << deleted << has_pod;
  }
  EXPECT_EQ(urgency_of(nullptr, true), kLow) << "it is gone";
}

// The volume needs longer for its work than the Lease lasts, as often as `what` is asked for.
void lose_lease_during(World& world, const std::string& what) {
  world.volume_refuses = [&world, what](const std::string& asked) {
    if (asked == what) world.may_write = false;
    return false;
  };
}

void go_on_as_leader(World& world) {
  world.volume_refuses = [](const std::string&) { return false; };
  world.may_write = true;
}

TEST(Term, WhoMayHaveLostTheLeaseCreatesNoPod) {
  World world;
  world.add_application();
  world.add_job();
  lose_lease_during(world, "prepare");
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(world.step().kind, kube::ReconcileResult::Kind::kRetryable) << "another term may begin";
  }
  EXPECT_EQ(world.count("POST pods"), 0);
  EXPECT_TRUE(world.status()["reason"].is_null()) << "this is no failure of the job";
  go_on_as_leader(world);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.starts_in_all(), 1);
}

TEST(Term, ALeaderNeedsNoReadForANewJob) {
  World world;
  world.add_application();
  world.add_job(true);
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.has_folder());
  EXPECT_EQ(world.count("GET"), 0);
}

// A leader that was suspended for long, after its decision, makes the folder of a job that its successor has removed.
TEST(Term, WhoMayHaveLostTheLeaseKeepsNoFolderOfARemovedJob) {
  World world;
  world.add_application();
  world.add_job(true);
  world.volume_refuses = [&world](const std::string& asked) {
    if (asked == "prepare") {
      world.may_write = false;
      world.erase_job();
    }
    return false;
  };
  world.step();
  EXPECT_FALSE(world.has_folder());
  EXPECT_EQ(world.count("POST pods"), 0);
}

// The same for a job that is cancelled before it starts: its folder is made for the claim.
TEST(Term, WhoMayHaveLostTheLeaseKeepsNoClaimOfARemovedJob) {
  World world;
  world.add_application();
  world.add_job(true);
  world.patch_spec({{"cancel", true}});
  world.volume_refuses = [&world](const std::string& asked) {
    if (asked == "close") {
      world.may_write = false;
      world.erase_job();
    }
    return false;
  };
  world.step();
  EXPECT_FALSE(world.has_folder());
}

TEST(Term, WhoMayHaveLostTheLeaseRemovesNoJob) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  world.clock.advance(std::chrono::hours(25));
  lose_lease_during(world, "archive");
  world.step();
  EXPECT_EQ(world.count("DELETE jobs"), 0);
  go_on_as_leader(world);
  world.step();
  EXPECT_TRUE(world.job().is_null());
  EXPECT_TRUE(world.has_status_file());
}

TEST(Term, WhoMayHaveLostTheLeaseWritesNothing) {
  World world;
  world.add_application();
  world.add_job();
  world.may_write = false;
  world.step();
  EXPECT_EQ(world.writes(), 0);
}

}  // namespace
}  // namespace vbrain::controller
