#include "controller/reconcile/job_memory.hpp"

#include <gtest/gtest.h>

#include <set>

#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::a_job;
using testing::kJobId;
using testing::PodOf;

base::SteadyPoint at_second(int second) {
  return base::SteadyPoint(seconds(second));
}

std::shared_ptr<const kube::Pod> shared(const PodOf& pod) {
  return std::make_shared<const kube::Pod>(pod.get());
}

job::Job a_job_of_version(const char* version) {
  job::Job job = a_job();
  job.meta.resource_version = version;
  return job;
}

// The system's clock may be set; the steady one only goes on.
class SteppedClock final : public base::Clock {
 public:
  base::TimePoint now() const override { return testing::at(second + step); }
  base::SteadyPoint steady() const override { return at_second(second); }
  int second = 0;
  int step = 0;
};

TEST(JobMemory, AnswersWithOwnWritesUntilTheCacheHasThem) {
  JobMemory memory;
  EXPECT_EQ(memory.newest(a_job_of_version("1")).meta.resource_version, "1");
  memory.note_newest(a_job_of_version("2"), at_second(0));
  memory.note_newest(a_job_of_version("3"), at_second(0));
  EXPECT_EQ(memory.newest(a_job_of_version("1")).meta.resource_version, "3");
  EXPECT_EQ(memory.newest(a_job_of_version("2")).meta.resource_version, "3") << "our first write arrived";
  EXPECT_EQ(memory.newest(a_job_of_version("4")).meta.resource_version, "4")
      << "somebody else's write, newer than ours";
  EXPECT_EQ(memory.newest(a_job_of_version("4")).meta.resource_version, "4");
}

TEST(JobMemory, ForgetsWritesThatTheApiServerDoesNotHave) {
  JobMemory memory;
  memory.newest(a_job_of_version("1"));
  memory.note_newest(a_job_of_version("2"), at_second(0));
  memory.note_newest(a_job_of_version("3"), at_second(0));
  memory.forget_writes(kJobId);
  EXPECT_EQ(memory.newest(a_job_of_version("1")).meta.resource_version, "1") << "etcd was restored";
  memory.note_newest(a_job_of_version("2"), at_second(0));
  EXPECT_EQ(memory.newest(a_job_of_version("2")).meta.resource_version, "2") << "versions come again";
  EXPECT_FALSE(memory.unseen_write_for(kJobId, at_second(9)));
  memory.forget_writes("nobody");
}

