// For how long receivers are told, over restarts and over the loss of objects.
#include "unit/controller/webhooks/deliverer_fixture.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST_F(DelivererTest, GivesUpADayAfterTheFirstTry) {
  answers_ = {500};
  last_stays_ = true;
  put_job(job::Phase::kFinished);
  work();
  for (int i = 0; i < 24 * 60 - 1; ++i) after(minutes(1));
  EXPECT_EQ(result(), "Unknown BadStatus");
  const std::size_t tries = posts_.size();
  EXPECT_GE(tries, 30u);
  EXPECT_LE(tries, 42u);
  after(minutes(1));
  EXPECT_EQ(result(), "False GivenUp");
  EXPECT_THAT(condition()->message,
              HasSubstr("the last try failed: BadStatus: the receiver has answered 500. Remedy: "));
  after(hours(24));
  EXPECT_EQ(posts_.size(), tries);
  EXPECT_THAT(events(),
              UnorderedElementsAre(HasSubstr("CallbackWaits: BadStatus"), HasSubstr("CallbackGivenUp: GivenUp")));
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_webhooks_given_up_total{reason=\"GivenUp\"} 1"));
}

TEST_F(DelivererTest, AReceiverThatIsGoneIsToldNoMore) {
  answers_ = {410};
  put_job(job::Phase::kStarted);
  work();
  put_job(job::Phase::kFinished);
  work();
  after(hours(2));
  EXPECT_THAT(bodies_, ElementsAre("job.started"));
  EXPECT_EQ(result(), "False Gone");
}

TEST_F(DelivererTest, ANewLeaderTellsWhatIsNotRecorded) {
  answers_ = {500, 500};
  put_job(job::Phase::kFinished);
  put_job(job::Phase::kStarted, "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e");
  work();
  EXPECT_EQ(posts_.size(), 2u);
  begin_term();
  work();
  EXPECT_EQ(posts_.size(), 4u);
  EXPECT_EQ(result(), "True Delivered");
  begin_term();
  work();
  EXPECT_EQ(posts_.size(), 5u) << "a job that runs is told again, by the same id; the ended one is not";
  EXPECT_EQ(field(posts_[4], "webhook-id"), field(posts_[3], "webhook-id").ends_with("started")
                                                ? field(posts_[3], "webhook-id")
                                                : field(posts_[2], "webhook-id"));
}

// The day counts from the first try: if nobody leads for days, receivers are told afterwards.
TEST_F(DelivererTest, ANewLeaderTellsHoweverOldTheEndIs) {
  put_job(job::Phase::kFinished);
  clock_.advance(hours(24 * 30));
  begin_term();
  work();
  EXPECT_THAT(bodies_, ElementsAre("job.finished"));
  EXPECT_EQ(result(), "True Delivered");
}

// What was tried late and failed is recorded at once, so that the day has an end although leaders come and go.
TEST_F(DelivererTest, TheDayOfALateTryIsOneForAllLeaders) {
  answers_ = {500};
  last_stays_ = true;
  put_job(job::Phase::kFinished);
  clock_.advance(hours(72));
  begin_term();
  work();
  EXPECT_EQ(posts_.size(), 1u);
  EXPECT_EQ(result(), "Unknown BadStatus");
  const base::TimePoint first = clock_.now();
  EXPECT_EQ(condition()->last_transition_time, first);
  EXPECT_THAT(condition()->message, HasSubstr("until " + base::format_rfc3339_seconds(first + hours(24))));
  for (int i = 1; i < 12; ++i) {
    clock_.advance(hours(2));
    begin_term();
    work();
    EXPECT_EQ(condition()->status, "Unknown") << i;
    EXPECT_EQ(condition()->last_transition_time, first) << i;
  }
  for (int i = 0; i < 120; ++i) after(minutes(1));
  EXPECT_EQ(result(), "False GivenUp");
  EXPECT_THAT(condition()->message, HasSubstr("within 24 h of the first try; the last try failed: BadStatus"));
}

// An earlier leader has tried, and then nobody led for two days.
TEST_F(DelivererTest, ANewLeaderTriesOnceWhatIsOver) {
  for (const bool answers : {true, false}) {
    const std::string name = std::string("01939c3e-7a61-7c0e-9f7e-00000000000") + (answers ? "1" : "2");
    last_stays_ = true;
    answers_ = {500};
    put_job(job::Phase::kFinished, name);
    work();
    for (int i = 0; i < 10; ++i) after(minutes(1));
    EXPECT_EQ(result(name), "Unknown BadStatus");
    clock_.advance(hours(48));
    if (answers) answers_.clear();
    posts_.clear();
    begin_term();
    work();
    after(minutes(1));
    EXPECT_EQ(posts_.size(), 1u);
    EXPECT_EQ(result(name), answers ? "True Delivered" : "False GivenUp");
  }
}

// Receivers that hang let a tenant's jobs wait; they do not pile up for ever.
TEST_F(DelivererTest, AJobWhoseTurnDoesNotComeIsGivenUpAfterADay) {
  const auto name = [](int number) { return "01939c3e-7a61-7c0e-9f7e-00000000000" + std::to_string(number); };
  for (int i = 1; i <= 3; ++i) put_job(job::Phase::kFinished, name(i));
  int depth = 0;
  meanwhile_ = [&] {
    ++depth;
    while (loop_->work_once()) {
    }
    if (depth == 2) clock_.advance(hours(25));
  };
  work();
  watch_all();
  work();
  EXPECT_EQ(posts_.size(), 2u);
  std::vector<std::string> results;
  for (int i = 1; i <= 3; ++i) results.push_back(result(name(i)));
  EXPECT_THAT(results, UnorderedElementsAre("True Delivered", "True Delivered", "False GivenUp"));
}

// A Job that was deleted and made again under its name, or made again from the volume, is told as a new one.
TEST_F(DelivererTest, AnotherJobWithTheNameIsToldAgainByTheSameId) {
  put_job(job::Phase::kStarted);
  work();
  json object = api_.object(testing::kJob);
  object["metadata"]["uid"] = "another";
  api_.erase(testing::kJob);
  api_.put(kJobs, object);
  watch(testing::kJobId);
  work();
  ASSERT_EQ(posts_.size(), 2u);
  EXPECT_EQ(field(posts_[0], "webhook-id"), field(posts_[1], "webhook-id"));
}

}  // namespace
}  // namespace vbrain::controller
