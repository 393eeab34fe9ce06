// What destroys is decided on a Job that the API server has confirmed, never on what a cache shows.
#include <gtest/gtest.h>

#include "unit/controller/planning/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::seconds;
using testing::expect_all;
using testing::PodOf;
using testing::Scene;
using testing::text_of;
using testing::unclaimed;

PodOf later_pod() {
  return PodOf(2).uid("later").running();
}

TEST(PlanFence, APodOfALaterAttemptMeansThatTheCacheIsOld) {
  const Scene old_job = Scene().attempt(1).pod(PodOf(1).exited(3)).pod(later_pod());
  Scene from_cache = old_job;
  expect_all({
      {"by the cache", from_cache.from_caches(), "confirm-job"},
      {"queued by the cache", Scene().from_caches().pod(later_pod()), "confirm-job"},
      {"ended by the cache", Scene().attempt(1).finished(true).from_caches().pod(later_pod()), "confirm-job"},
      {"deleted by the cache", Scene().attempt(1).deleted().from_caches().pod(later_pod()), "confirm-job"},
      {"the Job was set back: the later pod goes on", old_job, "status Started Recovering 2"},
      {"and its first attempt too", Scene().pod(PodOf(1).running(), 2'000), "status Started Running 1"},
      {"a later pod that is gone", Scene().attempt(1).pod(PodOf(1).exited(3)).gone(later_pod()),
       "status Failed NonZeroExit 1 warning"},
  });
}

// Without a start no deadline would apply.
TEST(PlanFence, AnAttemptThatIsAdoptedHasAStart) {
  Snapshot snapshot = Scene().pod(PodOf(1).running(), 2'000).build();
  snapshot.pods.at(0).age = seconds(5);
  EXPECT_EQ(std::get<WriteStatus>(plan(snapshot).actions.at(0)).status.start_time, snapshot.now - seconds(5));
  const Snapshot later = Scene().attempt(1).pod(PodOf(2).running()).build();
  EXPECT_TRUE(std::get<WriteStatus>(plan(later).actions.at(0)).status.start_time);
}

TEST(PlanFence, DestructiveActionsAreConfirmedFirst) {
  const PodOf running = PodOf().running();
  expect_all({
      {"cancelled", Scene().attempt(1).pod(running).cancelled().from_caches(), "confirm-job"},
      {"a Job that was suspended, with an old startTime, and its pod that runs again",
       Scene().attempt(1).suspended().pod(running).deadline(60).after(61).from_caches(), "confirm-job"},
      {"an earlier pod", Scene().attempt(2).pod(PodOf(1).running()).from_caches(), "confirm-job"},
      {"closing", Scene().attempt(1).gone(PodOf()).files(unclaimed()).from_caches(), "confirm-job"},
      {"purging", Scene().deleted().files(unclaimed()).from_caches(), "confirm-job"},
      {"closing what has not begun", Scene().cancelled().from_caches(), "confirm-job"},
      {"a pod of an ended job", Scene().attempt(1).finished(true).pod(running).from_caches(), "confirm-job"},
      {"the write of an end has a precondition of its own", Scene().attempt(1).pod(PodOf().succeeded()).from_caches(),
       "status Finished Completed 1 event"},
      {"a failure depends on the limits of its Application", Scene().attempt(1).pod(PodOf().exited(3)).from_caches(),
       "confirm-job"},
      {"a new pod has its name and its claim", Scene().attempt(1).from_caches(), "create-pod 1"},
  });
}

TEST(PlanFence, AWriteThatTheWatchDoesNotShowMayHaveBeenUndone) {
  Snapshot snapshot = Scene().attempt(1).finished(true).from_caches().build();
  snapshot.unseen_write_for = seconds(59);
  EXPECT_EQ(text_of(plan(snapshot)), "");
  snapshot.unseen_write_for = seconds(60);
  EXPECT_EQ(text_of(plan(snapshot)), "confirm-job");
  snapshot.job_confirmed = true;
  EXPECT_EQ(text_of(plan(snapshot)), "");
}

}  // namespace
}  // namespace vbrain::controller
