#include "controller/webhooks/callback_event.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/webhooks/client_turns.hpp"
#include "job/callback.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::a_job;
using testing::at;

job::Job a_job_of(job::Phase phase) {
  job::Job job = a_job();
  job.spec.callback_url = "https://hooks.example.com/jobs";
  job.status.phase = phase;
  if (phase != job::Phase::kQueued) job.status.start_time = at(5);
  if (job::is_terminal(phase)) {
    job.status.completion_time = at(9);
    job.status.reason = phase == job::Phase::kFailed ? "NonZeroExit" : "Completed";
    job.status.message = "exit code 3";
    job.status.attempts = 2;
  }
  return job;
}

TEST(CallbackEvent, TellsTheNewestState) {
  EXPECT_FALSE(event_of(a_job_of(job::Phase::kQueued)));
  const auto started = event_of(a_job_of(job::Phase::kStarted));
  ASSERT_TRUE(started);
  EXPECT_EQ(started->id, std::string(testing::kJobUid) + "-started");
  EXPECT_FALSE(started->ended);
  EXPECT_EQ(json::parse(started->body), json::parse(R"({"type": "job.started", "timestamp": "2023-11-14T22:13:25.000Z",
      "data": {"job_id": "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", "job_status": "started",
               "repository_id": "202009231629398695", "organization_id": "acme", "application_id": "Tutorial",
               "client_id": "north"}})"));
  const auto failed = event_of(a_job_of(job::Phase::kFailed));
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->id, std::string(testing::kJobUid) + "-ended");
  EXPECT_TRUE(failed->ended);
  const json body = json::parse(failed->body);
  EXPECT_EQ(body["type"], "job.failed");
  EXPECT_EQ(body["timestamp"], "2023-11-14T22:13:29.000Z");
  EXPECT_EQ(body["data"]["job_status"], "failed");
  EXPECT_EQ(body["data"]["reason"], "NonZeroExit");
  EXPECT_EQ(body["data"]["attempts"], 2);
  EXPECT_EQ(json::parse(event_of(a_job_of(job::Phase::kFinished))->body)["type"], "job.finished");
  // The same bytes at each try: what is signed says the same.
  EXPECT_EQ(event_of(a_job_of(job::Phase::kFailed))->body, failed->body);
}

TEST(CallbackEvent, ThereIsNoneWithoutAReceiver) {
  job::Job job = a_job_of(job::Phase::kFinished);
  job.meta.deletion_timestamp = at(10);
  EXPECT_FALSE(event_of(job)) << "deleted";
  job = a_job_of(job::Phase::kFinished);
  job.spec.callback_url.clear();
  EXPECT_FALSE(event_of(job));
}

TEST(CallbackEvent, AMessageThatIsNoTextIsSentAsText) {
  job::Job job = a_job_of(job::Phase::kFailed);
  job.status.message = "\xff";
  EXPECT_TRUE(json::accept(event_of(job)->body));
}

TEST(Callback, IsDueUntilTheResultIsKnownOrADayIsOver) {
  const auto due_at = [](const char* status, std::int64_t now) {
    job::Job job = a_job_of(job::Phase::kFinished);
    if (*status != 0) job.status.conditions.push_back({std::string(job::kCallbackCondition), status, "R", "", at(0)});
    return job::callback_left(job, at(now));
  };
  EXPECT_EQ(due_at("", 9), hours(24));
  EXPECT_EQ(due_at("Unknown", 10), hours(24) - seconds(1));
  EXPECT_EQ(due_at("", 9 + 86'400), milliseconds(0));
  EXPECT_EQ(due_at("", 8), hours(24)) << "the clock went back";
  EXPECT_EQ(due_at("True", 9), milliseconds(0));
  EXPECT_EQ(due_at("False", 9), milliseconds(0));
  EXPECT_FALSE(job::callback_is_due(a_job_of(job::Phase::kStarted)));
}

TEST(DelayAfter, DoublesUpToAnHour) {
  EXPECT_EQ(delay_after(1, 0.5), seconds(5));
  EXPECT_EQ(delay_after(2, 0.5), seconds(10));
  EXPECT_EQ(delay_after(10, 0.5), seconds(2'560));
  EXPECT_EQ(delay_after(11, 0.5), hours(1));
  EXPECT_EQ(delay_after(4'000'000'000U, 0.5), hours(1));
  EXPECT_EQ(delay_after(1, 0), seconds(4));
  EXPECT_EQ(delay_after(1, 1), seconds(6));
}

TEST(ClientTurns, GoRoundWithinATenant) {
  ClientTurns turns(2);
  EXPECT_TRUE(turns.begin("a", "1"));
  EXPECT_TRUE(turns.begin("a", "2"));
  EXPECT_FALSE(turns.begin("a", "3"));
  EXPECT_FALSE(turns.begin("a", "4"));
  EXPECT_FALSE(turns.begin("a", "4")) << "it waits once";
  EXPECT_TRUE(turns.begin("b", "5")) << "another tenant does not wait";
  EXPECT_EQ(turns.end("a"), "3");
  EXPECT_TRUE(turns.begin("a", "3"));
  EXPECT_EQ(turns.pass("3"), std::nullopt) << "it used its turn";
  EXPECT_EQ(turns.end("a"), "4");
  // It was deleted meanwhile.
  EXPECT_EQ(turns.pass("4"), std::nullopt);
  EXPECT_EQ(turns.end("a"), std::nullopt);
}

TEST(ClientTurns, AJobThatIsGonePassesItsTurnOn) {
  ClientTurns turns(1);
  EXPECT_TRUE(turns.begin("a", "1"));
  for (const char* job : {"2", "3", "4"}) EXPECT_FALSE(turns.begin("a", job));
  EXPECT_EQ(turns.end("a"), "2");
  EXPECT_EQ(turns.pass("2"), "3");
  EXPECT_EQ(turns.pass("3"), "4");
  EXPECT_TRUE(turns.begin("a", "4"));
  EXPECT_EQ(turns.end("a"), std::nullopt);
}

}  // namespace
}  // namespace vbrain::controller
