#include "job/job.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::job {
namespace {

using nlohmann::json;

constexpr const char* kName = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";

json job_object() {
  return json::parse(R"({
    "apiVersion": "vbrain.visagio.com/v1", "kind": "Job",
    "metadata": {"name": "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", "namespace": "vbrain", "uid": "u1",
                 "resourceVersion": "7", "generation": 2, "finalizers": ["vbrain.visagio.com/artifacts"],
                 "creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": [{"manager": "x"}]},
    "spec": {"organizationId": "acme", "applicationId": "Tutorial", "clientId": "north",
             "repositoryId": "202009231629398695", "username": "ana", "priority": 5, "params": {"a": 1}},
    "status": {"phase": "Finished", "reason": "Completed", "attempts": 1, "acceptedAttempt": 1,
               "startTime": "2026-01-02T03:04:06.500Z", "exitCode": 0,
               "conditions": [{"type": "Complete", "status": "True", "reason": "Completed", "message": "",
                               "lastTransitionTime": "2026-01-02T03:04:08Z", "observedGeneration": 2}],
               "artifacts": {"outputBytes": 12, "outputSha256": "ab", "logBytes": 34, "resultBytes": 9},
               "attemptHistory": [{"attempt": 1, "podUid": "p1", "exitCode": 0, "reason": "Completed"}]}})");
}

TEST(Job, DecodesWhatTheApiServerSends) {
  const Job job = Job::decode(job_object());
  EXPECT_EQ(job.meta.name, kName);
  EXPECT_EQ(job.meta.resource_version, "7");
  EXPECT_TRUE(job.meta.has_finalizer(kFinalizer));
  EXPECT_EQ(job.spec.application_id, "Tutorial");
  EXPECT_EQ(job.spec.priority, 5);
  EXPECT_EQ(job.spec.params, R"({"a":1})");
  EXPECT_EQ(job.status.phase, Phase::kFinished);
  EXPECT_EQ(job.status.accepted_attempt, 1);
  EXPECT_EQ(job.status.exit_code, 0);
  ASSERT_NE(job.status.condition("Complete"), nullptr);
  EXPECT_EQ(job.status.artifacts->log_bytes, 34);
  EXPECT_EQ(job.status.attempt_history.at(0).pod_uid, "p1");
}

TEST(Job, KnowsJobsOfTheRestServer) {
  json object = job_object();
  EXPECT_FALSE(Job::decode(object).made_by_rest());
  object["metadata"]["labels"] = {{kOriginLabel, kOriginRest}};
  EXPECT_TRUE(Job::decode(object).made_by_rest());
}

TEST(Job, StatusSurvivesARoundTrip) {
  json object = job_object();
  const JobStatus status = Job::decode(object).status;
  object["status"] = encode(status);
  const JobStatus again = Job::decode(object).status;
  EXPECT_EQ(encode(again), encode(status));
  EXPECT_EQ(again.start_time, status.start_time);
  EXPECT_EQ(again.attempt_history, status.attempt_history);
  EXPECT_EQ(again.artifacts, status.artifacts);
}

TEST(Job, AJobWithoutStatusIsQueued) {
  json object = job_object();
  object.erase("status");
  EXPECT_EQ(Job::decode(object).status.phase, Phase::kQueued);
}

