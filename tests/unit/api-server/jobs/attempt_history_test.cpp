// What an answer tells of the attempts of a job.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "api-server/jobs/job_record.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;

base::TimePoint at(int seconds) {
  return base::TimePoint(std::chrono::seconds(1'600'000'000 + seconds));
}

job::AttemptRecord attempt(int number, const std::string& reason) {
  job::AttemptRecord one;
  one.attempt = number;
  one.reason = reason;
  one.node_name = "node-of-the-operator";
  one.pod_uid = "a-uid";
  one.message = "0/3 nodes are available";
  return one;
}

json tail_of(const job::JobStatus& status) {
  return json::parse("{\"job_id\":\"x\"" + render_job_tail(status, std::nullopt));
}

TEST(AttemptHistory, AJobWithOneAttemptHasNone) {
  job::JobStatus status;
  status.phase = job::Phase::kFailed;
  status.attempts = 1;
  status.attempt_history = {attempt(1, "NonZeroExit")};
  EXPECT_EQ(tail_of(status), json({{"job_id", "x"}, {"attempts", 1}}));
  status.attempts = 2;
  status.attempt_history.clear();
  EXPECT_EQ(tail_of(status), json({{"job_id", "x"}, {"attempts", 2}}));
}

TEST(AttemptHistory, EachAttemptThatIsOverIsToldWithoutNamesOfTheCluster) {
  job::JobStatus status;
  status.phase = job::Phase::kStarted;
  status.attempts = 3;
  status.attempt_history = {attempt(1, "PodLost"), attempt(2, "Unsch\"eduled")};
  status.attempt_history[0].start_time = at(0);
  status.attempt_history[0].completion_time = at(61);
  EXPECT_EQ(tail_of(status), json({{"job_id", "x"},
                                   {"attempts", 3},
                                   {"attempt_history",
                                    {{{"attempt", 1},
                                      {"reason", "PodLost"},
                                      {"started_on", "2020-09-13_12:26:40"},
                                      {"finished_on", "2020-09-13_12:27:41"}},
                                     {{"attempt", 2}, {"reason", "Unsch\"eduled"}}}}}));
}

}  // namespace
}  // namespace vbrain::api
