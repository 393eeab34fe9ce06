#pragma once

#include "base/metrics.hpp"
#include "controller/planning/action.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

// Counts what becomes of jobs. Labels are reasons of the table (job::all_causes()); other words count as `other`, so
// that the number of series is bounded. Thread-safe.
class JobMetrics {
 public:
  explicit JobMetrics(base::Metrics& metrics);

  // After a status was written: `before` is the Job as it was.
  void note_written(const job::Job& before, const job::JobStatus& after);

 private:
  base::Metrics& metrics_;
  prometheus::Histogram& wait_seconds_;
  prometheus::Histogram& run_seconds_;
};

// Sets vbrain_jobs{phase,reason} to the numbers of the Jobs in the cache, and vbrain_job_oldest_wait_seconds{reason} to
// the age of the oldest condition Waiting that is true, by the reason that the job has now. Both are 0 if there is no
// cache: only the leader counts, so that the sum over all replicas is right. For a scrape.
void count_jobs(const kube::Cache<job::Job>* jobs, base::TimePoint now, base::Metrics& metrics);

}  // namespace vbrain::controller