TEST(JobMemory, ForHowLongTheWatchHasNotShownAWrite) {
  JobMemory memory;
  memory.newest(a_job_of_version("9"));
  EXPECT_FALSE(memory.unseen_write_for(kJobId, at_second(0)));
  memory.note_newest(a_job_of_version("10"), at_second(3));
  EXPECT_EQ(memory.newest(a_job_of_version("9")).meta.resource_version, "10") << "versions are numbers";
  EXPECT_EQ(memory.unseen_write_for(kJobId, at_second(5)), milliseconds(2'000));
  memory.newest(a_job_of_version("11"));
  EXPECT_FALSE(memory.unseen_write_for(kJobId, at_second(5)));
}

TEST(JobMemory, AStepOfTheSystemsClockMakesNoJobOlder) {
  JobMemory memory;
  SteppedClock clock;
  clock.second = 100;
  EXPECT_EQ(memory.since_start(kJobId, testing::at(90), clock), seconds(10)) << "seen first: by the system's clock";
  clock.second = 105;
  clock.step = 86'400;
  EXPECT_EQ(memory.since_start(kJobId, testing::at(90), clock), seconds(15)) << "then by the steady one";
  clock.step = -86'400;
  EXPECT_EQ(memory.since_start(kJobId, testing::at(90), clock), seconds(15));
  EXPECT_EQ(memory.since_attempt(kJobId, testing::at(105 - 86'400 + 7), clock), seconds(-7)) << "after a backoff";
  clock.step = 0;
  EXPECT_EQ(memory.since_start(kJobId, testing::at(104), clock), seconds(1)) << "another start, after a suspension";
}

TEST(JobMemory, RetriesAFailedActionWithoutEndAtGrowingIntervals) {
  JobMemory memory;
  const Failure refused{.reason = "PodForbidden", .message = "no"};
  base::SteadyPoint now = at_second(0);
  milliseconds before{0};
  for (int i = 0; i < 12; ++i) {
    const auto noted = memory.note_failure(kJobId, "create-pod 1", refused, now);
    EXPECT_EQ(noted.worth_telling, i == 0) << "once";
    EXPECT_GE(noted.failed.retry_in * 2, before);
    EXPECT_GE(noted.failed.retry_in, seconds(4));
    EXPECT_LE(noted.failed.retry_in, seconds(360));
    EXPECT_EQ(noted.failed.failing_for, std::chrono::duration_cast<milliseconds>(now - at_second(0)));
    before = noted.failed.retry_in;
    now += before;
    EXPECT_EQ(memory.failures(kJobId, now).at(0).retry_in, milliseconds(0));
  }
  EXPECT_GE(before, seconds(240)) << "minutes in the end";
  memory.note_success(kJobId, "create-pod 1");
  EXPECT_TRUE(memory.failures(kJobId, now).empty());
  EXPECT_TRUE(memory.note_failure(kJobId, "create-pod 1", refused, now).worth_telling);
}

TEST(JobMemory, JobsThatFailedTogetherAreNotTriedAgainTogether) {
  JobMemory memory;
  const Failure refused{.reason = "PodForbidden", .message = "no"};
  std::set<milliseconds> delays;
  for (int i = 0; i < 100; ++i) {
    const auto noted = memory.note_failure("job-" + std::to_string(i), "create-pod 1", refused, at_second(0));
    EXPECT_GE(noted.failed.retry_in, seconds(4));
    EXPECT_LE(noted.failed.retry_in, seconds(6));
    delays.insert(noted.failed.retry_in);
  }
  EXPECT_GE(delays.size(), 50u);
}

TEST(JobMemory, DoesNotReportShortFailures) {
  JobMemory memory;
  const Failure no_answer{.reason = "ApiServerFailing", .message = "no answer", .passing = true};
  const auto first = memory.note_failure(kJobId, "archive", no_answer, at_second(0));
  EXPECT_FALSE(first.worth_telling);
  EXPECT_LE(first.failed.retry_in, milliseconds(240));
  EXPECT_TRUE(memory.note_failure(kJobId, "archive", no_answer, at_second(1)).worth_telling);
  EXPECT_FALSE(memory.note_failure(kJobId, "archive", no_answer, at_second(2)).worth_telling) << "said";
}

TEST(JobMemory, TheApiServersWishIsKept) {
  JobMemory memory;
  const Failure busy{.reason = "PodRefused", .message = "busy", .passing = true, .retry_after = seconds(30)};
  EXPECT_EQ(memory.note_failure(kJobId, "create-pod 1", busy, at_second(0)).failed.retry_in, seconds(30));
}

TEST(JobMemory, AnotherJobOfTheSameNameBeginsAnew) {
  JobMemory memory;
  memory.newest(a_job_of_version("1"));
  memory.note_newest(a_job_of_version("2"), at_second(0));
  memory.note_archived(kJobId);
  job::Job other = a_job_of_version("1");
  other.meta.uid = "another";
  EXPECT_EQ(memory.newest(other).meta.uid, "another");
  EXPECT_FALSE(memory.archived(kJobId));
}

class JobMemoryPods : public ::testing::Test {
 protected:
  JobMemoryPods() {
    job_.status.attempts = 1;
    job_.status.phase = job::Phase::kStarted;
    memory_.newest(job_);
  }
  std::vector<PodSighting> look(const std::vector<std::shared_ptr<const kube::Pod>>& cached, int second) {
    clock_.second = second;
    return memory_.sightings(job_, cached, clock_);
  }
  job::Job job_ = a_job();
  SteppedClock clock_;
  JobMemory memory_;
};

TEST_F(JobMemoryPods, AMadePodIsKnownBeforeTheCacheHasIt) {
  memory_.note_pods(kJobId, {{.pod = shared(PodOf())}}, at_second(0));
  EXPECT_EQ(look({}, 1).size(), 1u);
  EXPECT_EQ(look({shared(PodOf())}, 2).size(), 1u) << "the same, not two";
  EXPECT_EQ(look({}, 3).size(), 1u);
  EXPECT_EQ(look({}, 40).size(), 0u) << "made and deleted unseen: look at the world again";
}

TEST_F(JobMemoryPods, ADeletedPodIsRememberedUntilItsAttemptIsOver) {
  look({shared(PodOf().running())}, 1);
  memory_.note_deleted(kJobId, shared(PodOf().running()));
  const auto gone = look({}, 100);
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_TRUE(gone[0].gone);
  job_.status.attempts = 2;
  EXPECT_TRUE(look({}, 101).empty());
}

TEST_F(JobMemoryPods, ADeletedPodOfAnUnknownJobIsNotKept) {
  memory_.forget(kJobId);
  memory_.note_deleted(kJobId, shared(PodOf()));
  memory_.newest(job_);
  EXPECT_TRUE(look({}, 1).empty());
}

TEST_F(JobMemoryPods, ADeletedPodOfAnEarlierJobOfTheNameIsNotKept) {
  kube::Pod pod = PodOf().running().get();
  pod.meta.owner_references[0].uid = "earlier";
  memory_.note_deleted(kJobId, std::make_shared<const kube::Pod>(pod));
  EXPECT_TRUE(look({}, 1).empty());
}

TEST_F(JobMemoryPods, APodToldToStopIsNotToldTwice) {
  memory_.note_pods(kJobId, {{.pod = shared(PodOf().stopping())}}, at_second(0));
  const auto seen = look({shared(PodOf())}, 1);  // the cache has not heard
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].pod->meta.deletion_timestamp);
}

TEST_F(JobMemoryPods, TimesAreCountedFromTheFirstLook) {
  look({shared(PodOf().running())}, 10);
  EXPECT_EQ(look({shared(PodOf().running())}, 12)[0].running_for, milliseconds(2'000));
  look({shared(PodOf().waiting("ErrImagePull"))}, 20);
  EXPECT_EQ(look({shared(PodOf().waiting("ErrImagePull"))}, 25)[0].waiting_for, milliseconds(5'000));
  EXPECT_EQ(look({shared(PodOf().waiting("CreateContainerError"))}, 30)[0].waiting_for, milliseconds(0))
      << "a new reason";
}

TEST_F(JobMemoryPods, TheGracePeriodIsNotCountedAsSilence) {
  kube::Pod pod = PodOf().running().stopping().get();
  pod.meta.deletion_grace_seconds = 30;
  const auto stopping = std::make_shared<const kube::Pod>(pod);
  look({stopping}, 100);
  EXPECT_EQ(look({stopping}, 120)[0].stopping_for, milliseconds(0));
  EXPECT_EQ(look({stopping}, 150)[0].stopping_for, milliseconds(20'000));
}

TEST_F(JobMemoryPods, ALossIsCountedPerAttempt) {
  EXPECT_EQ(memory_.lost_for(kJobId, 1, at_second(10)), milliseconds(0));
  EXPECT_EQ(memory_.lost_for(kJobId, 1, at_second(15)), milliseconds(5'000));
  EXPECT_EQ(memory_.lost_for(kJobId, 2, at_second(20)), milliseconds(0));
  memory_.note_found(kJobId);
  EXPECT_EQ(memory_.lost_for(kJobId, 2, at_second(30)), milliseconds(0)) << "missed again, from now on";
}

}  // namespace
}  // namespace vbrain::controller
