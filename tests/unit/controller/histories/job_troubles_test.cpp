// What users, operators, admission webhooks and volumes do wrong: the job says so, and can be ended.
#include <gtest/gtest.h>

#include "controller/reconcile/pod_events.hpp"
#include "job/causes.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/world/paths.hpp"
#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::World;

// Answers of the API server to requests that match.
using Matches = std::function<bool(const kube::Request&)>;

void refuse(World& world, Matches matches, int status, const std::string& message = "an admission webhook says no") {
  const std::string body = json{{"kind", "Status"}, {"code", status}, {"message", message}}.dump();
  world.api.set_before([=](const kube::Request& request) -> std::optional<kube::Error> {
    if (!matches(request)) return {};
    return kube::error_from_response(status, body);
  });
}

bool is_new_pod(const kube::Request& request) {
  return request.method == "POST" && request.target.find("/pods") != std::string::npos;
}

// Works until the job's reason is this one, at most so many passes.
testing::World& work_until(World& world, const std::string& reason) {
  for (int turn = 0; turn < 200 && world.status().value("reason", "") != reason; ++turn) {
    const kube::ReconcileResult result = world.step();
    world.let_kubelet_work();
    world.clock.advance(result.delay);
  }
  EXPECT_EQ(world.status().value("reason", ""), reason);
  return world;
}

TEST(JobTroubles, APodThatAFailingWebhookRefusesSaysSoAndHasItsDeadline) {
  for (const int status : {404, 409, 429, 500, 503}) {
    World world;
    world.add_application([](json& spec) { spec["preRunningDeadlineSeconds"] = 60; });
    world.add_job();
    refuse(world, &is_new_pod, status, "failed calling webhook \"x\"");
    work_until(world, "PodRefused");
    EXPECT_EQ(world.status()["phase"], "Started") << status;
    EXPECT_NE(world.status()["message"].get<std::string>().find("failed calling webhook"), std::string::npos);
    ASSERT_TRUE(world.run()) << status;
    EXPECT_EQ(world.status()["phase"], "Failed") << status;
    EXPECT_EQ(world.status()["reason"], "PodRefused") << status;
    EXPECT_LT(world.count("POST pods"), 40) << "more and more seldom";
  }
}

// The API server drops unknown fields unless it is told not to: a job would run without its memory limit.
TEST(JobTroubles, AMisspeltFieldOfATemplateIsRefusedAndNamed) {
  World world;
  world.add_application();
  world.add_job();
  world.api.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (!is_new_pod(request) || request.target.find("fieldValidation=Strict") == std::string::npos) return {};
    const json body = {{"kind", "Status"},
                       {"code", 400},
                       {"reason", "BadRequest"},
                       {"message",
                        "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown "
                        "field \"spec.containers[0].resourcs\""}};
    return kube::error_from_response(400, body.dump());
  });
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["reason"], "InvalidTemplate");
  EXPECT_EQ(world.status()["message"], job::tell("InvalidTemplate", "unknown field \"spec.containers[0].resourcs\""));
}

json mount_event(const std::string& pod_uid, const std::string& name, const std::string& time) {
  return {{"metadata", {{"name", name}}},
          {"regarding", {{"kind", "Pod"}, {"uid", pod_uid}}},
          {"type", "Warning"},
          {"reason", "FailedMount"},
          {"note", "MountVolume.SetUp failed for volume \"cfg\" : configmap \"typo\" not found"},
          {"deprecatedLastTimestamp", time}};
}

TEST(JobTroubles, AVolumeThatIsNotMountedIsSeenInTheEventsOfThePod) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kNeverStarts});
  world.step();
  const std::string uid = world.pod(1)["metadata"]["uid"];
  world.api.put(testing::kEvents, mount_event("another", "b", "2026-01-01T00:00:09Z"));
  world.api.put(testing::kEvents, mount_event(uid, "a", "2026-01-01T00:00:02Z"));
  const auto start = world.clock.now();
  work_until(world, "FailedMount");
  EXPECT_LT(world.clock.now() - start, std::chrono::seconds(10));
  const std::string message = world.status()["message"];
  EXPECT_NE(message.find("configmap \"typo\" not found"), std::string::npos) << message;
  EXPECT_NE(message.find("Remedy: create the ConfigMap"), std::string::npos) << message;
  const std::size_t reads = world.api.count("GET", "/events");
  for (int i = 0; i < 60; ++i) {
    world.clock.advance(std::chrono::seconds(1));
    world.step();
  }
  EXPECT_LE(world.api.count("GET", "/events") - reads, 5u) << "less and less often";
  world.behave(1, {});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
  EXPECT_EQ(world.count("PUT jobs/status"), 3) << "count, FailedMount, end";
}

