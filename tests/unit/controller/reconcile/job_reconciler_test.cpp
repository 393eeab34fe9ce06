#include "controller/reconcile/job_reconciler.hpp"

#include <gtest/gtest.h>

#include "unit/controller/world/every_world.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::World;

class JobReconciler : public testing::InEveryWorld {};
INSTANTIATE_TEST_SUITE_P(Worlds, JobReconciler, ::testing::ValuesIn(testing::all_flavours()), testing::name_of);

// --- What becomes of a job, told by the state of the world.

TEST_P(JobReconciler, AJobThatSucceedsAtOnceTakesTwoWrites) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.status()["acceptedAttempt"], 1);
  EXPECT_EQ(world.status()["artifacts"]["outputBytes"], 12);
  EXPECT_EQ(world.status()["exitCode"], 0);
  EXPECT_EQ(world.status()["podName"], std::string(testing::kJobId) + "-1");
  EXPECT_EQ(world.starts(1), 1);
  EXPECT_TRUE(world.has_status_file());
  if (world.is_prompt()) {
    EXPECT_EQ(world.count("PUT jobs/status"), 1);  // late, it may be seen running
  }
  EXPECT_EQ(world.count("POST pods"), 1);
  EXPECT_EQ(world.count("PATCH jobs"), 0);
  EXPECT_EQ(world.count("DELETE pods"), 0) << "its pod stays, for kubectl logs";
}

TEST_P(JobReconciler, AJobMadeWithKubectlGetsFinalizerAndFolder) {
  World world(GetParam());
  world.add_application();
  world.add_job(true);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.job()["metadata"]["finalizers"], json::array({"vbrain.visagio.com/artifacts"}));
  EXPECT_TRUE(world.has_folder());
}

// The clock of the API server says nothing about how long a pod has been there that this controller created.
TEST(JobReconciler, AClockThatIsAheadEndsNoJob) {
  World world;
  world.add_application([](json& spec) { spec["activeDeadlineSeconds"] = 30; });
  world.add_job();
  world.when_running(1, [](World& now) {
    json pod = now.api.object(std::string(testing::kPods) + "/" + testing::kJobId + "-1");
    pod["metadata"]["creationTimestamp"] = base::format_rfc3339_seconds(now.clock.now() - std::chrono::minutes(5));
    now.api.put(testing::kPods, pod);
  });
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished") << world.status().dump();
}

TEST_P(JobReconciler, AFailedAttemptIsTriedAgainInTwoWrites) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["backoffLimit"] = 2; });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.status()["attempts"], 2);
  EXPECT_EQ(world.status()["acceptedAttempt"], 2);
  EXPECT_EQ(world.status()["attemptHistory"][0]["exitCode"], 3);
  EXPECT_EQ(world.starts_in_all(), 2);
  EXPECT_EQ(world.count("POST pods"), 2);
  if (world.is_prompt()) {
    EXPECT_EQ(world.count("PUT jobs/status"), 2);
  }
}

TEST_P(JobReconciler, AnAttemptIsClosedBeforeTheNext) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["backoffLimit"] = 1; });
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kEvicted});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.status()["disruptions"], 1);
  EXPECT_TRUE(world.violations().empty());
}

TEST_P(JobReconciler, AJobThatFailsSaysWhy) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(1, {.exit_code = 3});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "NonZeroExit");
  EXPECT_EQ(world.status()["exitCode"], 3);
  EXPECT_TRUE(world.has_status_file());
}

TEST_P(JobReconciler, AnImageThatCannotBeHadEndsTheJobAndItsPod) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kImageMissing});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "InvalidImageName");
  EXPECT_EQ(world.pods(), 0u);
}

TEST_P(JobReconciler, ATemplateThatReachesTooFarIsRefused) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["template"]["spec"]["hostPID"] = true; });
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "InvalidTemplate");
  EXPECT_EQ(world.count("POST pods"), 0);
  EXPECT_FALSE(world.status().contains("podName")) << "no pod was made";
}

TEST_P(JobReconciler, AJobWaitsForItsApplication) {
  World world(GetParam());
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["reason"], "UnknownApplication");
  EXPECT_EQ(world.count("PUT jobs/status"), 1) << "said once";
  world.add_application();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
}

TEST_P(JobReconciler, CancelStopsTheApplication) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["backoffLimit"] = 3; });
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  world.when_running(1, [](World& w) { w.patch_spec({{"cancel", true}}); });
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "Cancelled");
  EXPECT_EQ(world.starts_in_all(), 1);
  EXPECT_EQ(world.count("DELETE pods"), 1);
}

