#include "controller/reconcile/job_metrics.hpp"

#include <gtest/gtest.h>

#include "controller/planning/plan.hpp"
#include "job/causes.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using testing::PodOf;
using testing::Scene;

bool has_line(base::Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.render()).find("\n" + line + "\n") != std::string::npos;
}

class JobMetricsTest : public ::testing::Test {
 protected:
  // The status that the plan writes first.
  job::JobStatus write(const Scene& scene) {
    const Snapshot snapshot = scene.build();
    const job::JobStatus status = std::get<WriteStatus>(plan(snapshot).actions.at(0)).status;
    counts_.note_written(snapshot.job, status);
    return status;
  }

  base::Metrics metrics_;
  JobMetrics counts_{metrics_};
};

TEST_F(JobMetricsTest, EachSeriesBeginsWithZero) {
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs_ended_total{phase="Finished",reason="Completed"} 0)"));
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs_ended_total{phase="Failed",reason="FailedMount"} 0)"));
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_job_attempts_failed_total{reason="NodeLost"} 0)"));
}

TEST_F(JobMetricsTest, AJobIsCountedByItsReason) {
  write(Scene());
  EXPECT_TRUE(has_line(metrics_, "vbrain_job_wait_seconds_sum 100")) << metrics_.render();
  write(Scene().attempt(1).pod(PodOf().succeeded()));
  write(Scene().attempt(1).pod(PodOf().exited(3)).backoff_limit(1));
  write(Scene().attempt(1).pod(PodOf().failed("WordOfTheCluster")).files(testing::closed()));
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs_ended_total{phase="Finished",reason="Completed"} 1)"));
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_job_attempts_failed_total{reason="NonZeroExit"} 1)"));
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs_ended_total{phase="Failed",reason="NonZeroExit"} 0)")) << "it goes on";
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs_ended_total{phase="Failed",reason="other"} 1)"));
  EXPECT_TRUE(has_line(metrics_, "vbrain_job_run_seconds_count 2"));
}

TEST_F(JobMetricsTest, AWriteThatEndsNoAttemptCountsNone) {
  write(Scene().attempt(2).pod(PodOf(2).running(), 1'000));
  EXPECT_EQ(metrics_.render().find("attempts_failed_total{reason=\"NonZeroExit\"} 1"), std::string::npos);
  EXPECT_TRUE(has_line(metrics_, "vbrain_job_run_seconds_count 0"));
}

TEST_F(JobMetricsTest, JobsThatHaveNotEndedAreCountedWhileTheirReasonLasts) {
  kube::Cache<job::Job> jobs;
  const auto put = [&](const std::string& name, job::Phase phase, const std::string& reason) {
    job::Job job = testing::a_job();
    job.status.phase = phase;
    job.status.reason = reason;
    jobs.put(name, std::make_shared<const job::Job>(std::move(job)));
  };
  put("a", job::Phase::kStarted, "ErrImagePull");
  put("b", job::Phase::kStarted, "WordOfTheCluster");
  put("c", job::Phase::kFailed, "ErrImagePull");
  count_jobs(&jobs, testing::at(0), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs{phase="Started",reason="ErrImagePull"} 1)")) << metrics_.render();
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs{phase="Started",reason="other"} 1)"));
  // Not in the table for this phase.
  put("d", job::Phase::kQueued, "NonZeroExit");
  count_jobs(&jobs, testing::at(0), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs{phase="Queued",reason="NonZeroExit"} 1)"));
  jobs.erase("d");
  count_jobs(&jobs, testing::at(0), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs{phase="Queued",reason="NonZeroExit"} 0)"));
  put("a", job::Phase::kStarted, "Running");
  count_jobs(&jobs, testing::at(0), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs{phase="Started",reason="ErrImagePull"} 0)"));
  count_jobs(nullptr, testing::at(0), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_jobs{phase="Started",reason="Running"} 0)")) << "another controller leads";
}

// A reason that some job has at any time says nothing of how long one of them waits.
TEST_F(JobMetricsTest, TheOldestWaitIsMeasuredByItsReason) {
  kube::Cache<job::Job> jobs;
  const auto put = [&](const std::string& name, const char* reason, std::int64_t since, const char* waits = "True") {
    job::Job job = testing::a_job();
    job.status.phase = job::Phase::kStarted;
    job.status.reason = reason;
    job.status.conditions = {{.type = "Waiting",
                              .status = waits,
                              .reason = reason,
                              .message = "",
                              .last_transition_time = testing::at(since),
                              .observed_generation = 1}};
    jobs.put(name, std::make_shared<const job::Job>(std::move(job)));
  };
  put("a", "ErrImagePull", 400);
  put("b", "ErrImagePull", 100);
  put("c", "Running", 0, "False");
  count_jobs(&jobs, testing::at(1'000), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_job_oldest_wait_seconds{reason="ErrImagePull"} 900)")) << metrics_.render();
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_job_oldest_wait_seconds{reason="Running"} 0)"));
  jobs.erase("b");
  count_jobs(&jobs, testing::at(1'000), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_job_oldest_wait_seconds{reason="ErrImagePull"} 600)"));
  count_jobs(nullptr, testing::at(1'000), metrics_);
  EXPECT_TRUE(has_line(metrics_, R"(vbrain_job_oldest_wait_seconds{reason="ErrImagePull"} 0)"));
}

}  // namespace
}  // namespace vbrain::controller
