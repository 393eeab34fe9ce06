// The first attempt of a job that no limit counts begins without a write of the status.
#include <gtest/gtest.h>

#include "controller/planning/uncounted.hpp"
#include "unit/controller/planning/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;
using testing::closed;
using testing::expect_all;
using testing::PodOf;
using testing::Scene;
using testing::sealed;
using testing::unclaimed;

Scene fresh() {
  return Scene().without_limit();
}

TEST(PlanUncounted, TheFirstPodNeedsNoWriteOfTheStatus) {
  expect_all({
      {"a new job", fresh(), "create-pod 1"},
      {"under a limit it is counted before", Scene(), "status Started Starting 1"},
      {"its status says that it waits", fresh().has_waited(), "status Started Starting 1"},
      {"without a Client its start has an event", fresh().without_client(), "status Started Starting 1 warning"},
      {"suspended", fresh().suspended(), "status Queued Suspended 0 event"},
      {"cancelled", fresh().cancelled(), "close 1"},
  });
}

TEST(PlanUncounted, ItIsCountedByTheFirstWriteThatIsNeeded) {
  expect_all({
      {"on its way", fresh().pod(PodOf().made_at(100), 500), "", milliseconds(1'500)},
      {"on its way for long", fresh().pod(PodOf().made_at(100), 2'000), "status Started Starting 1"},
      {"runs", fresh().pod(PodOf().running(), 1'000), "status Started Running 1"},
      {"has succeeded", fresh().pod(PodOf().succeeded()), "status Finished Completed 1 event"},
      {"has failed", fresh().pod(PodOf().exited(3)), "status Failed NonZeroExit 1 warning"},
      {"fails and is tried again", fresh().pod(PodOf().exited(3)).backoff_limit(1),
       "status Started Retrying 2 warning"},
      {"waits for its image", fresh().pod(PodOf().waiting("ErrImagePull"), 1'000),
       "status Started ErrImagePull 1 warning"},
      {"waits for a quota",
       fresh().fails(CreatePod{1}, {.reason = "QuotaExceeded", .message = "-", .capacity = true}, 5),
       "status Started QuotaExceeded 1 warning"},
  });
}

TEST(PlanUncounted, WhatWasBegunIsNotBegunAgain) {
  expect_all({
      {"its pod is gone: now it is counted", fresh().gone(PodOf()), "status Started Starting 1"},
      {"its pod had ended and is gone: the volume is read first", fresh().gone(PodOf().succeeded()), "create-pod 1"},
      {"gone and sealed", fresh().files(sealed()), "status Finished Completed 1 event"},
      {"cancelled", fresh().pod(PodOf().running()).cancelled(), "stop-pod 1"},
      {"cancelled, by the cache", fresh().pod(PodOf().running()).cancelled().from_caches(), "confirm-job"},
      {"deleted", fresh().pod(PodOf().running()).deleted(), "stop-pod 1"},
      {"deleted, and no pod is known", fresh().deleted(), "inspect 1"},
      {"a pod of a later attempt", fresh().pod(PodOf(2).running()).from_caches(), "confirm-job"},
  });
}

// The clock of the API server may be ahead, so that the age of the pod is not known.
TEST(PlanUncounted, TheLocalClockIsEnough) {
  Snapshot snapshot = fresh().pod(PodOf(), 2'000).build();
  snapshot.pods.at(0).age = milliseconds(0);
  const Plan got = plan(snapshot);
  ASSERT_EQ(got.actions.size(), 1u);
  EXPECT_EQ(std::get<WriteStatus>(got.actions[0]).status.attempts, 1);
}

// Its pod was removed while no controller led.
TEST(PlanUncounted, WithoutAPodTheStartIsThatOfTheClaim) {
  Snapshot snapshot = fresh().files(sealed()).build();
  snapshot.files->claim->time = snapshot.now - milliseconds(7'000);
  const job::JobStatus status = std::get<WriteStatus>(plan(snapshot).actions.at(0)).status;
  EXPECT_EQ(status.start_time, snapshot.now - milliseconds(7'000));
}

TEST(PlanUncounted, ASuspensionInItsFirstSecondsIsTold) {
  expect_all({{"it runs", fresh().pod(PodOf().running(), 100).suspended(), "status Started Starting 1 event"}});
}

TEST(PlanUncounted, TheStartIsThatOfThePod) {
  Snapshot snapshot = fresh().pod(PodOf().succeeded()).build();
  snapshot.pods.at(0).age = milliseconds(5'000);
  const job::JobStatus status = std::get<WriteStatus>(plan(snapshot).actions.at(0)).status;
  EXPECT_EQ(status.start_time, snapshot.now - milliseconds(5'000));
}

// A cancellation must be able to end although the volume fails.
TEST(PlanUncounted, ACancelledJobEndsAlthoughItCannotBeClosed) {
  const Failure failure{.reason = "VolumeFailing", .message = "-"};
  expect_all({
      {"for a moment", fresh().cancelled().fails(CloseAttempt{1}, failure, 5), "status Queued VolumeFailing 0 warning"},
      {"for long", fresh().cancelled().fails(CloseAttempt{1}, failure, 300, 0), "inspect 1"},
      {"for long, and there is no pod", fresh().cancelled().files(unclaimed()).fails(CloseAttempt{1}, failure, 300, 0),
       "status Failed Cancelled 0 warning"},
  });
}

}  // namespace
}  // namespace vbrain::controller