TEST_P(JobReconciler, TheDeadlineStopsTheApplication) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["activeDeadlineSeconds"] = 60; });
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "DeadlineExceeded");
}

TEST_P(JobReconciler, AJobSuspendedForDaysBetweenAttemptsGoesOn) {
  World world(GetParam());
  world.add_application([](json& spec) {
    spec["backoffLimit"] = 1;
    spec["activeDeadlineSeconds"] = 3'600;
    spec["preRunningDeadlineSeconds"] = 60;
  });
  world.add_job();
  world.behave(1, {.exit_code = 3});
  world.when_running(1, [](World& w) { w.patch_spec({{"suspend", true}}); });
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["reason"], "Suspended");
  EXPECT_EQ(world.status()["attempts"], 2);
  world.clock.advance(std::chrono::hours(48));
  ASSERT_TRUE(world.run()) << "still held";
  EXPECT_EQ(world.status()["phase"], "Started");
  world.patch_spec({{"suspend", false}});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished") << world.status();
  EXPECT_EQ(world.starts_in_all(), 2);
  for (const json& condition : world.status()["conditions"]) {
    if (condition["type"] == "Suspended") {
      EXPECT_EQ(condition["status"], "False");
    }
  }
}

// The API server refuses the first `times` pods with this answer.
void refuse_pods(World& world, int times, int status, const char* reason, const char* message) {
  const auto left = std::make_shared<int>(times);
  const std::string body = json{{"kind", "Status"}, {"code", status}, {"reason", reason}, {"message", message}}.dump();
  world.api.set_before([=](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "POST" || request.target.find("/pods") == std::string::npos || (*left)-- <= 0) return {};
    return kube::error_from_response(status, body);
  });
}

TEST_P(JobReconciler, AFullQuotaIsWaitedForAndSeen) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["preRunningDeadlineSeconds"] = 1; });
  world.add_job();
  refuse_pods(world, 3, 403, "Forbidden", "pods \"x\" is forbidden: exceeded quota: compute");
  EXPECT_EQ(world.step().kind, kube::ReconcileResult::Kind::kAfter);
  EXPECT_EQ(world.status()["reason"], "QuotaExceeded");
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.count("PUT jobs/status"), 2) << "said once";
}

TEST_P(JobReconciler, TheApiServersRefusalOfAPodIsTheReason) {
  struct Case {
    int status;
    const char* reason;
    const char* message;
    const char* want_reason;
  };
  const Case cases[] = {
      {422, "Invalid", "spec.containers[0].image: Required value", "InvalidTemplate"},
      {400, "BadRequest", "unknown field", "InvalidTemplate"},
      {403, "Forbidden", "violates PodSecurity \"restricted:latest\": runAsNonRoot", "InvalidTemplate"},
      {403, "Forbidden", "serviceaccount \"vbrain-job\" not found", "PodForbidden"},
  };
  for (const Case& c : cases) {
    World world(GetParam());
    world.add_application([](json& spec) { spec["preRunningDeadlineSeconds"] = 60; });
    world.add_job();
    refuse_pods(world, 1000, c.status, c.reason, c.message);
    ASSERT_TRUE(world.run()) << c.message;
    EXPECT_EQ(world.status()["phase"], "Failed") << c.message;
    EXPECT_EQ(world.status()["reason"], c.want_reason) << c.message;
    EXPECT_NE(world.status()["message"].get<std::string>().find(c.message), std::string::npos)
        << world.status()["message"];
    EXPECT_EQ(world.pods(), 0u);
  }
}

TEST_P(JobReconciler, ABusyApiServerIsAskedAgain) {
  for (const int status : {429, 500, 503, 504}) {
    World world(GetParam());
    world.add_application();
    world.add_job();
    refuse_pods(world, 5, status, "Busy", "busy");
    ASSERT_TRUE(world.run()) << status;
    EXPECT_EQ(world.status()["phase"], "Finished") << status;
    EXPECT_EQ(world.starts_in_all(), 1);
  }
}

TEST_P(JobReconciler, SomebodyElsesPodOfOurNameIsLeftAlone) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["preRunningDeadlineSeconds"] = 60; });
  world.add_job();
  const std::string name = std::string(testing::kJobId) + "-1";
  json alien = {{"metadata", {{"name", name}, {"labels", {{"vbrain.visagio.com/attempt", "1"}}}}},
                {"status", {{"phase", "Succeeded"}}}};
  world.api.put("/api/v1/namespaces/vbrain/pods", alien);
  EXPECT_EQ(world.step().kind, kube::ReconcileResult::Kind::kAfter);
  EXPECT_EQ(world.status()["reason"], "AlienPod");
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed") << "not for ever";
  EXPECT_FALSE(world.pod(1).is_null());
  EXPECT_EQ(world.count("DELETE pods"), 0);
}

