#include "kube/api/pod.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using nlohmann::json;

json pod_json() {
  return json::parse(R"({
    "metadata": {"name": "job-1", "namespace": "ns", "uid": "u", "resourceVersion": "9",
      "labels": {"vbrain.visagio.com/attempt": "1"}, "deletionTimestamp": "2026-01-01T00:00:30Z",
      "ownerReferences": [{"apiVersion": "vbrain.visagio.com/v1", "kind": "Job", "name": "job", "uid": "ju",
                           "controller": true}]},
    "spec": {"nodeName": "node1", "containers": [{"name": "main", "env": [{"name": "X", "value": "y"}]}]},
    "status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "startTime": "2026-01-01T00:00:00Z",
      "conditions": [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Initialized", "status": "True"},
        {"type": "PodReadyToStartContainers", "status": "True"},
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "preempted"}],
      "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
      "containerStatuses": [
        {"name": "side", "image": "s", "state": {"running": {"startedAt": "2026-01-01T00:00:05Z"}}},
        {"name": "main", "image": "i:1", "restartCount": 1,
         "state": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled", "message": "{}",
                   "startedAt": "2026-01-01T00:00:05Z", "finishedAt": "2026-01-01T00:00:09Z"}},
         "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}})");
}

TEST(Pod, KeepsTheFieldsThatRulesUse) {
  const Pod pod = Pod::decode(pod_json());
  EXPECT_EQ(pod.meta.name, "job-1");
  EXPECT_EQ(pod.meta.labels.at("vbrain.visagio.com/attempt"), "1");
  EXPECT_EQ(pod.meta.controller_owner()->uid, "ju");
  EXPECT_TRUE(pod.meta.deletion_timestamp);
  EXPECT_EQ(pod.phase, "Failed");
  EXPECT_EQ(pod.reason, "Evicted");
  EXPECT_EQ(pod.node_name, "node1");
  EXPECT_EQ(pod.start_time, base::parse_rfc3339("2026-01-01T00:00:00Z"));

  const ContainerStatus* main = pod.container("main");
  ASSERT_NE(main, nullptr);
  EXPECT_FALSE(main->waiting);
  EXPECT_FALSE(main->running_since);
  ASSERT_TRUE(main->terminated);
  EXPECT_EQ(main->terminated->exit_code, 137);
  EXPECT_EQ(main->terminated->signal, 9);
  EXPECT_EQ(main->terminated->reason, "OOMKilled");
  EXPECT_EQ(main->terminated->message, "{}");
  EXPECT_EQ(main->terminated->finished_at, base::parse_rfc3339("2026-01-01T00:00:09Z"));
  EXPECT_EQ(main->last_terminated->exit_code, 1);
  EXPECT_EQ(main->restart_count, 1);
  EXPECT_TRUE(pod.container("side")->running_since);
  EXPECT_EQ(pod.container("absent"), nullptr);
  EXPECT_EQ(pod.init_containers.at(0).terminated->exit_code, 0);

  EXPECT_EQ(pod.condition("DisruptionTarget")->reason, "PreemptionByScheduler");
  EXPECT_EQ(pod.condition("PodReadyToStartContainers"), nullptr);
}

TEST(Pod, SeesWhyAContainerWaits) {
  const json object = {
      {"metadata", {{"name", "p"}, {"uid", "u"}, {"resourceVersion", "1"}}},
      {"status",
       {{"phase", "Pending"},
        {"containerStatuses",
         {{{"name", "main"}, {"state", {{"waiting", {{"reason", "ErrImagePull"}, {"message", "not found"}}}}}}}}}}};
  const Pod pod = Pod::decode(object);
  EXPECT_TRUE(pod.container("main")->waiting);
  EXPECT_EQ(pod.container("main")->waiting_reason, "ErrImagePull");
  EXPECT_EQ(pod.container("main")->waiting_message, "not found");
}

TEST(Pod, ANewPodHasNoStatus) {
  const Pod pod = Pod::decode({{"metadata", {{"name", "p"}, {"uid", "u"}, {"resourceVersion", "1"}}}});
  EXPECT_EQ(pod.phase, "");
  EXPECT_TRUE(pod.containers.empty());
}

TEST(Pod, RefusesWrongTypes) {
  const struct {
    const char* pointer;
    json value;
  } cases[] = {
      {"/metadata/name", 7},
      {"/metadata/uid", nullptr},
      {"/spec/nodeName", json::array()},
      {"/status", "text"},
      {"/status/containerStatuses", json::object()},
      {"/status/containerStatuses/0", 7},
      {"/status/containerStatuses/1/state/terminated/exitCode", "137"},
      {"/status/containerStatuses/1/state/terminated/finishedAt", "yesterday"},
      {"/status/conditions/0/type", 3},
  };
  for (const auto& c : cases) {
    json object = pod_json();
    object[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THROW((void)Pod::decode(object), DecodeError) << c.pointer;
  }
}

}  // namespace
}  // namespace vbrain::kube
