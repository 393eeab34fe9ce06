#include "controller/space/retention_rules.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;

EndedJob ended(std::int64_t seconds, std::string id = "j") {
  return {testing::at(seconds), std::move(id) + std::to_string(seconds)};
}

TEST(RetentionRules, RemoveWhatIsTooOldOrTooMany) {
  const std::vector<EndedJob> oldest{ended(10), ended(20), ended(30)};
  constexpr std::int64_t kLater = 10'000;
  const struct {
    const char* what;
    job::Retention retention;
    std::size_t ended;
    std::size_t want;
    std::int64_t now = kLater;
  } cases[] = {
      {"no limit", {}, 3, 0},
      {"none is old enough", {.jobs_max_age_seconds = kLater - 9}, 3, 0},
      {"the first is as old as allowed", {.jobs_max_age_seconds = kLater - 10}, 3, 1},
      {"all are too old", {.jobs_max_age_seconds = 60}, 3, 3},
      {"as many as allowed", {.jobs_max_count = 3}, 3, 0},
      {"one too many", {.jobs_max_count = 2}, 3, 1},
      {"more too many than are known", {.jobs_max_count = 2}, 100, 3},
      {"the age removes more", {.jobs_max_age_seconds = kLater - 20, .jobs_max_count = 2}, 3, 2},
      {"the count removes more", {.jobs_max_age_seconds = kLater - 10, .jobs_max_count = 1}, 3, 2},
      {"a limit of repositories is none of jobs", {.repositories_unused_seconds = 60}, 3, 0},
      {"no number of jobs is zero", {.jobs_max_count = 0}, 3, 0},
      {"nor less", {.jobs_max_count = -1}, 3, 0},
      {"too many, but none ended an hour ago", {.jobs_max_count = 1}, 3, 0, 3'609},
      {"too many, and one ended an hour ago", {.jobs_max_count = 1}, 3, 1, 3'610},
      {"an age may be less than an hour", {.jobs_max_age_seconds = 60, .jobs_max_count = 1}, 3, 3, 90},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(count_expired(c.retention, oldest, c.ended, testing::at(c.now)), c.want) << c.what;
  }
}

TEST(RetentionRules, AValueBelowTheSchemasMinimumIsNoLimit) {
  const struct {
    json retention;
    job::Retention want;
  } cases[] = {
      {{{"jobsMaxCount", 0}}, {}},
      {{{"jobsMaxCount", -5}}, {}},
      {{{"jobsMaxCount", 1}}, {.jobs_max_count = 1}},
      {{{"jobsMaxAgeSeconds", 0}, {"repositoriesUnusedSeconds", 59}}, {}},
      {{{"jobsMaxAgeSeconds", -60}, {"repositoriesUnusedSeconds", 60}}, {.repositories_unused_seconds = 60}},
  };
  for (const auto& c : cases) EXPECT_EQ(job::decode_retention({{"retention", c.retention}}), c.want) << c.retention;
}

TEST(RetentionRules, TheStricterOfApplicationAndClientWins) {
  const job::Retention left{.jobs_max_age_seconds = 10, .jobs_max_count = 7};
  const job::Retention right{.jobs_max_age_seconds = 20, .jobs_max_count = 5, .repositories_unused_seconds = 3};
  const job::Retention want{.jobs_max_age_seconds = 10, .jobs_max_count = 5, .repositories_unused_seconds = 3};
  EXPECT_EQ(job::stricter(left, right), want);
  EXPECT_EQ(job::stricter(right, left), want);
  EXPECT_EQ(job::stricter(left, {}), left);
}

TEST(RetentionRules, TheWeakerOfTwoHasTheLargerValuesAndFewerLimits) {
  const job::Retention left{.jobs_max_age_seconds = 100, .jobs_max_count = 7};
  const job::Retention right{.jobs_max_age_seconds = 200, .jobs_max_count = 5, .repositories_unused_seconds = 300};
  const job::Retention want{.jobs_max_age_seconds = 200, .jobs_max_count = 7};
  EXPECT_EQ(job::weaker(left, right), want);
  EXPECT_EQ(job::weaker(right, left), want);
  EXPECT_EQ(job::weaker(left, {}), job::Retention{});
}

TEST(RetentionRules, OnlyAnUnusedRepositoryExpires) {
  const job::Retention retention{.repositories_unused_seconds = 60};
  artifacts::ScannedRepository repository{.id = "202009231629398695", .changed = testing::at(0)};
  EXPECT_FALSE(is_expired(retention, repository, testing::at(59)));
  EXPECT_TRUE(is_expired(retention, repository, testing::at(60)));
  EXPECT_FALSE(is_expired({}, repository, testing::at(1'000'000)));
  repository.half_removed = true;
  EXPECT_FALSE(is_expired({}, repository, testing::at(1'000'000))) << "nothing goes without a limit";
  EXPECT_TRUE(is_expired(retention, repository, testing::at(0)));
  repository.half_removed = false;
  repository.used = true;
  EXPECT_FALSE(is_expired(retention, repository, testing::at(60)));
}

TEST(RetentionRules, ClocksMayDifferByTenMinutes) {
  EXPECT_TRUE(clocks_agree(testing::at(600), testing::at(0)));
  EXPECT_TRUE(clocks_agree(testing::at(0), testing::at(600)));
  EXPECT_FALSE(clocks_agree(testing::at(601), testing::at(0)));
  EXPECT_FALSE(clocks_agree(testing::at(0), testing::at(601)));
}

TEST(RetentionRules, AClockThatWasWrongWhenAJobEndedMakesItNoOlder) {
  const struct {
    const char* what;
    std::int64_t completed;
    std::int64_t recorded;
    std::int64_t want;
  } cases[] = {
      {"recorded at once", 500, 500, 500},
      {"recorded later", 500, 510, 510},
      {"the clock was behind", -1'000'000, 500, 500},
      {"the clock was ahead", 500, 400, 500},
      {"the clock was so far ahead that the time is to come", 2'000, 400, 2'000},
      {"the file server's clock was ahead", 500, 3'000, 3'000},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(end_of_job(testing::at(c.completed), testing::at(c.recorded)), testing::at(c.want)) << c.what;
  }
}

TEST(OldestJobs, GoesOnAfterThoseOfTheLastWalk) {
  OldestJobs jobs(2, ended(3));
  for (const int at : {5, 1, 9, 3, 7}) jobs.add(ended(at));
  EXPECT_EQ(jobs.count(), 3U);
  ASSERT_EQ(jobs.list().size(), 2U);
  EXPECT_EQ(jobs.list()[0].id, "j5");
}

TEST(OldestJobs, KeepsTheOldestAndCountsAll) {
  OldestJobs jobs(2);
  for (const int at : {5, 1, 9, 3}) jobs.add(ended(at));
  EXPECT_EQ(jobs.count(), 4U);
  ASSERT_EQ(jobs.list().size(), 2U);
  EXPECT_EQ(jobs.list()[0].id, "j1");
  EXPECT_EQ(jobs.list()[1].id, "j3");
}

}  // namespace
}  // namespace vbrain::controller