TEST(JobTroubles, AListOfEventsThatFailsSaysNothingOfThePod) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kNeverStarts});
  world.step();
  world.api.put(testing::kEvents, mount_event(world.pod(1)["metadata"]["uid"], "a", "2026-01-01T00:00:02Z"));
  work_until(world, "FailedMount");
  int reads = 0;
  const auto is_read = [&](const kube::Request& r) {
    const bool is = r.method == "GET" && r.target.find("/events") != std::string::npos;
    reads += is ? 1 : 0;
    return is;
  };
  refuse(world, is_read, 500);
  for (int i = 0; i < 60; ++i) {
    world.clock.advance(std::chrono::seconds(1));
    world.step();
  }
  EXPECT_GT(reads, 0);
  EXPECT_EQ(world.status()["reason"], "FailedMount");
  EXPECT_EQ(world.count("PUT jobs/status"), 2) << "count, FailedMount";
}

// If a volume fails, all pods are late at once. The API server reads all events of the namespace for each list.
TEST(JobTroubles, OneReadOfTheWarningsAnswersForAllPods) {
  vbrain::testing::FakeApiServer api;
  kube::ApiClient client(api);
  vbrain::testing::ManualClock clock;
  const std::string now = base::format_rfc3339_seconds(clock.now());
  for (const char* uid : {"a", "b", "c"}) api.put(testing::kEvents, mount_event(uid, uid, now));
  api.put(testing::kEvents, mount_event("old", "old", "2020-01-01T00:00:00Z"));
  PodEvents events(client, clock);
  for (const char* uid : {"a", "b", "c"}) {
    const auto answer = events.read("vbrain", uid, {});
    ASSERT_TRUE(answer.trouble) << uid;
    EXPECT_EQ(answer.trouble->reason, "FailedMount");
  }
  EXPECT_EQ(api.count("GET", "/events"), 1u);
  EXPECT_TRUE(events.read("vbrain", "old", {}).trouble) << "its own events say more";
  EXPECT_EQ(api.count("GET", "/events"), 2u);
}

// The API server answers with at most as many as it is asked for, and a token for the next ones.
TEST(JobTroubles, AllPagesOfWarningsAreRead) {
  vbrain::testing::FakeApiServer api;
  kube::ApiClient client(api);
  vbrain::testing::ManualClock clock;
  const std::string now = base::format_rfc3339_seconds(clock.now());
  for (int i = 1'000; i < 1'600; ++i) {
    api.put(testing::kEvents, mount_event(std::to_string(i), std::to_string(i), now));
  }
  PodEvents events(client, clock);
  for (const char* uid : {"1000", "1599"}) {
    const auto answer = events.read("vbrain", uid, {});
    ASSERT_TRUE(answer.trouble) << uid;
    EXPECT_EQ(answer.trouble->reason, "FailedMount");
  }
  EXPECT_EQ(api.count("GET", "/events"), 2u) << "two pages";
  EXPECT_EQ(api.count("GET", "regarding.uid"), 0u) << "and no list of one pod";
}

TEST(JobTroubles, AJobThatIsNotLateReadsNoEvents) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.api.count("GET", "/events"), 0u);
}

TEST(JobTroubles, WithoutTheRightToReadEventsAJobStartsAllTheSame) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kNeverStarts});
  refuse(
      world, [](const kube::Request& r) { return r.method == "GET" && r.target.find("/events") != std::string::npos; },
      403);
  for (int i = 0; i < 60; ++i) {
    world.step();
    world.let_kubelet_work();
    world.clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(world.status()["reason"], "Starting");
  world.behave(1, {});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
}

TEST(JobTroubles, ATemplateWithABooleanForANameIsInvalid) {
  World world;
  world.add_application([](json& spec) {
    spec["template"]["spec"]["containers"][0]["env"] = json::array({{{"name", false}, {"value", "x"}}});
  });
  world.add_job();
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "InvalidTemplate");
}

TEST(JobTroubles, ParamsThatDoNotMatchTheSchemaEndAJobOfKubectlBeforeItStarts) {
  World world;
  world.add_application([](json& spec) {
    spec["paramsSchema"] = {{"required", {"needed"}}};
    spec["backoffLimit"] = 3;
  });
  world.add_job(true);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "InvalidParams");
  EXPECT_EQ(world.status()["message"],
            job::tell("InvalidParams", "the params do not match paramsSchema of the Application: /needed: is missing"));
  EXPECT_EQ(world.starts_in_all(), 0);
}

// The folder came back from a backup as root's, mode 0700.
TEST(JobTroubles, AJobWhoseFolderCannotBeReadEndsWhenItIsCancelled) {
  World world;
  world.add_application();
  world.add_job();
  world.volume_refuses = [](const std::string&) { return true; };
  work_until(world, "VolumeFailing");
  world.patch_spec({{"cancel", true}});
  const auto before = world.clock.now();
  work_until(world, "Cancelled");
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_LT(world.clock.now() - before, std::chrono::minutes(15));
  EXPECT_EQ(world.starts_in_all(), 0);
}

