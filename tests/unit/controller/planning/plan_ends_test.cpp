// plan() for jobs that have ended, are deleted or are cancelled.
#include <gtest/gtest.h>

#include "controller/planning/plan.hpp"
#include "unit/controller/planning/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using Kind = artifacts::Outcome::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::closed;
using testing::expect_all;
using testing::PodOf;
using testing::Scene;
using testing::sealed;
using testing::text_of;
using testing::unclaimed;

TEST(Plan, EndedJobs) {
  expect_all({
      {"not archived", Scene().attempt(1).finished(), "archive"},
      {"archived", Scene().attempt(1).finished(true), ""},
      {"its pod stays for its logs", Scene().attempt(1).finished(true).pod(PodOf().succeeded()), ""},
      {"sidecars are stopped", Scene().attempt(1).finished(true).pod(PodOf().succeeded().with_sidecar_running()),
       "stop-pod 1"},
      {"a pod that never started is stopped",
       Scene().attempt(1).finished(true).pod(PodOf().waiting("InvalidImageName")), "stop-pod 1"},
      {"that is under way", Scene().attempt(1).finished(true).pod(PodOf().running().stopping()), ""},
      {"cancel and suspend change nothing", Scene().attempt(1).finished(true).cancelled().suspended(), ""},
      {"an Application that went away changes nothing", Scene().attempt(1).finished(true).without_application(), ""},
      {"an uninstallation took the finalizer", Scene().attempt(1).finished(true).without_finalizer(), "add-finalizer"},
  });
}

