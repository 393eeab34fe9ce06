// Pods that do not start, and pods that somebody deletes.
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "unit/controller/planning/plan_cases.hpp"

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

TEST(Plan, AMessageThatNamesAnotherCauseIsNews) {
  const auto waits = [](const char* reason, const char* detail) {
    return Scene().attempt(1).pod(PodOf().waiting(reason, detail), 5'000);
  };
  const auto told = [](Scene scene, const char* reason, const char* detail) {
    return scene.reason(reason, job::tell(reason, detail));
  };
  const Failure forbidden{.reason = "PodForbidden", .message = "policy b"};
  const Failure quota{.reason = "QuotaExceeded", .message = "used 8", .capacity = true};
  const Failure passing{.reason = "ApiServerFailing", .message = "timeout 2", .passing = true};
  const auto refused = [](const Failure& failure) { return Scene().attempt(1).fails(CreatePod{1}, failure, 60); };
  const PodTrouble summary{"FailedMount", "Unable to attach or mount volumes: unmounted volumes=[cfg]"};
  const auto mount = [](const PodTrouble& trouble) {
    return Scene().attempt(1).pod(PodOf().waiting("ContainerCreating"), 9'000).events(trouble);
  };
  constexpr const char* kConfig = "CreateContainerConfigError";
  expect_all({
      {"the Secret came, a ConfigMap is missing", told(waits(kConfig, "configmap b"), kConfig, "secret a"),
       "status Started CreateContainerConfigError 1 warning"},
      {"the same", told(waits(kConfig, "secret a"), kConfig, "secret a"), ""},
      {"another policy refuses the pod", told(refused(forbidden), "PodForbidden", "policy a"),
       "status Started PodForbidden 1 warning"},
      {"the same policy", told(refused(forbidden), "PodForbidden", "policy b"), ""},
      {"a quota, with other numbers", told(refused(quota), "QuotaExceeded", "used 9"), ""},
      {"no answer again", told(refused(passing), "ApiServerFailing", "timeout 1"), ""},
      {"a summary of volumes after the cause", told(mount(summary), "FailedMount", "configmap b"), ""},
      {"the cause after a summary",
       mount({"FailedMount", "configmap b"}).reason("FailedMount", job::tell("FailedMount", summary.message)),
       "status Started FailedMount 1 warning"},
  });
}

// The job ends with the reason that it waited for, and says which deadline was over.
TEST(Plan, WhatAJobWaitedForMayEndIt) {
  for (const job::Cause& cause : job::all_causes()) {
    if (cause.detail != job::Cause::Detail::kForeign || cause.phases.find("Started") == std::string_view::npos)
      continue;
    if (cause.reason == "QuotaExceeded") continue;  // waits without a limit
    const PodTrouble trouble{std::string(cause.reason), "node ip-10-0-0-1"};
    const Scene scene = Scene().attempt(1).pod(PodOf().waiting("ContainerCreating"), 9'000).events(trouble);
    const Plan got = plan(Scene(scene).pre_running_deadline(60).after(60).files(closed()).build());
    const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
    EXPECT_EQ(status.phase, job::Phase::kFailed) << cause.reason;
    EXPECT_EQ(status.reason, cause.reason);
    EXPECT_NE(cause.phases.find("Failed"), std::string_view::npos) << cause.reason;
    EXPECT_FALSE(cause.is_retried.empty()) << cause.reason;
    const std::string shown = job::public_message(status);
    EXPECT_NE(shown.find("preRunningDeadlineSeconds of the Application, 60 s. Remedy: "), std::string::npos) << shown;
    EXPECT_EQ(shown.find("10-0-0-1"), std::string::npos) << shown;
  }
  const Scene init = Scene().attempt(1).pod(PodOf().init_running("setup"), 9'000).files(closed());
  const Plan got = plan(Scene(init).pre_running_deadline(60).after(60).build());
  EXPECT_NE(job::public_message(std::get<WriteStatus>(got.actions.at(0)).status).find("preRunningDeadlineSeconds"),
            std::string::npos);
  EXPECT_FALSE(job::find_cause("Initializing")->is_retried.empty());
}

// REST shows this message.
TEST(Plan, ADeletedPodIsReportedWithoutTextsOfKubernetes) {
  const PodOf evicted = PodOf().running().stopping().failed("Evicted", "The node ip-10-0-0-1 was low on memory");
  const Plan got = plan(Scene().attempt(1).pod(evicted).files(claimed_by_runner()).build());
  const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
  EXPECT_EQ(status.attempt_history.back().reason, "PodDeleted");
  EXPECT_EQ(status.attempt_history.back().message, "the pod was deleted while its application ran; Evicted");
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
