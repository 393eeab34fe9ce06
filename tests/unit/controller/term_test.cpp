// The begin of a leader's term, and the moment when it may have ended.
#include <gtest/gtest.h>

#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

using testing::World;

std::shared_ptr<const job::Job> a_job_of(const std::string& name, job::Phase phase, bool deleted = false) {
  job::Job job = testing::a_job();
  job.meta.name = name;
  job.status.phase = phase;
  if (deleted) job.meta.deletion_timestamp = testing::at(1);
  return std::make_shared<const job::Job>(std::move(job));
}

TEST(Term, BeginsWithTheJobsThatUsersWaitFor) {
  kube::Cache<job::Job> jobs;
  std::set<std::string> live;
  std::set<std::string> ended;
  const auto put = [&](std::set<std::string>& names, job::Phase phase, bool deleted) {
    const std::string name = "job-" + std::to_string(live.size() + ended.size());
    jobs.put(name, a_job_of(name, phase, deleted));
    names.insert(name);
  };
  for (int i = 0; i < 20; ++i) {
    put(ended, job::Phase::kFinished, false);
    put(ended, job::Phase::kFailed, false);
    put(live, job::Phase::kQueued, false);
    put(live, job::Phase::kStarted, false);
    put(live, job::Phase::kFinished, true);
  }
  const std::vector<std::string> names = live_jobs_first(jobs);
  ASSERT_EQ(names.size(), 100u);
  EXPECT_EQ(std::set(names.begin(), names.begin() + 60), live);
  EXPECT_EQ(std::set(names.begin() + 60, names.end()), ended);
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
