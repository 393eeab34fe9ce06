// Jobs that hold back: before their first pod, between attempts, and while they are suspended.
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "unit/controller/planning/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::seconds;
using testing::at;
using testing::claimed_by_runner;
using testing::closed;
using testing::expect_all;
using testing::PodOf;
using testing::Scene;
using testing::text_of;

TEST(Plan, BeforeThePodIsMade) {
  const Failure quota{.reason = "QuotaExceeded", .message = "waiting", .capacity = true};
  const Failure forbidden{.reason = "PodForbidden", .message = "no"};
  const Failure invalid{.reason = "InvalidTemplate", .message = "no", .hopeless = true};
  expect_all({
      {"claimed", Scene().attempt(1), "create-pod 1"},
      {"second attempt", Scene().attempt(2), "create-pod 2"},
      {"not before its time", Scene().attempt(2).next_attempt_at(7), "", seconds(7)},
      {"at its time", Scene().attempt(2).next_attempt_at(0), "create-pod 2"},
      {"the clock was set back by years", Scene().attempt(2).next_attempt_at(300'000'000), "create-pod 2"},
      {"suspended meanwhile", Scene().attempt(2).suspended(), "status Started Suspended 2 event"},
      {"the Application went away", Scene().attempt(2).without_application(),
       "status Started UnknownApplication 2 warning"},
      {"quota", Scene().attempt(1).refused(quota), "status Started QuotaExceeded 1 warning"},
      {"quota, said", Scene().attempt(1).refused(quota).reason("QuotaExceeded"), "", seconds(10)},
      {"quota, beyond preRunningDeadlineSeconds: there will be room",
       Scene().attempt(1).refused(quota).reason("QuotaExceeded").pre_running_deadline(60).after(90'000), "",
       seconds(10)},
      {"quota, and its time to try again", Scene().attempt(1).fails(CreatePod{1}, quota, 30, 0).reason("QuotaExceeded"),
       "create-pod 1"},
      {"quota, beyond activeDeadlineSeconds", Scene().attempt(1).refused(quota).deadline(60).after(60), "close 1"},
      {"forbidden for too long", Scene().attempt(1).refused(forbidden).pre_running_deadline(60).after(60), "close 1"},
      {"forbidden for too long, closed",
       Scene().attempt(1).refused(forbidden).pre_running_deadline(60).after(60).files(closed()),
       "status Failed PodForbidden 1 warning"},
      {"refused for good, closed", Scene().attempt(1).refused(invalid).files(closed()).backoff_limit(9),
       "status Failed InvalidTemplate 1 warning"},
      {"refused for good, but another's pod has begun", Scene().attempt(1).refused(invalid).files(claimed_by_runner()),
       "status Started PodLost 1 warning"},
      {"refused for good", Scene().attempt(1).refused(invalid), "close 1"},
      {"cancelled", Scene().attempt(1).cancelled(), "close 1"},
      {"deadline over while waiting", Scene().attempt(2).deadline(60).after(61), "close 2"},
  });
}

// The kubelet says ImagePullBackOff between two tries, whatever failed.
TEST(Plan, APullThatFailsIsToldOnce) {
  const auto after = [](const char* told, const char* now) {
    return Scene().attempt(1).pod(PodOf().waiting(now), 5'000).reason(told);
  };
  for (const char* reason : {"ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed"}) {
    expect_all({
        {reason, after(reason, "ImagePullBackOff"), ""},
        {reason, after(reason, reason), ""},
    });
    EXPECT_NE(job::find_cause(reason), nullptr) << reason;
  }
  expect_all({
      {"tried again", after("ImagePullBackOff", "ErrImagePull"), ""},
      {"it says more", after("ImagePullBackOff", "RegistryUnavailable"),
       "status Started RegistryUnavailable 1 warning"},
      {"the registry is back, without the image", after("RegistryUnavailable", "ErrImagePull"),
       "status Started ErrImagePull 1 warning"},
  });
}

TEST(Plan, SuspendedConditionComesAndGoes) {
  Scene scene = Scene().suspended();
  const job::JobStatus held = std::get<WriteStatus>(plan(scene.build()).actions.at(0)).status;
  ASSERT_NE(held.condition("Suspended"), nullptr);
  EXPECT_EQ(held.condition("Suspended")->status, "True");
  Snapshot resumed = Scene().build();
  resumed.job.status = held;
  const job::JobStatus started = std::get<WriteStatus>(plan(resumed).actions.at(0)).status;
  EXPECT_EQ(started.condition("Suspended")->status, "False");
}

TEST(Plan, AWaitForAQuotaIsNotThePodsFault) {
  const PodOf pull = PodOf().waiting("ErrImagePull").made_at(5'000);
  const PodOf ahead = PodOf().waiting("ErrImagePull").made_at(90'000);
  const auto of = [](const PodOf& pod) { return Scene().attempt(1).pod(pod, 5'000).pre_running_deadline(60); };
  expect_all({
      {"its pod was made a moment ago", of(pull).reason("ErrImagePull").after(4'959), "", seconds(1)},
      {"its pod has had its time", of(pull).after(4'960), "close 1"},
      {"by a clock that is ahead of ours", of(ahead).reason("ErrImagePull").after(5'000), "", seconds(60)},
  });
}

// As batch/v1 Jobs: what is suspended has all its time when it goes on.
TEST(Plan, NoTimeIsCountedWhileAJobIsSuspended) {
  const auto held = [](int attempt) { return Scene().attempt(attempt).suspended().reason("Suspended"); };
  const auto resumed = [](int attempt) { return Scene().attempt(attempt).reason("Suspended"); };
  expect_all({
      {"beyond activeDeadlineSeconds", held(2).deadline(60).after(61), ""},
      {"the same, not said yet", Scene().attempt(2).suspended().deadline(60).after(61),
       "status Started Suspended 2 event"},
      {"cancelled", held(2).cancelled(), "close 2"},
      {"its last pod still counts", Scene().attempt(1).suspended().pod(PodOf().running()).deadline(60).after(61),
       "stop-pod 1"},
      {"it goes on", resumed(2).deadline(60).after(61), "status Started Retrying 2 event"},
      {"it goes on, before its first pod", resumed(1).deadline(60).after(61), "status Started Starting 1 event"},
      {"it goes on, cancelled", resumed(2).cancelled(), "close 2"},
      {"suspended before its first attempt: its time has not begun", Scene().reason("Suspended"),
       "status Started Starting 1"},
  });
  EXPECT_FALSE(plan(held(2).deadline(60).build()).requeue_after) << "there is nothing to wake for";
}

TEST(Plan, AfterASuspensionAllTimesBeginAnew) {
  const PodOf pull = PodOf(2).waiting("ErrImagePull");
  Scene scene = Scene().attempt(2).reason("Suspended").next_attempt_at(10).deadline(60).pre_running_deadline(60);
  scene.after(5'000);
  const job::JobStatus status = std::get<WriteStatus>(plan(scene.build()).actions.at(0)).status;
  EXPECT_EQ(status.start_time, at(5'100));
  EXPECT_EQ(status.attempts, 2);
  EXPECT_EQ(status.attempt_history.at(0).completion_time, at(100)) << "what was is not touched";
  const auto goes_on = [&](Scene next, int seconds_later) {
    Snapshot snapshot = next.deadline(60).pre_running_deadline(60).after(5'000 + seconds_later).build();
    snapshot.job.status = status;
    Scene::measure(snapshot);
    return snapshot;
  };
  EXPECT_EQ(text_of(plan(goes_on(Scene(), 0))), "create-pod 2");
  EXPECT_EQ(text_of(plan(goes_on(Scene().pod(pull, 9'000), 59))), "status Started ErrImagePull 2 warning");
  EXPECT_EQ(text_of(plan(goes_on(Scene().pod(PodOf(2).running(), 9'000), 59))), "status Started Running 2");
  EXPECT_EQ(text_of(plan(goes_on(Scene().pod(pull, 9'000).files(closed()), 60))), "stop-pod 2")
      << "activeDeadlineSeconds";
  const Plan end = plan(goes_on(Scene().pod(PodOf(2).succeeded()), 7));
  const job::JobStatus ended = std::get<WriteStatus>(end.actions.at(0)).status;
  EXPECT_EQ(ended.duration, "7.0s");
  EXPECT_EQ(ended.attempt_history.at(1).start_time, at(5'100));
}

}  // namespace
}  // namespace vbrain::controller
