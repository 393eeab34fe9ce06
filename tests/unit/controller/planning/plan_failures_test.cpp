// Actions that fail: each is tried again, says why, and holds up neither a deadline nor cancelling nor deleting.
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "unit/controller/planning/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::claimed_by_runner;
using testing::closed;
using testing::expect_all;
using testing::kPodUid;
using testing::PodOf;
using testing::Scene;
using testing::text_of;
using testing::unclaimed;

const Failure kRefused{.reason = "ApiServerRefused", .message = "waiting: the API server refused it"};
const Failure kNoAnswer{.reason = "ApiServerFailing", .message = "waiting: no answer", .passing = true};
const Failure kWebhookDown{.reason = "PodRefused", .message = "waiting: failed calling webhook", .passing = true};
const Failure kNoVolume{.reason = "VolumeFailing", .message = "waiting: no volume", .passing = true};

Action stop_of(const PodOf& pod) {
  return StopPod{pod.get().meta.name, pod.get().meta.uid};
}

Action running_status() {
  return WriteStatus{
      std::get<WriteStatus>(plan(Scene().attempt(1).pod(PodOf().running(), 1'000).build()).actions.at(0)).status, {}};
}

TEST(PlanFailures, AreToldAndTriedAgain) {
  const Action close = CloseAttempt{1};
  const Scene closing = Scene().attempt(1).gone(PodOf()).files(unclaimed());
  expect_all({
      {"for a moment", Scene(closing).fails(close, kNoAnswer, 0), "", seconds(10)},
      {"for a second", Scene(closing).fails(close, kNoAnswer, 1), "status Started ApiServerFailing 1 warning"},
      {"refused", Scene(closing).fails(close, kRefused, 0), "status Started ApiServerRefused 1 warning"},
      {"said",
       Scene(closing)
           .fails(close, kRefused, 5)
           .reason("ApiServerRefused", job::tell("ApiServerRefused", kRefused.message)),
       "", seconds(10)},
      {"time to try again", Scene(closing).fails(close, kRefused, 5, 0).reason("ApiServerRefused"), "close 1"},
      {"the finalizer", Scene().without_finalizer().fails(AddFinalizer{}, kRefused, 0),
       "status Queued ApiServerRefused 0 warning"},
      {"the finalizer, cancelled", Scene().without_finalizer().cancelled().fails(AddFinalizer{}, kRefused, 0),
       "close 1"},
      {"the question whether the Job is current",
       Scene().attempt(1).pod(PodOf().running()).cancelled().from_caches().fails(ConfirmJob{}, kRefused, 0),
       "status Started ApiServerRefused 1 warning"},
  });
}

TEST(PlanFailures, OfAStatusHoldUpNoDeadline) {
  const Scene running = Scene().attempt(1).pod(PodOf().running(), 1'000).fails(running_status(), kRefused, 0);
  expect_all({
      {"it is not written again at once", running, "", seconds(10)},
      {"deadline sooner than the next try", Scene(running).deadline(4), "", seconds(4)},
      {"deadline over", Scene(running).deadline(60).after(60), "stop-pod 1"},
      {"cancelled", Scene(running).cancelled(), "stop-pod 1"},
      {"another status is another write",
       Scene().attempt(1).pod(PodOf().succeeded()).fails(running_status(), kRefused, 0),
       "status Finished Completed 1 event"},
  });
}

TEST(PlanFailures, OfAPodToBeMade) {
  const auto failing = [](std::int64_t since) { return Scene().attempt(1).fails(CreatePod{1}, kWebhookDown, since); };
  expect_all({
      {"for a moment", failing(0), "", seconds(10)},
      {"for a second", failing(1), "status Started PodRefused 1 warning"},
      {"beyond preRunningDeadlineSeconds", failing(60).pre_running_deadline(60).after(60), "close 1"},
      {"the same, closed", failing(60).pre_running_deadline(60).after(60).files(closed()),
       "status Failed PodRefused 1 warning"},
      {"cancelled", failing(5).cancelled(), "close 1"},
      {"deleted", failing(5).deleted().files(unclaimed()), "purge, remove-finalizer"},
  });
}

TEST(PlanFailures, OfAPodToBeStopped) {
  const PodOf running = PodOf().running();
  const Action stop = stop_of(running);
  const PodOf earlier = PodOf(1).uid("earlier").running();
  const Scene ended = Scene().attempt(1).finished().pod(running).fails(stop, kRefused, 0);
  const Scene archived = Scene().attempt(1).finished(true).pod(running);
  const Scene deleted = Scene().attempt(1).deleted().pod(running);
  expect_all({
      {"cancelled", Scene().attempt(1).pod(running).cancelled().fails(stop, kRefused, 0),
       "status Started ApiServerRefused 1 warning"},
      {"an earlier attempt's: the present one goes on",
       Scene().attempt(2).pod(earlier).fails(stop_of(earlier), kRefused, 0), "create-pod 2"},
      {"an ended job is archived", ended, "archive"},
      {"its time to live: the pod is waited for", Scene(archived).ttl(0).fails(stop, kRefused, 299), "", seconds(1)},
      {"and given up", Scene(archived).ttl(0).fails(stop, kRefused, 300), "delete-job"},
      {"a deleted job: the pod is waited for", Scene(deleted).fails(stop, kRefused, 299), "", seconds(1)},
      {"and given up", Scene(deleted).fails(stop, kRefused, 300), "warn ApiServerRefused, purge, remove-finalizer"},
  });
  const Plan given_up = plan(Scene(deleted).fails(stop, kRefused, 300).build());
  const std::string note = std::get<RecordEvent>(given_up.actions.at(0)).notice.note;
  EXPECT_NE(note.find("Remedy: "), std::string::npos) << note;
}

TEST(PlanFailures, ActionsThatDependOnAFailedOneWait) {
  const Scene deleted = Scene().attempt(1).deleted().gone(PodOf().running());
  expect_all({
      {"no finalizer is taken off before the folder is gone", Scene(deleted).fails(PurgeFolder{}), "", seconds(10)},
      {"nor is a pod's end told again and again",
       Scene().attempt(1).deleted().pod(PodOf().running().stopping(), 300'000).fails(RemoveFinalizer{}), "",
       seconds(10)},
      {"a pod is stopped although the record cannot be written",
       Scene().attempt(1).finished().pod(PodOf().running()).fails(ArchiveStatus{}), "stop-pod 1"},
      {"no resource is removed before its record is durable",
       Scene().attempt(1).finished().ttl(0).fails(ArchiveStatus{}), "", seconds(10)},
  });
}

// The job's folder belongs to somebody else, or the volume is gone.
TEST(PlanFailures, OfTheVolumeHoldUpNoEnd) {
  const Action inspect = InspectAttempt{1};
  const Action close = CloseAttempt{1};
  const auto unasked = [] { return Scene().attempt(1).gone(PodOf().running()); };
  // `files` marks that the API server was asked; the volume did not answer.
  const auto asked = [](Scene scene) {
    Snapshot snapshot = scene.build();
    snapshot.pod_asked_for = true;
    snapshot.files.reset();
    return snapshot;
  };
  expect_all({
      {"it says why", unasked().fails(inspect, 1), "status Started VolumeFailing 1 warning"},
      {"cancelled: not at once", unasked().cancelled().fails(inspect, kNoVolume, 299).reason("VolumeFailing"), "",
       seconds(1)},
      {"ended and cancelled, its outcome cannot be read",
       Scene().attempt(1).pod(PodOf().ended(0, "")).cancelled().fails(inspect, 300),
       "status Failed Cancelled 1 warning"},
      {"ended in vain, and cannot be closed",
       Scene().attempt(1).pod(PodOf().failed("Evicted")).files(unclaimed()).fails(close, 300),
       "status Failed Evicted 1 warning"},
      {"the same may have no next attempt",
       Scene().attempt(1).pod(PodOf().failed("Evicted")).files(unclaimed()).backoff_limit(5).fails(close, 300),
       "status Failed Evicted 1 warning"},
      {"a pod that waits is stopped first",
       Scene().attempt(1).pod(PodOf().waiting("InvalidImageName")).fails(close, 300), "stop-pod 1"},
      {"no pod was seen: the API server is asked", Scene().attempt(1).cancelled().fails(close, 300), "inspect 1"},
      {"the volume is tried before", Scene().attempt(1).cancelled().fails(close, kRefused, 300, 0), "close 1"},
  });
  EXPECT_EQ(text_of(plan(asked(unasked().cancelled().fails(inspect, 300)))), "status Failed Cancelled 1 warning");
  EXPECT_EQ(text_of(plan(asked(Scene().attempt(1).cancelled().fails(close, 300)))),
            "status Failed Cancelled 1 warning");
  EXPECT_EQ(text_of(plan(asked(unasked().fails(inspect, kNoVolume, 9'000).reason("VolumeFailing")))), "")
      << "nobody asked for an end: what came of it may still be read";
}

TEST(Plan, AReasonGoesWithItsCause) {
  const PodOf creating = PodOf().waiting("ContainerCreating");
  expect_all({
      {"scheduled, and pulling", Scene().attempt(1).pod(creating, 5'000).events({}).reason("Unschedulable"),
       "status Started Starting 1"},
      {"not for a moment's sake", Scene().attempt(1).pod(creating, 1'000).reason("ErrImagePull"), "", seconds(2)},
      {"its pod was made at last", Scene().attempt(1).pod(PodOf(), 5'000).events({}).reason("QuotaExceeded"),
       "status Started Starting 1"},
      {"nothing to take back", Scene().attempt(2).pod(PodOf(2), 5'000).events({}).reason("Retrying"), ""},
  });
}

TEST(Plan, ANodeThatIsNotReadyEndsItsAttempts) {
  const PodOf marked = PodOf().running().marked_not_ready();
  const Scene told = Scene().attempt(1).reason("NodeNotReady");
  expect_all({
      {"for a moment", Scene().attempt(1).pod(marked, 1'000), "", seconds(4)},
      {"long enough to say so", Scene().attempt(1).pod(marked, 5'000), "status Started NodeNotReady 1 warning"},
      {"said", Scene(told).pod(marked, 100'000), "", seconds(200)},
      {"too long: whatever its template tolerates", Scene(told).pod(marked, 300'000), "stop-pod 1"},
      {"the node came back", Scene(told).pod(PodOf().running(), 5'000), "status Started Running 1"},
      {"it came back after the pod was told to stop: not counted", Scene(told).pod(PodOf().exited(143).stopping()),
       "status Started Retrying 2 warning"},
      {"it never came back",
       Scene(told).pod(PodOf().running().marked_not_ready().stopping(), 300'000).files(claimed_by_runner()),
       "status Started Retrying 2 warning"},
      {"not ready by its kubelet's word: a sidecar is not",
       Scene().attempt(1).pod(PodOf().running().not_ready(), 900'000), "status Started Running 1"},
  });
}

TEST(Plan, ASuccessStaysASuccessForEveryLeader) {
  expect_all({
      {"its pod is gone, and its deadline has passed since",
       Scene().attempt(1).gone(PodOf().succeeded()).files(testing::sealed()).deadline(60).after(99),
       "status Finished Completed 1 event"},
      {"the same after a restart", Scene().attempt(1).files(testing::sealed()).deadline(60).after(99),
       "status Finished Completed 1 event"},
      {"it was told to stop",
       Scene().attempt(1).gone(PodOf().succeeded().stopping()).files(testing::sealed()).deadline(60).after(99),
       "status Failed DeadlineExceeded 1 warning"},
  });
}

}  // namespace
}  // namespace vbrain::controller