TEST(Job, AMalformedObjectIsADecodeErrorAndNothingElse) {
  const struct {
    const char* pointer;
    json value;
  } cases[] = {
      {"/metadata/name", 5},
      {"/metadata/uid", nullptr},
      {"/metadata/labels", json::array()},
      {"/spec", "text"},
      {"/spec/priority", "high"},
      {"/spec/priority", 99999999999},
      {"/status/phase", "Running"},
      {"/status/attempts", 1.5},
      {"/status/conditions", json::object()},
      {"/status/startTime", "today"},
      {"/status/attemptHistory/0", 3},
      {"/status/artifacts", 3},
      {"/metadata", json::array()},
      {"/metadata/finalizers/0", 1},
      {"/spec/cancel", 1},
  };
  for (const auto& c : cases) {
    json object = job_object();
    object[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THROW(Job::decode(object), kube::DecodeError) << c.pointer << " = " << c.value;
  }
}

TEST(Job, ConditionsKeepTheirTransitionTimeUntilTheStatusChanges) {
  const auto at = [](int seconds) { return base::TimePoint{std::chrono::seconds{seconds}}; };
  JobStatus status;
  status.set_condition({"Complete", "False", "Running", "", at(1), 1});
  status.set_condition({"Complete", "False", "StillRunning", "", at(2), 1});
  EXPECT_EQ(status.condition("Complete")->last_transition_time, at(1));
  EXPECT_EQ(status.condition("Complete")->reason, "StillRunning");
  status.set_condition({"Complete", "True", "Completed", "", at(3), 1});
  EXPECT_EQ(status.condition("Complete")->last_transition_time, at(3));
  EXPECT_EQ(status.conditions.size(), 1U);
}

TEST(Job, ANewJobCarriesTheFinalizerAndOnlyWhatIsSet) {
  JobSpec spec;
  spec.organization_id = "acme";
  spec.application_id = "Tutorial";
  spec.client_id = "north";
  spec.username = "ana";
  const json body = encode_new_job("vbrain", kName, spec);
  EXPECT_EQ(body["apiVersion"], "vbrain.visagio.com/v1");
  EXPECT_EQ(body["metadata"]["finalizers"], json::array({kFinalizer}));
  EXPECT_EQ(body["metadata"]["labels"][kOriginLabel], kOriginRest);
  EXPECT_EQ(body["spec"], json::parse(R"({"organizationId":"acme","applicationId":"Tutorial","clientId":"north",
                                          "username":"ana"})"));
  EXPECT_FALSE(body.contains("status"));
  EXPECT_FALSE(body["metadata"].contains("annotations"));
}

TEST(Job, KeepsTheTraceInAnAnnotation) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  json body = encode_new_job("vbrain", kName, {}, trace);
  EXPECT_EQ(body["metadata"]["annotations"], (json{{"vbrain.visagio.com/traceparent", trace}}));
  body["metadata"].update({{"uid", "u"}, {"resourceVersion", "1"}});
  EXPECT_EQ(Job::decode(body).traceparent, trace);
  EXPECT_EQ(Job::decode(body).ids().trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  // Anybody who may write Jobs can set it, and it stands in log lines.
  for (const json& bad :
       {json(nullptr), json(7), json(""), json(trace + "x"), json("00-" + std::string(100'000, 'a'))}) {
    body["metadata"]["annotations"] = {{"vbrain.visagio.com/traceparent", bad}};
    EXPECT_EQ(Job::decode(body).traceparent, "") << bad.dump().substr(0, 80);
    EXPECT_EQ(Job::decode(body).ids().trace_id, "");
  }
  body["metadata"]["annotations"] = "no object";
  EXPECT_EQ(Job::decode(body).traceparent, "");
}

TEST(Job, PhasesHaveTwoSpellings) {
  EXPECT_EQ(to_string(Phase::kStarted), "Started");
  EXPECT_EQ(rest_state(Phase::kStarted), "started");
  EXPECT_FALSE(is_terminal(Phase::kStarted));
  EXPECT_TRUE(is_terminal(Phase::kFailed));
}

TEST(Job, DurationsReadWell) {
  using std::chrono::milliseconds;
  EXPECT_EQ(format_duration(milliseconds{-5}), "0.0s");
  EXPECT_EQ(format_duration(milliseconds{1'250}), "1.2s");
  EXPECT_EQ(format_duration(milliseconds{59'999}), "59.9s");
  EXPECT_EQ(format_duration(milliseconds{185'000}), "3m5s");
  EXPECT_EQ(format_duration(milliseconds{7'380'000}), "2h3m0s");
}

}  // namespace
}  // namespace vbrain::job
