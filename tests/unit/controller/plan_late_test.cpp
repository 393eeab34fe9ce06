// Pods that do not start, and pods that somebody deletes.
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "unit/controller/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::seconds;
using testing::claimed_by_runner;
using testing::closed;
using testing::expect_all;
using testing::PodOf;
using testing::Scene;

// The status of a pod says nothing of a volume that can't be mounted, or of a sandbox that can't be created.
TEST(Plan, PodsThatAreLate) {
  const PodOf creating = PodOf().waiting("ContainerCreating");
  const PodTrouble mount{"FailedMount", "configmap \"typo\" not found"};
  const auto late = [&](std::int64_t since_ms) { return Scene().attempt(1).pod(creating, since_ms); };
  expect_all({
      {"late", late(3'000), "read-events 1"},
      {"late, and no node has it", Scene().attempt(1).pod(PodOf(), 3'000), "read-events 1"},
      {"its status says why", Scene().attempt(1).pod(PodOf().waiting("ErrImagePull"), 3'000),
       "status Started ErrImagePull 1 warning"},
      {"its events say why", late(3'000).events(mount), "status Started FailedMount 1 warning"},
      {"that has been said", late(3'000).events(mount).reason("FailedMount", job::tell("FailedMount", mount.message)),
       "", seconds(5)},
      {"it waits for another volume now", late(3'000).events(mount).reason("FailedMount", "another"),
       "status Started FailedMount 1 warning"},
      {"and may be over by now", late(9'000).events(mount, 0).reason("FailedMount"), "read-events 1"},
      {"it is over", late(9'000).events({}).reason("FailedMount"), "status Started Starting 1"},
      {"nothing is wrong: not read again and again", late(60'000).events({}, 60'000), "", seconds(60)},
      {"for too long", late(3'000).events(mount).pre_running_deadline(60).after(60), "close 1"},
      {"for too long, closed", late(3'000).events(mount).pre_running_deadline(60).after(60).files(closed()),
       "status Failed FailedMount 1 warning"},
      {"an init container runs for a moment", Scene().attempt(1).pod(PodOf().init_running("setup"), 3'000), "",
       seconds(2)},
      {"an init container runs", Scene().attempt(1).pod(PodOf().init_running("setup"), 5'000),
       "status Started Initializing 1"},
  });
  const Plan told = plan(late(3'000).events(mount).build());
  EXPECT_EQ(std::get<WriteStatus>(told.actions.at(0)).status.message, job::tell("FailedMount", mount.message));
  const Plan ended = plan(late(3'000).events(mount).pre_running_deadline(60).after(60).files(closed()).build());
  const std::string message = std::get<WriteStatus>(ended.actions.at(0)).status.message;
  for (const char* part : {"preRunningDeadlineSeconds", "configmap \"typo\" not found", "Remedy: "}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(Plan, APodThatSomebodyDeletesIsNobodysFailure) {
  const PodOf deleted = PodOf().exited(143).finished_at(10).stopping();
  expect_all({
      {"its application ended by SIGTERM", Scene().attempt(1).pod(deleted), "status Started Retrying 2 warning"},
      {"it failed before", Scene().attempt(1).pod(PodOf().exited(3).finished_at(9).stopping()),
       "status Failed NonZeroExit 1 warning"},
      {"it succeeded all the same", Scene().attempt(1).pod(PodOf().succeeded().stopping()),
       "status Finished Completed 1 event"},
      {"by us", Scene().attempt(1).pod(deleted).cancelled(), "status Failed Cancelled 1 warning"},
      {"it was killed before it could report",
       Scene().attempt(1).pod(PodOf().exited(137).finished_at(10).stopping()).files(claimed_by_runner()),
       "status Started Retrying 2 warning"},
      {"another pod has the claim, and ours was stopped for it",
       Scene().attempt(1).pod(PodOf().exited(137).finished_at(10).stopping()).files(claimed_by_runner("another")),
       "status Failed NonZeroExit 1 warning"},
      {"its object was removed by force, and its outcome may still come",
       Scene().attempt(1).gone(PodOf().running()).files(claimed_by_runner()), "status Started PodLost 1 warning"},
      {"nobody saw it run, and no outcome came",
       Scene().attempt(1).gone(PodOf()).files(claimed_by_runner()).lost_for(300), "status Failed PodLost 1 warning"},
      {"again and again", Scene().attempt(11).disruptions(10).pod(PodOf(11).exited(143).stopping()),
       "status Failed PodDeleted 11 warning"},
  });
}

}  // namespace
}  // namespace vbrain::controller