TEST(JobTroubles, AJobWhoseFolderCannotBeReadIsNotStartedForEver) {
  World world;
  world.add_application([](json& spec) { spec["preRunningDeadlineSeconds"] = 60; });
  world.add_job();
  world.volume_refuses = [](const std::string&) { return true; };
  work_until(world, "VolumeFailing");
  for (int turn = 0; turn < 200 && world.status()["phase"] != "Failed"; ++turn) world.clock.advance(world.step().delay);
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_EQ(world.status()["reason"], "VolumeFailing");
  world.volume_refuses = [](const std::string&) { return false; };
  ASSERT_TRUE(world.run());
  EXPECT_TRUE(world.has_status_file()) << "its record is written when the volume is well again";
}

// An application of the controller's own uid may do that to its own folder: chmod 0 /vbrain/attempt.
TEST(JobTroubles, AnApplicationThatHidesItsFolderHarmsOnlyItself) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kEvicted});
  world.when_running(1, [](World& w) {
    w.volume_refuses = [](const std::string& what) { return what == "read" || what == "close"; };
  });
  work_until(world, "VolumeFailing");
  world.patch_spec({{"cancel", true}});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Failed");
  EXPECT_TRUE(world.has_status_file());
}

TEST(JobTroubles, ARefusedStatusIsTriedAgain) {
  for (const int status : {400, 403, 413, 422, 500}) {
    World world;
    world.add_application();
    world.add_job();
    int left = 5;
    refuse(
        world, [&left](const kube::Request& r) { return r.method == "PUT" && left-- > 0; }, status);
    ASSERT_TRUE(world.run()) << status;
    EXPECT_EQ(world.status()["phase"], "Finished") << status;
  }
}

TEST(JobTroubles, ARefusedReasonHoldsUpNoDeadline) {
  World world;
  world.add_application([](json& spec) { spec["activeDeadlineSeconds"] = 60; });
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  refuse(
      world,
      [](const kube::Request& r) {
        return r.method == "PUT" && r.body.find("\"reason\":\"Running\"") != std::string::npos;
      },
      422);
  work_until(world, "DeadlineExceeded");
  EXPECT_EQ(world.status()["phase"], "Failed");
}

TEST(JobTroubles, ARefusedFinalizerIsTriedAgain) {
  World world;
  world.add_application();
  world.add_job(true);
  int left = 3;
  refuse(
      world, [&left](const kube::Request& r) { return r.method == "PATCH" && left-- > 0; }, 422);
  work_until(world, "ApiServerRefused");
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.status()["phase"], "Finished");
}

TEST(JobTroubles, AFinalizerThatIsNotTakenOffIsTriedAgain) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  int left = 3;
  refuse(
      world, [&left](const kube::Request& r) { return r.method == "PATCH" && left-- > 0; }, 422);
  world.delete_job();
  for (int turn = 0; turn < 100 && !world.job().is_null(); ++turn) {
    world.clock.advance(world.step().delay);
    world.let_kubelet_work();
  }
  EXPECT_TRUE(world.job().is_null());
  EXPECT_FALSE(world.has_folder());
}

// Its Job has ended or is going, so only an event can say it.
TEST(JobTroubles, AnEventOfAFailedActionSaysWhatToDo) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  bool refuses = true;
  world.volume_refuses = [&](const std::string& what) { return refuses && what == "purge"; };
  world.delete_job();
  for (int turn = 0; turn < 10; ++turn) world.clock.advance(world.step().delay);
  refuses = false;
  world.restart();  // waits for the events
  std::vector<std::string> notes;
  for (const std::string& body : world.events()) {
    const json event = json::parse(body);
    if (event.value("reason", "") == "VolumeFailing") notes.push_back(event["note"]);
  }
  ASSERT_FALSE(notes.empty());
  EXPECT_NE(notes[0].find("Remedy: " + std::string(job::find_cause("VolumeFailing")->remedy)), std::string::npos)
      << notes[0];
}

// Somebody took the label off by which our watch finds it.
TEST(JobTroubles, TheEndOfAPodThatTheWatchDoesNotShowIsNoticed) {
  World world;
  world.add_application();
  world.add_job();
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  work_until(world, "Running");
  world.hide_pods();
  const kube::ReconcileResult result = world.step();
  EXPECT_LE(result.delay, std::chrono::minutes(5)) << "whatever the watches say";
  EXPECT_EQ(world.status()["reason"], "Running");
  world.behave(1, {.kind = Behaviour::Kind::kExits});
  world.let_kubelet_work();
  world.clock.advance(result.delay);
  world.step();
  EXPECT_EQ(world.status()["phase"], "Finished");
}

}  // namespace
}  // namespace vbrain::controller
