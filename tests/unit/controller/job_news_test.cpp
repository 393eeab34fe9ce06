// What a job that waits, fails or ends leaves for people: conditions, events, counts.
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "unit/controller/plan_cases.hpp"
#include "unit/controller/world/paths.hpp"
#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::closed;
using testing::expect_all;
using testing::PodOf;
using testing::Scene;
using testing::World;

WriteStatus write_of(const Scene& scene) {
  return std::get<WriteStatus>(plan(scene.build()).actions.at(0));
}

std::string condition(const job::JobStatus& status, std::string_view type) {
  const kube::Condition* found = status.condition(type);
  return found == nullptr ? "" : found->status + " " + found->reason;
}

json condition_of(const World& world, const std::string& type) {
  for (const json& item : world.status().value("conditions", json::array())) {
    if (item["type"] == type) return item;
  }
  return {};
}

TEST(JobNews, OneEventWhenAJobBeginsToWaitOrLosesAnAttempt) {
  const Failure quota{.reason = "QuotaExceeded", .message = "exceeded quota", .capacity = true};
  expect_all({
      {"its image can't be pulled", Scene().attempt(1).pod(PodOf().waiting("ErrImagePull"), 1'000),
       "status Started ErrImagePull 1 warning"},
      {"a quota is full", Scene().attempt(1).refused(quota), "status Started QuotaExceeded 1 warning"},
      {"an attempt is lost", Scene().attempt(1).pod(PodOf().exited(3)).backoff_limit(1),
       "status Started Retrying 2 warning"},
      {"no Application", Scene().without_application(), "status Queued UnknownApplication 0 warning"},
      {"suspended by its user", Scene().suspended(), "status Queued Suspended 0 event"},
      {"in line with others", Scene().not_its_turn("waiting"), "status Queued ConcurrencyLimit 0 event"},
      {"it goes on", Scene().attempt(1).pod(PodOf(), 5'000).events({}).reason("ErrImagePull"),
       "status Started Starting 1"},
      {"it runs", Scene().attempt(1).pod(PodOf().running(), 1'000), "status Started Running 1"},
  });
  const WriteStatus write = write_of(Scene().attempt(1).pod(PodOf().waiting("ErrImagePull", "not found"), 1'000));
  ASSERT_TRUE(write.notice);
  EXPECT_EQ(write.notice->note, job::tell("ErrImagePull", "not found"));
  EXPECT_EQ(write.notice->note, write.status.message) << "the same words everywhere";
}

TEST(JobNews, TheConditionWaitingComesAndGoes) {
  const job::JobStatus waits =
      write_of(Scene().attempt(1).pod(PodOf().waiting("ErrImagePull", "not found"), 1'000)).status;
  EXPECT_EQ(condition(waits, "Waiting"), "True ErrImagePull");
  EXPECT_EQ(waits.condition("Waiting")->message, waits.message);
  Snapshot runs = Scene().attempt(1).pod(PodOf().running(), 1'000).build();
  runs.job.status = waits;
  EXPECT_EQ(condition(std::get<WriteStatus>(plan(runs).actions.at(0)).status, "Waiting"), "False Running");
  Snapshot ended = Scene().attempt(1).pod(PodOf().succeeded()).build();
  ended.job.status = waits;
  EXPECT_EQ(condition(std::get<WriteStatus>(plan(ended).actions.at(0)).status, "Waiting"), "False Completed");
  EXPECT_EQ(condition(write_of(Scene()).status, "Waiting"), "") << "who never waited has none";
}

TEST(JobNews, TheConditionEndedIsTrueAtEitherEnd) {
  EXPECT_EQ(condition(write_of(Scene().attempt(1).pod(PodOf().succeeded())).status, "Ended"), "True Completed");
  EXPECT_EQ(condition(write_of(Scene().attempt(1).pod(PodOf().exited(3))).status, "Ended"), "True NonZeroExit");
  EXPECT_EQ(condition(write_of(Scene().cancelled()).status, "Ended"), "True Cancelled");
  const job::JobStatus bare = bare_facts(write_of(Scene().attempt(1).pod(PodOf().exited(3))).status);
  EXPECT_EQ(condition(bare, "Ended"), "True NonZeroExit");
}

TEST(JobNews, ASuspensionOfARunningJobIsSeen) {
  Scene scene = Scene().attempt(1).pod(PodOf().running(), 60'000).reason("Running").suspended();
  Snapshot snapshot = scene.build();
  snapshot.job.status.node_name = "node1";
  const WriteStatus told = std::get<WriteStatus>(plan(snapshot).actions.at(0));
  EXPECT_EQ(condition(told.status, "Suspended"), "True Suspended");
  EXPECT_EQ(told.status.reason, "Running");
  EXPECT_EQ(told.status.phase, job::Phase::kStarted);
  ASSERT_TRUE(told.notice);
  EXPECT_FALSE(told.notice->warning);
  snapshot.job.status = told.status;
  EXPECT_TRUE(plan(snapshot).actions.empty()) << "said once";
  snapshot.job.spec.suspend = false;
  const WriteStatus resumed = std::get<WriteStatus>(plan(snapshot).actions.at(0));
  EXPECT_EQ(condition(resumed.status, "Suspended"), "False Resumed");
}

TEST(JobNews, OnlyAttemptsThatStartedTheirApplicationAreCounted) {
  const PodOf late = PodOf().waiting("ErrImagePull");
  EXPECT_EQ(write_of(Scene()).status.started_attempts, 0) << "claimed";
  EXPECT_EQ(write_of(Scene().attempt(1).pod(late, 5'000).pre_running_deadline(60).after(60).files(closed()))
                .status.started_attempts,
            0);
  EXPECT_EQ(write_of(Scene().attempt(1).pod(PodOf().succeeded())).status.started_attempts, 1) << "too short to be seen";
  const job::JobStatus runs = write_of(Scene().attempt(1).pod(PodOf().running(), 1'000)).status;
  EXPECT_EQ(runs.started_attempts, 1);
  Snapshot ended = Scene().attempt(1).pod(PodOf().exited(3)).backoff_limit(1).build();
  ended.job.status = runs;
  const job::JobStatus next = std::get<WriteStatus>(plan(ended).actions.at(0)).status;
  EXPECT_EQ(next.started_attempts, 1) << "not counted twice";
  EXPECT_EQ(next.attempts, 2);
  EXPECT_FALSE(next.running_time);
}

// Jobs made with kubectl may name anything.
TEST(JobNews, AJobWithoutAClientRunsAndSaysSo) {
  Snapshot lonely = Scene().build();
  lonely.turn.client_found = false;
  const WriteStatus begins = std::get<WriteStatus>(plan(lonely).actions.at(0));
  EXPECT_EQ(begins.status.phase, job::Phase::kStarted);
  EXPECT_EQ(condition(begins.status, "ClientFound"), "False UnknownClient");
  ASSERT_TRUE(begins.notice);
  EXPECT_TRUE(begins.notice->warning);
  EXPECT_EQ(begins.notice->note, job::tell("UnknownClient", ""));
  Snapshot ended = Scene().attempt(1).pod(PodOf().succeeded()).build();
  ended.job.status = begins.status;
  const job::JobStatus end = std::get<WriteStatus>(plan(ended).actions.at(0)).status;
  EXPECT_EQ(condition(end, "ClientFound"), "True Found") << "the Client came";
  EXPECT_EQ(condition(write_of(Scene()).status, "ClientFound"), "") << "the usual case needs no condition";
}

std::vector<std::string> reasons_of_events(World& world) {
  world.restart();  // waits for the events
  std::vector<std::string> reasons;
  for (const std::string& event : world.events()) reasons.push_back(json::parse(event)["reason"]);
  return reasons;
}

TEST(JobNews, AJobThatSucceedsAtOnceHasTwoStatusWritesAndOneEvent) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.count("PUT jobs/status"), 2);
  EXPECT_EQ(world.count("POST pods"), 1);
  EXPECT_EQ(reasons_of_events(world), std::vector<std::string>{"Completed"});
  EXPECT_EQ(condition_of(world, "Ended")["status"], "True");
}

TEST(JobNews, AJobThatIsRetriedSaysSoInItsEvents) {
  World world;
  world.add_application([](json& spec) { spec["backoffLimit"] = 1; });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(reasons_of_events(world), (std::vector<std::string>{"Retrying", "Completed"}));
  EXPECT_EQ(world.status()["startedAttempts"], 2);
}

}  // namespace
}  // namespace vbrain::controller
