#include "controller/webhooks/callback_event.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
  EXPECT_EQ(started->id, std::string(testing::kJobId) + "-started");
  EXPECT_FALSE(started->ended);
  EXPECT_EQ(json::parse(started->body), json::parse(R"({"type": "job.started", "timestamp": "2023-11-14T22:13:25.000Z",
      "data": {"job_id": "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", "job_status": "started",
               "repository_id": "202009231629398695", "organization_id": "acme", "application_id": "Tutorial",
               "client_id": "north"}})"));
  const auto failed = event_of(a_job_of(job::Phase::kFailed));
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->id, std::string(testing::kJobId) + "-ended");
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

// A cluster that was restored makes another object of the same job, and receivers tell events apart by the id.
TEST(CallbackEvent, AJobThatWasMadeAgainHasTheSameIds) {
  for (const job::Phase phase : {job::Phase::kStarted, job::Phase::kFinished}) {
    const job::Job before = a_job_of(phase);
    job::Job again = before;
    again.meta.uid = "another";
    again.meta.resource_version = "1";
    again.meta.creation_timestamp = at(50'000);
    again.status.start_time = at(50'001);
    again.status.attempts = 1;
    EXPECT_EQ(event_of(again)->id, event_of(before)->id);
  }
  EXPECT_NE(event_of(a_job_of(job::Phase::kStarted))->id, event_of(a_job_of(job::Phase::kFinished))->id);
  // Whether it finished or failed is one event: there is one end.
  EXPECT_EQ(event_of(a_job_of(job::Phase::kFailed))->id, event_of(a_job_of(job::Phase::kFinished))->id);
}

TEST(Callback, IsDueUntilTheResultIsKnown) {
  const auto job_with = [](const char* status) {
    job::Job job = a_job_of(job::Phase::kFinished);
    if (*status != 0) job.status.conditions.push_back({std::string(job::kCallbackCondition), status, "R", "", at(70)});
    return job;
  };
  EXPECT_TRUE(job::callback_is_due(job_with("")));
  EXPECT_TRUE(job::callback_is_due(job_with("Unknown")));
  EXPECT_FALSE(job::callback_is_due(job_with("True")));
  EXPECT_FALSE(job::callback_is_due(job_with("False")));
  EXPECT_FALSE(job::callback_is_due(a_job_of(job::Phase::kStarted)));
  EXPECT_EQ(job::callback_failing_since(job_with("Unknown")), at(70));
  EXPECT_EQ(job::callback_failing_since(job_with("")), std::nullopt);
  EXPECT_EQ(job::callback_failing_since(job_with("True")), std::nullopt);
}

TEST(Callback, OfANewJobMayBeRemovedByOlderDefinitions) {
  const std::string url = "https://hooks.example.com/";
  EXPECT_TRUE(job::callback_was_kept(url, {{"spec", {{"callbackURL", url}}}}));
  EXPECT_FALSE(job::callback_was_kept(url, {{"spec", {{"username", "ana"}}}}));
  EXPECT_FALSE(job::callback_was_kept(url, json::object()));
  EXPECT_FALSE(job::callback_was_kept(url, {{"spec", {{"callbackURL", nullptr}}}}));
  EXPECT_TRUE(job::callback_was_kept("", {{"spec", {{"username", "ana"}}}})) << "there was none";
}

TEST(Callback, IsGivenUpAfterADay) {
  EXPECT_EQ(job::callback_left(at(9), at(9)), hours(24));
  EXPECT_EQ(job::callback_left(at(9), at(10)), hours(24) - seconds(1));
  EXPECT_EQ(job::callback_left(at(9), at(9 + 86'400)), milliseconds(0));
  EXPECT_EQ(job::callback_left(at(9), at(9 + 864'000)), milliseconds(0));
  EXPECT_EQ(job::callback_left(at(9), at(8)), hours(24)) << "the clock went back";
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

}  // namespace
}  // namespace vbrain::controller
