#include "api-server/waits/run_times.hpp"

#include <gtest/gtest.h>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using std::chrono::seconds;

TEST(RetryAfter, IsWhenJobsOfTheApplicationUsuallyEnd) {
  const base::TimePoint now{std::chrono::hours(500'000)};
  const struct {
    const char* name;
    job::Phase phase;
    std::optional<seconds> runs;
    std::optional<seconds> usual;
    seconds want;
  } cases[] = {
      {"nothing is known, and it waits", job::Phase::kQueued, {}, {}, seconds(1)},
      {"nothing is known", job::Phase::kStarted, seconds(100), {}, seconds(10)},
      {"nothing is known at its beginning", job::Phase::kStarted, seconds(3), {}, seconds(1)},
      {"nothing is known of a long job", job::Phase::kStarted, seconds(3'600), {}, seconds(30)},
      {"it waits", job::Phase::kQueued, {}, seconds(20), seconds(20)},
      {"it waits for a long job", job::Phase::kQueued, {}, seconds(3'600), seconds(30)},
      {"jobs end at once", job::Phase::kQueued, {}, seconds(0), seconds(1)},
      {"it runs", job::Phase::kStarted, seconds(15), seconds(20), seconds(5)},
      {"it runs for long", job::Phase::kStarted, seconds(10), seconds(3'600), seconds(30)},
      {"it should have ended", job::Phase::kStarted, seconds(20), seconds(20), seconds(2)},
      {"it should have ended long ago", job::Phase::kStarted, seconds(3'600), seconds(20), seconds(30)},
      {"the clocks differ", job::Phase::kStarted, seconds(-50), seconds(20), seconds(30)},
  };
  for (const auto& c : cases) {
    job::JobStatus status;
    status.phase = c.phase;
    if (c.runs) status.start_time = now - *c.runs;
    EXPECT_EQ(retry_after(status, c.usual, now), c.want) << c.name;
  }
}

std::shared_ptr<const job::Job> ended(job::Phase phase, seconds took, const std::string& application = "Tutorial") {
  auto job = std::make_shared<job::Job>();
  job->spec.application_id = application;
  job->status.phase = phase;
  job->status.start_time = base::TimePoint(std::chrono::hours(500'000));
  job->status.completion_time = *job->status.start_time + took;
  return job;
}

TEST(RunTimes, AreThoseOfTheLastJobsThatFinished) {
  RunTimes times;
  EXPECT_EQ(times.usual("Tutorial"), std::nullopt);
  times.note({nullptr, ended(job::Phase::kFailed, seconds(1))});
  times.note({nullptr, ended(job::Phase::kFinished, seconds(7), "Other")});
  EXPECT_EQ(times.usual("Tutorial"), std::nullopt) << "a failure says nothing of the others";
  for (const int took : {100, 2, 3}) times.note({nullptr, ended(job::Phase::kFinished, seconds(took))});
  EXPECT_EQ(times.usual("Tutorial"), seconds(3));
  const auto again = ended(job::Phase::kFinished, seconds(1'000));
  for (int i = 0; i < 40; ++i) times.note({again, again});
  EXPECT_EQ(times.usual("Tutorial"), seconds(3)) << "an end counts once";
  for (int i = 0; i < 40; ++i) times.note({nullptr, again});
  EXPECT_EQ(times.usual("Tutorial"), seconds(1'000)) << "old times are forgotten";
}

TEST(RunTimes, AreInTheAnswers) {
  testing::World world;
  const std::string job = world.post_json("/api/v1/job/execute", "{}").json()["job_id"];
  world.run_times.note({nullptr, ended(job::Phase::kFinished, seconds(17))});
  for (const std::string path : {"", "?jobs=false", "/result", "/output", "/output/files"}) {
    const auto reply = world.get("/api/v1/job/" + job + path);
    EXPECT_EQ(reply.status, 202) << path;
    EXPECT_EQ(reply.header("Retry-After"), "17") << path;
  }
  // Who waits is told to wait again, not to sleep.
  for (const std::string path : {"?wait=1", "?jobs=false&wait=1", "/result?wait=1"}) {
    const auto reply = world.get("/api/v1/job/" + job + path);
    EXPECT_EQ(reply.status, 202) << path;
    EXPECT_EQ(reply.header("Retry-After"), "1") << path;
  }
  testing::World full(Limits{.max_waits = 0});
  const std::string other = full.post_json("/api/v1/job/execute", "{}").json()["job_id"];
  full.run_times.note({nullptr, ended(job::Phase::kFinished, seconds(17))});
  EXPECT_EQ(full.get("/api/v1/job/" + other + "?wait=1").header("Retry-After"), "17") << "there was no place to wait";
}

}  // namespace
}  // namespace vbrain::api
