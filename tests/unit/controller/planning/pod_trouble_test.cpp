#include "controller/planning/pod_trouble.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::controller {
namespace {

using nlohmann::json;

json event(const char* type, const char* reason, const char* note, json times) {
  times.update({{"type", type}, {"reason", reason}, {"note", note}});
  return times;
}

json of_kubelet(const char* type, const char* reason, const char* note, const char* last) {
  return event(type, reason, note, {{"deprecatedLastTimestamp", last}, {"eventTime", nullptr}});
}

std::string told(std::initializer_list<json> events) {
  const auto trouble = trouble_of_events({{"items", json::array_t(events)}});
  return trouble ? trouble->reason + ": " + trouble->message : "";
}

TEST(PodTrouble, TheNewestEventCounts) {
  const json scheduled = event("Normal", "Scheduled", "assigned", {{"eventTime", "2026-01-01T00:00:01.500000Z"}});
  const json mount = of_kubelet("Warning", "FailedMount", "configmap \"typo\" not found", "2026-01-01T00:00:02Z");
  const json pulling = of_kubelet("Normal", "Pulling", "Pulling image \"x\"", "2026-01-01T00:00:03Z");
  const json pulled = of_kubelet("Normal", "Pulled", "pulled", "2026-01-01T00:00:04Z");
  const std::string trouble = "FailedMount: configmap \"typo\" not found";
  EXPECT_EQ(told({}), "");
  EXPECT_EQ(told({scheduled}), "");
  EXPECT_EQ(told({mount, scheduled}), trouble);
  EXPECT_EQ(told({scheduled, mount}), trouble) << "in any order";
  EXPECT_EQ(told({mount, pulling}), "Pulling: Pulling image \"x\"") << "the mount succeeded";
  EXPECT_EQ(told({pulling, mount, pulled}), "");
  const json of_same_second = of_kubelet("Normal", "Scheduled", "assigned", "2026-01-01T00:00:02Z");
  EXPECT_EQ(told({mount, of_same_second}), trouble);
  EXPECT_EQ(told({of_same_second, mount}), trouble);
}

TEST(PodTrouble, ARepeatedEventIsAsNewAsItsLastRepetition) {
  json sandbox = event("Warning", "FailedCreatePodSandBox", "no network", {{"eventTime", "2026-01-01T00:00:01Z"}});
  sandbox["series"] = {{"count", 9}, {"lastObservedTime", "2026-01-01T00:00:09Z"}};
  EXPECT_EQ(told({of_kubelet("Normal", "Pulling", "x", "2026-01-01T00:00:05Z"), sandbox}),
            "FailedCreatePodSandBox: no network");
}

// The kubelet also warns of what holds up nothing.
TEST(PodTrouble, AWarningThatIsNoKnownCauseHidesNone) {
  const json pulling = of_kubelet("Normal", "Pulling", "image x", "2026-01-01T00:00:02Z");
  const json dns = of_kubelet("Warning", "DNSConfigForming", "too many search domains", "2026-01-01T00:00:05Z");
  const json unknown = of_kubelet("Warning", "SomethingElse", "odd", "2026-01-01T00:00:05Z");
  EXPECT_EQ(told({pulling, dns}), "Pulling: image x");
  EXPECT_EQ(told({dns}), "");
  EXPECT_EQ(told({pulling, unknown}), "Pulling: image x");
  EXPECT_EQ(told({unknown}), "SomethingElse: odd");
  EXPECT_EQ(told({unknown, of_kubelet("Normal", "Pulled", "x", "2026-01-01T00:00:06Z")}), "") << "it went on since";
}

// Else each try of the kubelet would be news.
TEST(PodTrouble, TheNameOfAScopeIsNotPartOfTheMessage) {
  const char* time = "2026-01-01T00:00:02Z";
  const std::string head = "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: ";
  for (const char* line :
       {"Running scope as unit: run-r0a1b.scope\n", "Running as unit: run-p7.scope; invocation ID: f\n"}) {
    EXPECT_EQ(told({of_kubelet("Warning", "FailedMount", (head + line + "mount.nfs: access denied\n").c_str(), time)}),
              "FailedMount: MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32 Output: "
              "mount.nfs: access denied ");
  }
  EXPECT_EQ(told({of_kubelet("Warning", "FailedMount", "x Running scope as unit: run-r1.scope", time)}),
            "FailedMount: x ");
}

TEST(PodTrouble, WhatIsLongPastDoesNotCount) {
  const json list = {{"items", {of_kubelet("Warning", "FailedMount", "x", "2026-01-01T00:00:02Z")}}};
  EXPECT_TRUE(trouble_of_events(list, *base::parse_rfc3339("2026-01-01T00:00:02Z")));
  EXPECT_FALSE(trouble_of_events(list, *base::parse_rfc3339("2026-01-01T00:00:03Z")));
}

TEST(PodTrouble, WordsThatMeanSeveralThingsGetOneOfTheTable) {
  const char* time = "2026-01-01T00:00:02Z";
  EXPECT_EQ(told({of_kubelet("Warning", "Failed", "Failed to pull image \"x\"", time)}).find("ErrImagePull: "), 0u);
  EXPECT_EQ(told({of_kubelet("Warning", "Failed", "Error: cannot find volume", time)}).find("CreateContainerError: "),
            0u);
  EXPECT_EQ(told({of_kubelet("Warning", "Failed", "Error: ErrImagePull", time)}).find("ErrImagePull: "), 0u);
  EXPECT_EQ(told({of_kubelet("Warning", "odd word", "a\nb", time)}), "Waiting: a b");
}

TEST(PodTrouble, TakesAnyJson) {
  for (const char* text : {"null", "[]", "{}", R"({"items":7})", R"({"items":[7,null,[],{"type":7}]})",
                           R"({"items":[{"type":"Normal","eventTime":"yesterday"}]})"}) {
    EXPECT_FALSE(trouble_of_events(json::parse(text))) << text;
  }
}

TEST(Scheduling, ToldApartWhatCanNeverFit) {
  const struct {
    const char* message;
    bool want;
  } cases[] = {
      {"0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are "
       "available: 1 Preemption is not helpful for scheduling.",
       true},
      {"0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims "
       "found for incoming pod.",
       false},
      {"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. preemption: 0/1 nodes are available: 1 "
       "Preemption is not helpful for scheduling.",
       true},
      {"0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector. preemption: "
       "0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for "
       "scheduling.",
       false},
      {"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are "
       "available: 2 Preemption is not helpful for scheduling.",
       true},
      {"0/1 nodes are available: 1 node(s) had untolerated taint {team: a}. preemption: 0/1 nodes are available: 1 "
       "Preemption is not helpful for scheduling.",
       true},
      {"0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. preemption: 0/1 "
       "nodes are available: 1 Preemption is not helpful for scheduling.",
       false},
      {"0/1 nodes are available: 1 node(s) had untolerated taint {node.cilium.io/agent-not-ready: }. preemption: 0/1 "
       "nodes are available: 1 Preemption is not helpful for scheduling.",
       false},
      {"0/1 nodes are available: 1 node(s) had untolerated taint {ToBeDeletedByClusterAutoscaler: 17}. preemption: 0/1 "
       "nodes are available: 1 Preemption is not helpful for scheduling.",
       false},
      {"0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable. "
       "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
       false},
      {"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are "
       "available: 1 Preemption is not helpful for scheduling.",
       false},
      {"0/1 nodes are available: 1 Insufficient memory.", false},
      {"0/0 nodes are available: ", false},
      {"no nodes available to schedule pods", false},
      {"", false},
  };
  for (const auto& c : cases) EXPECT_EQ(never_fits(c.message), c.want) << c.message;
}

}  // namespace
}  // namespace vbrain::controller
