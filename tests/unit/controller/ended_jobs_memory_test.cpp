// What an ended job costs the controller until its resource is removed.
#include <gtest/gtest.h>
#include <malloc.h>

#include "controller/planning/status_edit.hpp"
#include "controller/reconcile/job_memory.hpp"
#include "controller/reconcile/job_reconciler.hpp"
#include "job/packed_job.hpp"
#include "kube/runtime/work_queue.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using testing::a_job;
using testing::at;

job::Job an_ended_job(int number) {
  job::Job job = a_job();
  job.meta.name = "01939c3e-7a61-7c0e-9f7e-" + std::to_string(100'000'000'000 + number);
  job.meta.labels.emplace(job::kOriginLabel, job::kOriginRest);
  job.status.phase = job::Phase::kFinished;
  job.status.reason = "Completed";
  job.status.attempts = job.status.started_attempts = 1;
  job.status.accepted_attempt = 1;
  job.status.start_time = job.status.running_time = job.status.completion_time = at(10);
  job.status.pod_name = job::pod_name(job.meta.name, 1);
  job.status.node_name = "node-1";
  job.status.exit_code = 0;
  job.status.artifacts = job::Artifacts{12, std::string(64, 'a'), 34, 9};
  job.status.set_condition({"Ended", "True", "Completed", "", at(10), 1});
  return job;
}

std::size_t memory_in_use() {
  return mallinfo2().uordblks;
}

TEST(EndedJobsMemory, IsAFractionOfALiveJobs) {
  constexpr int kJobs = 1'000;
  if (memory_in_use() == 0) GTEST_SKIP() << "this build has another malloc";
  base::SteadyPoint now;
  vbrain::testing::ManualClock clock;
  const auto measure = [&](kube::Cache<job::Job>::Packing packing) {
    kube::Cache<job::Job> cache;
    cache.set_packing(std::move(packing));
    cache.add_index(kJobsByApplication, [](const job::Job& job) { return std::vector{job.spec.application_id}; });
    JobMemory memory;
    kube::WorkQueue queue(clock);
    const std::size_t before = memory_in_use();
    for (int i = 0; i < kJobs; ++i) {
      const job::Job job = an_ended_job(i);
      cache.put(job.meta.name, std::make_shared<const job::Job>(job));
      // It was live, and then a pass over it waits for the end of its time to live.
      (void)memory.since_start(job.meta.name, *job.status.start_time, clock);
      (void)memory.newest(*cache.get(job.meta.name));
      (void)memory.known_for(job.meta.name, now);
      (void)memory.sightings(job, {}, clock);
      memory.note_archived(job.meta.name);
      queue.add_after(job.meta.name, std::chrono::hours(1));
    }
    return (memory_in_use() - before) / kJobs;
  };
  const std::size_t packed = measure(job::packing_of_ended_jobs());
  const std::size_t whole = measure({});
  RecordProperty("packed", std::to_string(packed));
  RecordProperty("whole", std::to_string(whole));
  EXPECT_LT(packed, 1'200U);
  EXPECT_LT(packed + 1'000, whole);
}

}  // namespace
}  // namespace vbrain::controller