TEST(Plan, PodsOfEndedJobsStayForAWhile) {
  const auto ended = [] { return Scene().attempt(1).finished(true).pod(PodOf().succeeded()); };
  const auto failed = [] { return Scene().attempt(1).ended_badly().pod(PodOf().exited(1)); };
  expect_all({
      {"not yet", ended().after(599), "", seconds(1)},
      {"ten minutes later", ended().after(600), "remove-pods"},
      {"that takes no read", ended().after(600).from_caches(), "remove-pods"},
      {"it is under way", Scene().attempt(1).finished(true).pod(PodOf().succeeded().stopping()).after(600), ""},
      {"it was asked for in this pass", ended().after(600).removal_asked_for(), "", seconds(3'600)},
      {"of a job that failed: not yet", failed().after(3'599), "", seconds(1)},
      {"of a job that failed", failed().after(3'600), "remove-pods"},
      {"not before its record is on the volume", Scene().attempt(1).finished().pod(PodOf().succeeded()).after(600),
       "archive"},
      {"of all attempts",
       Scene().attempt(2).finished(true).pod(PodOf(1).exited(1)).pod(PodOf(2).succeeded()).after(600), "remove-pods"},
      {"no pod, nothing to do", Scene().attempt(1).finished(true).after(600), ""},
      {"the whole job goes", ended().ttl(60).after(600), "delete-job"},
  });
}

TEST(Plan, EndedJobsWhoseTimeIsOver) {
  const auto ended = [] { return Scene().attempt(1).finished(true); };
  expect_all({
      {"not yet", ended().ttl(60).after(59), "", seconds(1)},
      {"at its time", ended().ttl(60).after(60), "delete-job"},
      {"at once", ended().ttl(0), "delete-job"},
      {"not before its record is durable", Scene().attempt(1).finished().ttl(0), "archive"},
      {"the default", ended().after(86'399), "", seconds(1)},
      {"the default, over", ended().after(86'400), "delete-job"},
      {"of an Application that is gone: the default", ended().without_application().after(86'400), "delete-job"},
      {"its pods go with it", ended().ttl(0).pod(PodOf().succeeded()), "delete-job"},
      {"its sidecars are stopped before", ended().ttl(0).pod(PodOf().succeeded().with_sidecar_running()), "stop-pod 1"},
      {"what runs is waited for", ended().ttl(0).pod(PodOf().running().stopping(), 1'000), "", seconds(299)},
      {"but not for ever", ended().ttl(0).pod(PodOf().running().stopping(), 300'000), "delete-job"},
      {"the finalizer was taken off before a crash", ended().ttl(0).without_finalizer(), "delete-job"},
      {"done, and not seen yet", ended().ttl(0).without_finalizer().removed(), ""},
      {"deleted by somebody: that purges", ended().ttl(0).deleted(), "purge, remove-finalizer"},
      {"a job that goes on has no such time", Scene().attempt(1).pod(PodOf().running(), 0).ttl(0).after(90'000), ""},
  });
}

// Without its resource nobody would know that a receiver is still to be told.
TEST(Plan, EndedJobsStayUntilTheirReceiverIsTold) {
  const auto ended = [](const char* told = nullptr) { return Scene().attempt(1).finished(true).callback(told); };
  expect_all({
      {"not told", ended().ttl(0), "", std::chrono::hours(24)},
      {"its pods go", ended().ttl(0).after(600).pod(PodOf().succeeded()), "remove-pods"},
      {"told", ended("True").ttl(0), "delete-job"},
      {"given up", ended("False").ttl(0), "delete-job"},
      {"tried", ended("Unknown").ttl(60).after(86'399), "", std::chrono::hours(24)},
      {"long after its end: nobody may have led", ended().ttl(60).after(864'000), "", std::chrono::hours(24)},
      {"its own time is longer", ended().ttl(200'000).after(86'400), "", seconds(113'600)},
      {"deleted by somebody", ended().ttl(0).deleted(), "purge, remove-finalizer"},
  });
}

TEST(Plan, DeletedJobs) {
  expect_all({
      {"with a pod", Scene().attempt(1).deleted().pod(PodOf().running()), "stop-pod 1"},
      {"its pod is being stopped", Scene().attempt(1).deleted().pod(PodOf().running().stopping(), 1'000), "",
       seconds(299)},
      {"its pod's node is lost", Scene().attempt(1).deleted().pod(PodOf().running().stopping(), 300'000),
       "warn NodeLost, purge, remove-finalizer"},
      {"one of two pods is on a lost node",
       Scene().attempt(2).deleted().pod(PodOf(1).running().stopping(), 300'000).pod(PodOf(2).exited(1).stopping()),
       "warn NodeLost, purge, remove-finalizer"},
      {"its pod has gone", Scene().attempt(1).deleted().gone(PodOf().running()), "purge, remove-finalizer"},
      {"its pod was not seen yet", Scene().attempt(1).deleted(), "inspect 1"},
      {"there is none", Scene().attempt(1).deleted().files(unclaimed()), "purge, remove-finalizer"},
      {"an ended pod is removed, too", Scene().attempt(1).finished(true).deleted().pod(PodOf().succeeded()),
       "stop-pod 1"},
      {"and not waited for", Scene().attempt(1).finished(true).deleted().pod(PodOf().succeeded().stopping()),
       "purge, remove-finalizer"},
      {"queued: a pod may have been made", Scene().deleted(), "inspect 1"},
      {"queued, there is none", Scene().deleted().files(unclaimed()), "purge, remove-finalizer"},
      {"a moment ago", Scene().deleted(400), "", milliseconds(600)},
      {"others' finalizers are theirs", Scene().deleted().without_finalizer(), ""},
      {"deletion comes before everything", Scene().attempt(1).deleted().files(unclaimed()).cancelled(),
       "purge, remove-finalizer"},
  });
}

TEST(Plan, CancelAndDeleteInEveryState) {
  const Failure quota{.reason = "QuotaExceeded", .message = "waiting"};
  struct State {
    const char* name;
    Scene scene;
    const char* want_cancelled;
    const char* want_deleted;
  };
  const State states[] = {
      {"queued", Scene(), "close 1", "inspect 1"},
      {"queued, looked at", Scene().files(unclaimed()), "close 1", "purge, remove-finalizer"},
      {"queued, closed", Scene().files(closed()), "status Failed Cancelled 0 warning", "purge, remove-finalizer"},
      {"suspended", Scene().suspended(), "close 1", "inspect 1"},
      {"waiting for its Application", Scene().without_application(), "close 1", "inspect 1"},
      {"waiting for its turn after a failure", Scene().attempt(2).next_attempt_at(60), "close 2", "inspect 2"},
      {"waiting for quota", Scene().attempt(1).refused(quota), "close 1", "inspect 1"},
      {"waiting for quota, closed", Scene().attempt(1).refused(quota).files(closed()),
       "status Failed Cancelled 1 warning", "purge, remove-finalizer"},
      {"starting", Scene().attempt(1).pod(PodOf()), "stop-pod 1", "stop-pod 1"},
      {"unschedulable", Scene().attempt(1).pod(PodOf().unschedulable(), 9'000), "stop-pod 1", "stop-pod 1"},
      {"running", Scene().attempt(1).pod(PodOf().running()), "stop-pod 1", "stop-pod 1"},
      {"told to stop, sealing", Scene().attempt(1).pod(PodOf().running().stopping()), "", ""},
      {"sealed", Scene().attempt(1).pod(PodOf().exited(143).stopping()), "status Failed Cancelled 1 warning",
       "purge, remove-finalizer"},
      {"its pod is gone", Scene().attempt(1).gone(PodOf()).files(closed()), "status Failed Cancelled 1 warning",
       "purge, remove-finalizer"},
      {"ended", Scene().attempt(1).finished(true), "", "purge, remove-finalizer"},
  };
  for (const State& state : states) {
    Scene cancelled = state.scene;
    EXPECT_EQ(text_of(plan(cancelled.cancelled().build())), state.want_cancelled) << state.name << ", cancelled";
    Scene deleted = state.scene;
    EXPECT_EQ(text_of(plan(deleted.deleted().build())), state.want_deleted) << state.name << ", deleted";
  }
}

}  // namespace
}  // namespace vbrain::controller
