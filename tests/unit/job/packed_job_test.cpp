#include "job/packed_job.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::job {
namespace {

using nlohmann::json;

// Every field has a value of its own.
json job_object() {
  return json::parse(R"({
    "metadata": {"name": "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", "namespace": "vbrain",
                 "uid": "11111111-2222-3333-4444-555555555555", "resourceVersion": "123456", "generation": 2,
                 "labels": {"vbrain.visagio.com/origin": "rest", "a": ""}, "finalizers": ["vbrain.visagio.com/artifacts"],
                 "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "o", "uid": "u", "controller": true}],
                 "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "1960-01-02T03:04:05.678Z",
                 "deletionGracePeriodSeconds": 30,
                 "annotations": {"vbrain.visagio.com/traceparent":
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
    "spec": {"organizationId": "acme", "applicationId": "Tutorial", "clientId": "north",
             "repositoryId": "202009231629398695", "username": "ana", "priority": -2147483648, "suspend": true,
             "cancel": true, "callbackURL": "https://h/", "params": {"a": 1}, "metadata": {"b": 2}},
    "status": {"observedGeneration": 9223372036854775807, "phase": "Failed", "reason": "OutOfMemory",
               "message": "killed", "attempts": 2, "startedAttempts": 1, "acceptedAttempt": 1, "disruptions": 3,
               "applicationGeneration": 4, "startTime": "2026-01-02T03:04:06.500Z",
               "completionTime": "2026-01-02T03:04:07.500Z", "runningTime": "2026-01-02T03:04:06.700Z",
               "duration": "1.0s", "podName": "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d-2", "nodeName": "n1", "exitCode": -1,
               "nextAttemptTime": "2026-01-02T03:04:09Z",
               "conditions": [{"type": "Ended", "status": "True", "reason": "R", "message": "m",
                               "lastTransitionTime": "2026-01-02T03:04:08Z", "observedGeneration": 2}],
               "artifacts": {"outputBytes": 12, "outputSha256": "ab", "logBytes": 34, "resultBytes": 9},
               "attemptHistory": [{"attempt": 1, "podUid": "p1", "nodeName": "n0", "exitCode": 0,
                                   "startTime": "2026-01-02T03:04:06.500Z", "completionTime": "2026-01-02T03:04:07Z",
                                   "reason": "Lost", "message": "x", "memoryLimit": "64Mi"}]}})");
}

void expect_same(const Job& left, const Job& right) {
  EXPECT_EQ(left.meta.name, right.meta.name);
  EXPECT_EQ(left.meta.namespace_name, right.meta.namespace_name);
  EXPECT_EQ(left.meta.uid, right.meta.uid);
  EXPECT_EQ(left.meta.resource_version, right.meta.resource_version);
  EXPECT_EQ(left.meta.generation, right.meta.generation);
  EXPECT_EQ(left.meta.labels, right.meta.labels);
  EXPECT_EQ(left.meta.finalizers, right.meta.finalizers);
  EXPECT_EQ(left.meta.owner_references, right.meta.owner_references);
  EXPECT_EQ(left.meta.creation_timestamp, right.meta.creation_timestamp);
  EXPECT_EQ(left.meta.deletion_timestamp, right.meta.deletion_timestamp);
  EXPECT_EQ(left.meta.deletion_grace_seconds, right.meta.deletion_grace_seconds);
  EXPECT_EQ(encode_new_job("ns", "name", left.spec), encode_new_job("ns", "name", right.spec));
  EXPECT_EQ(left.spec.suspend, right.spec.suspend);
  EXPECT_EQ(left.spec.cancel, right.spec.cancel);
  EXPECT_EQ(left.spec.metadata, right.spec.metadata);
  EXPECT_EQ(encode(left.status), encode(right.status));
  EXPECT_EQ(left.traceparent, right.traceparent);
}

TEST(PackedJob, LosesNothing) {
  const Job job = Job::decode(job_object());
  expect_same(unpack(pack(job)), job);
  expect_same(unpack(pack(Job())), Job());
}

TEST(PackedJob, IsSmall) {
  EXPECT_LT(pack(Job::decode(job_object())).size(), 500U);
}

TEST(PackedJob, BytesThatAreCutOffAreRefused) {
  const std::string bytes = pack(Job::decode(job_object()));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW((void)unpack(bytes.substr(0, size)), std::out_of_range) << size;
  }
}

TEST(PackedJob, EndedJobsArePackedUnlessTheyAreBeingDeleted) {
  const auto packing = packing_of_ended_jobs();
  Job job = Job::decode(job_object());
  EXPECT_FALSE(packing.is_wanted(job));
  job.meta.deletion_timestamp.reset();
  EXPECT_TRUE(packing.is_wanted(job));
  job.status.phase = Phase::kStarted;
  EXPECT_FALSE(packing.is_wanted(job));
}

}  // namespace
}  // namespace vbrain::job
