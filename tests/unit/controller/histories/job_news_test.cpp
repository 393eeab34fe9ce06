// What a job that waits, fails or ends leaves for people: conditions, events, counts.
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "unit/controller/planning/plan_cases.hpp"
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
  EXPECT_EQ(condition(write_of(Scene().cancelled().files(closed())).status, "Ended"), "True Cancelled");
  const job::JobStatus bare = bare_facts(write_of(Scene().attempt(1).pod(PodOf().exited(3))).status);
  EXPECT_EQ(condition(bare, "Ended"), "True NonZeroExit");
  EXPECT_EQ(bare.message.find(job::tell("NonZeroExit", "")), 0u) << bare.message;
}

// kubectl wait passes over conditions of an older generation, and the spec of an ended job may still change.
TEST(JobNews, AnEndNamesNoGeneration) {
  Snapshot waited = Scene().attempt(1).pod(PodOf().succeeded()).build();
  waited.job.status = write_of(Scene().attempt(1).pod(PodOf().waiting("ErrImagePull"), 1'000)).status;
  Snapshot recorded = Scene().attempt(1).build();
  recorded.record = write_of(Scene().attempt(1).pod(PodOf().exited(3))).status;
  const job::JobStatus failed = write_of(Scene().attempt(1).pod(PodOf().exited(3))).status;
  const job::JobStatus ends[] = {std::get<WriteStatus>(plan(waited).actions.at(0)).status,
                                 std::get<WriteStatus>(plan(recorded).actions.at(0)).status, failed, bare_facts(failed),
                                 write_of(Scene().cancelled().files(closed())).status};
  for (const job::JobStatus& end : ends) {
    EXPECT_EQ(job::encode(end).dump().find("observedGeneration"), std::string::npos) << job::encode(end).dump();
    EXPECT_EQ(condition(end, "Ended").substr(0, 4), "True");
  }
  EXPECT_NE(job::encode(write_of(Scene()).status).dump().find("observedGeneration"), std::string::npos);
}

TEST(JobNews, ASuspendedJobKeepsItsConditionOverAttempts) {
  Snapshot running = Scene().attempt(1).pod(PodOf().running(), 60'000).reason("Running").suspended().build();
  running.job.status.node_name = "node1";
  const job::JobStatus told = std::get<WriteStatus>(plan(running).actions.at(0)).status;
  Snapshot failed = Scene().attempt(1).pod(PodOf().exited(3)).backoff_limit(1).suspended().build();
  failed.job.status = told;
  const job::JobStatus next = std::get<WriteStatus>(plan(failed).actions.at(0)).status;
  EXPECT_EQ(next.attempts, 2);
  EXPECT_EQ(condition(next, "Suspended"), "True Suspended");
  Snapshot found = Scene().attempt(1).suspended().build();
  found.job.status = told;
  found.newest_attempt = 2;
  EXPECT_EQ(condition(std::get<WriteStatus>(plan(found).actions.at(0)).status, "Suspended"), "True Suspended");
  Snapshot ended = Scene().attempt(1).pod(PodOf().succeeded()).suspended().build();
  ended.job.status = told;
  EXPECT_EQ(condition(std::get<WriteStatus>(plan(ended).actions.at(0)).status, "Suspended"), "False Completed");
  Snapshot cancelled = Scene().suspended().cancelled().files(closed()).build();
  cancelled.job.status.conditions = told.conditions;
  EXPECT_EQ(condition(std::get<WriteStatus>(plan(cancelled).actions.at(0)).status, "Suspended"), "False Cancelled");
  EXPECT_EQ(condition(write_of(Scene().attempt(1).pod(PodOf().succeeded())).status, "Suspended"), "")
      << "who never was suspended has none";
}

TEST(JobNews, AnAttemptThatIsFoundWaitsForNothing) {
  Snapshot found = Scene().attempt(1).build();
  found.job.status = write_of(Scene().attempt(1).pod(PodOf().waiting("ErrImagePull"), 1'000)).status;
  found.newest_attempt = 2;
  EXPECT_EQ(condition(std::get<WriteStatus>(plan(found).actions.at(0)).status, "Waiting"), "False Recovering");
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
  for (const int exit_code : {125, 127}) {
    const auto report = testing::an_outcome(artifacts::Outcome::Kind::kExecFailed, exit_code);
    const Scene unable = Scene().attempt(1).pod(PodOf().ended(exit_code, artifacts::encode_outcome(report)));
    EXPECT_EQ(write_of(unable).status.started_attempts, 0) << "the runner came, and could not start the command";
  }
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
  Snapshot running = Scene().attempt(1).pod(PodOf().running(), 60'000).build();
  running.job.status = begins.status;
  running.job.status.reason = "Running";
  running.job.status.node_name = "node1";
  const WriteStatus corrected = std::get<WriteStatus>(plan(running).actions.at(0));
  EXPECT_EQ(condition(corrected.status, "ClientFound"), "True Found") << "and nothing else did for hours";
  EXPECT_FALSE(corrected.notice);
  EXPECT_EQ(condition(write_of(Scene()).status, "ClientFound"), "") << "the usual case needs no condition";
}

// A Job and its Application or Client may be created together, and each kind has its own watch.
TEST(JobNews, NothingIsMissingBeforeTheOtherWatchesMayHaveShownIt) {
  expect_all({
      {"its Client may come", Scene().without_client().known_for(1'000), "", std::chrono::seconds(2)},
      {"its Client did not come", Scene().without_client().known_for(3'000), "status Started Starting 1 warning"},
      {"its Application may come", Scene().without_application().known_for(1'000), "", std::chrono::seconds(2)},
      {"its Application did not come", Scene().without_application().known_for(3'000),
       "status Queued UnknownApplication 0 warning"},
      {"both are there", Scene().known_for(0), "status Started Starting 1"},
      {"suspended", Scene().without_client().suspended().known_for(0), "status Queued Suspended 0 event"},
  });
  EXPECT_EQ(condition(write_of(Scene().without_client().suspended().known_for(0)).status, "ClientFound"), "");
}

std::vector<std::string> reasons_of_events(World& world) {
  world.restart();  // waits for the events
  std::vector<std::string> reasons;
  for (const std::string& event : world.events()) reasons.push_back(json::parse(event)["reason"]);
  return reasons;
}

TEST(JobNews, AJobThatSucceedsAtOnceHasOneStatusWriteAndOneEvent) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.count("PUT jobs/status"), 1);
  EXPECT_EQ(world.count("POST pods"), 1);
  EXPECT_EQ(world.count("GET jobs"), 0);
  EXPECT_EQ(reasons_of_events(world), std::vector<std::string>{"Completed"});
  EXPECT_EQ(condition_of(world, "Ended")["status"], "True");
}

// etcd was restored from a backup; the volume has the record.
TEST(JobNews, AnEndThatIsReadFromItsRecordIsNotCountedAgain) {
  World world;
  world.add_application();
  world.add_job();
  world.sync();
  const auto backup = world.api.backup();
  ASSERT_TRUE(world.run());
  world.restore(backup);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.starts_in_all(), 1);
  EXPECT_NE(world.metrics().find("vbrain_jobs_ended_total{phase=\"Finished\",reason=\"Completed\"} 1\n"),
            std::string::npos);
  EXPECT_EQ(reasons_of_events(world), std::vector<std::string>{"Completed"});
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