TEST_P(JobReconciler, OwnWritesNotYetSeenAreNotMadeAgain) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.step();
  const int writes = world.writes();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.step_with_old_caches().kind, kube::ReconcileResult::Kind::kAfter);
  }
  EXPECT_EQ(world.writes(), writes) << "not even one that the API server would refuse";
}

TEST_P(JobReconciler, AStartedAttemptIsNotStartedAgain) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.step();
  world.let_kubelet_work();  // starts
  world.let_kubelet_work();  // ends, and leaves a manifest
  const std::string name = world.pod(1)["metadata"]["name"];
  world.api.erase("/api/v1/namespaces/vbrain/pods/" + name);
  world.restart();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished") << "by its manifest";
  EXPECT_EQ(world.count("POST pods"), 1);
}

TEST_P(JobReconciler, AManifestThatIsNoneIsNotWaitedForForEver) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.step();
  world.let_kubelet_work();
  world.let_kubelet_work();
  world.attempt_folder(1).write_file_durably("manifest.json", "{half");
  world.api.erase("/api/v1/namespaces/vbrain/pods/" + world.pod(1)["metadata"]["name"].get<std::string>());
  world.start_anew();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "PodLost");
}

// An older version wrote the claim under its name, and could die, or find the volume full, before a byte was there.
TEST_P(JobReconciler, AnEmptyClaimDoesNotBlockTheJobForEver) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kImageMissing});
  world.step();
  world.attempt_folder(1).create_file("claim");
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "PodLost");
  EXPECT_EQ(world.pods(), 0u);
}

TEST_P(JobReconciler, APodOfTheSameNameButAnotherUidIsNotStopped) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  world.step();
  world.patch_spec({{"cancel", true}});
  world.sync();
  json other = world.pod(1);
  world.api.erase("/api/v1/namespaces/vbrain/pods/" + other["metadata"]["name"].get<std::string>());
  other["metadata"]["uid"] = "somebody-elses";
  other["metadata"].erase("ownerReferences");
  world.api.put("/api/v1/namespaces/vbrain/pods", other);
  world.step_with_old_caches();
  EXPECT_EQ(world.count("DELETE pods"), 1);
  EXPECT_FALSE(world.pod(1)["metadata"].contains("deletionTimestamp"));
}

// The schema of the API server, or a rule somebody added to it, may dislike any text in a status.
TEST_P(JobReconciler, AJobWhoseEndIsRefusedEndsAllTheSame) {
  for (const int status : {400, 413, 422}) {
    World world(GetParam());
    world.add_application();
    world.add_job();
    world.api.set_before([=](const kube::Request& request) -> std::optional<kube::Error> {
      const bool is_end = request.method == "PUT" && request.body.find("completionTime") != std::string::npos;
      if (!is_end || request.body.find("attemptHistory") == std::string::npos) return {};
      return kube::error_from_response(status, R"({"kind":"Status","reason":"Invalid","message":"no"})");
    });
    ASSERT_TRUE(world.run()) << status;
    EXPECT_EQ(world.status()["phase"], "Finished") << status;
    EXPECT_EQ(world.status()["reason"], "Completed") << status;
    EXPECT_EQ(world.status()["acceptedAttempt"], 1) << status;
    EXPECT_EQ(world.status()["conditions"][0]["type"], "Complete") << status;
    EXPECT_EQ(world.status()["artifacts"]["outputBytes"], 12) << "or its output could not be read";
    EXPECT_TRUE(world.has_status_file()) << status;
  }
}

TEST_P(JobReconciler, TheMemoryOfADeletedJobIsRemoved) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  ASSERT_EQ(world.count("archive"), 1);
  const json job = world.job();
  world.api.erase("/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs/" + std::string(testing::kJobId));
  world.sync();  // and no reconcile: another controller leads
  world.api.put("/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs", job);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.count("archive"), 2);
}

TEST_P(JobReconciler, WithoutChangesNothingIsWritten) {
  World world(GetParam());
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  const int writes = world.writes();
  const int status_writes = world.count("PUT jobs/status");
  for (int i = 0; i < 20; ++i) world.step();
  EXPECT_EQ(world.writes(), writes);
  world.restart();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.count("PUT jobs/status"), status_writes) << "nor by the next leader";
}

}  // namespace
}  // namespace vbrain::controller
