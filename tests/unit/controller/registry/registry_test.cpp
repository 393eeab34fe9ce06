#include "controller/registry/registry.hpp"

#include <gtest/gtest.h>

#include "base/metrics.hpp"
#include "controller/reconcile/admission.hpp"
#include "kube/api/events.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::kApplications;
using testing::kClients;

json application_json(const std::string& name, const std::string& id, const std::string& created) {
  return {{"metadata", {{"name", name}, {"namespace", "vbrain"}, {"generation", 1}, {"creationTimestamp", created}}},
          {"spec", {{"applicationId", id}, {"organizations", {"*"}}, {"template", testing::a_template()}}}};
}

json client_json(const std::string& name, const std::string& client_id, const std::string& key_id,
                 const std::string& created = "2026-01-01T00:00:00Z") {
  const json key = {{"id", key_id}, {"sha256", std::string(64, 'a')}};
  const json member = {{"username", "ana"}, {"role", "leader"}, {"keys", {key}}};
  return {
      {"metadata", {{"name", name}, {"namespace", "vbrain"}, {"generation", 1}, {"creationTimestamp", created}}},
      {"spec",
       {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", client_id}, {"members", {member}}}}};
}

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    applications_.add_index(kApplicationsById, [](const job::Application& a) { return std::vector{a.application_id}; });
    clients_.add_index(kClientsByTenant, [](const job::Client& client) { return std::vector{tenant_key(client)}; });
    clients_.add_index(kClientsByKey, job::key_ids);
  }

  void put(const std::string& collection, json object) { api_.put(collection, std::move(object)); }

  // Everything as a leader would do it, with caches that show everything.
  void check_all() {
    fill();
    for (const std::string& key : registry_.keys()) last_ = registry_.reconcile(key, {});
    events_.flush();
    fill();
  }
  void fill() {
    for (const json& item : api_.objects(kApplications).items) {
      applications_.put(item["metadata"]["name"],
                        std::make_shared<const job::Application>(job::Application::decode(item)));
    }
    for (const json& item : api_.objects(kClients).items) {
      clients_.put(item["metadata"]["name"], std::make_shared<const job::Client>(job::Client::decode(item)));
    }
  }
  // "True Accepted", of an object.
  std::string ready(const std::string& collection, const std::string& name) {
    const json condition =
        api_.object(collection + "/" + name).value(json::json_pointer("/status/conditions/0"), json());
    message_ = condition.value("message", "");
    return condition.value("status", "") + " " + condition.value("reason", "");
  }
  void refuse_pods(int status, const std::string& message) {
    const std::string body = json{{"kind", "Status"}, {"code", status}, {"message", message}}.dump();
    api_.set_before([=](const kube::Request& request) -> std::optional<kube::Error> {
      if (request.method != "POST" || request.target.find("/pods") == std::string::npos) return {};
      return kube::error_from_response(status, body);
    });
  }
  json condition_of(const std::string& path, const std::string& type) {
    const json object = api_.object(path);
    for (const json& condition : object["status"]["conditions"]) {
      if (condition["type"] == type) return condition;
    }
    return {};
  }
  bool message_has(const char* part) const { return message_.find(part) != std::string::npos; }

  vbrain::testing::FakeApiServer api_;
  vbrain::testing::ManualClock clock_;
  base::Metrics metrics_;
  kube::ApiClient client_{api_};
  kube::EventRecorder events_{client_, {.instance = "test"}, metrics_, clock_};
  kube::Cache<job::Application> applications_;
  kube::Cache<job::Client> clients_;
  Registry registry_{{.client = client_,
                      .events = events_,
                      .applications = applications_,
                      .clients = clients_,
                      .clock = clock_,
                      .pod = {.limits = {.volume_claim = "shared", .allowed_secrets = {}}}}};
  kube::ReconcileResult last_;
  std::string message_;
};

TEST_F(RegistryTest, WhatCanBeUsedIsReady) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  put(kClients, client_json("north", "north", "k3v9"));
  check_all();
  EXPECT_EQ(ready(kApplications, "tutorial"), "True Accepted");
  EXPECT_EQ(ready(kClients, "north"), "True Accepted");
  EXPECT_EQ(api_.count("POST", "/pods?fieldValidation=Strict&dryRun=All"), 1u);
  EXPECT_TRUE(api_.objects(testing::kPods).items.empty()) << "only a dry run";
  EXPECT_EQ(api_.object(kApplications + "/tutorial")["status"]["observedGeneration"], 1);
}

TEST_F(RegistryTest, AClientThatWillBePurgedSaysSoInEveryState) {
  json client = client_json("north", "north", "k3v9");
  client["metadata"]["annotations"] = {{job::kPurgeAnnotation, "confirm"}};
  put(kClients, client);
  check_all();
  EXPECT_EQ(ready(kClients, "north"), "False UnknownApplication");
  EXPECT_TRUE(message_has("will be purged")) << message_;
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  check_all();
  EXPECT_EQ(ready(kClients, "north"), "True Accepted");
  EXPECT_TRUE(message_has("will be purged")) << message_;
  EXPECT_TRUE(client_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  check_all();
  EXPECT_EQ(ready(kClients, "north"), "True Accepted");
  EXPECT_FALSE(message_has("purged")) << message_;
}

TEST_F(RegistryTest, AtRestNothingIsWritten) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  put(kClients, client_json("north", "north", "k3v9"));
  check_all();
  const std::size_t writes = api_.count("PATCH");
  EXPECT_EQ(writes, 2u);
  check_all();
  EXPECT_EQ(api_.count("PATCH"), writes);
  EXPECT_GE(last_.delay, std::chrono::minutes(1)) << "keys expire, and policies change";
}

TEST_F(RegistryTest, OtherPartsOfTheStatusStay) {
  json client = client_json("north", "north", "k3v9");
  client["status"]["written"] = "by another";
  put(kClients, client);
  check_all();
  EXPECT_EQ(ready(kClients, "north"), "False UnknownApplication");
  EXPECT_EQ(api_.object(kClients + "/north")["status"]["written"], "by another");
}

TEST_F(RegistryTest, ATemplateIsRefusedWithTheField) {
  json secret = application_json("secret", "A", "2026-01-01T00:00:00Z");
  secret["spec"]["template"]["spec"]["imagePullSecrets"] = {{{"name", "registry"}}};
  put(kApplications, secret);
  check_all();
  EXPECT_EQ(ready(kApplications, "secret"), "False InvalidTemplate");
  EXPECT_TRUE(message_has("'registry'") && message_has("controller.templateSecrets")) << message_;
  EXPECT_EQ(api_.count("POST", "/pods"), 0u);

  json quantity = application_json("quantity", "B", "2026-01-01T00:00:00Z");
  quantity["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "1GB";
  put(kApplications, quantity);
  check_all();
  EXPECT_EQ(ready(kApplications, "quantity"), "False InvalidTemplate");
  EXPECT_TRUE(message_has("resources.limits.memory") && message_has("1GB")) << message_;
}

TEST_F(RegistryTest, ASchemaIsRefusedWithThePlaceOfTheMistake) {
  json typed = application_json("typed", "A", "2026-01-01T00:00:00Z");
  typed["spec"]["paramsSchema"] = {{"properties", {{"a", {{"type", "int"}}}}}};
  put(kApplications, typed);
  check_all();
  EXPECT_EQ(ready(kApplications, "typed"), "False InvalidSchema");
  EXPECT_TRUE(message_has("spec.paramsSchema can't be used: /properties/a/type must be ")) << message_;
  EXPECT_TRUE(message_has("Remedy: correct spec.paramsSchema")) << message_;
  typed["spec"]["paramsSchema"] = {{"properties", {{"a", {{"type", "integer"}}}}}};
  put(kApplications, typed);
  check_all();
  EXPECT_EQ(ready(kApplications, "typed"), "True Accepted");
}

TEST_F(RegistryTest, WhatTheApiServerSaysOfTheTrialPodIsTheReason) {
  const struct {
    int status;
    const char* message;
    const char* want;
  } cases[] = {
      {400, "strict decoding error: unknown field \"spec.containers[0].resourcs\"", "False InvalidTemplate"},
      {422, "spec.containers[0].image: Required value", "False InvalidTemplate"},
      {403, "violates PodSecurity \"restricted:latest\"", "False InvalidTemplate"},
      {403, "maximum memory usage per Container is 1Gi, but limit is 2Gi", "False PodForbidden"},
      {403, "exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9", "True Accepted"},
      {403, "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0", "True Accepted"},
      {403,
       "exceeded quota: q, requested: limits.cpu=1,limits.memory=10Gi, used: limits.cpu=0,limits.memory=0, "
       "limited: limits.cpu=2,limits.memory=1Gi",
       "False QuotaTooSmall"},
      {400, "admission webhook \"x\" does not support dry run", "Unknown NotChecked"},
      {500, "failed calling webhook", "Unknown NotChecked"},
  };
  for (const auto& c : cases) {
    put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
    refuse_pods(c.status, c.message);
    check_all();
    EXPECT_EQ(ready(kApplications, "tutorial"), c.want) << c.message;
    EXPECT_TRUE(message_has(std::string(c.message).substr(std::string(c.message).rfind(": ") + 2).c_str())) << message_;
  }
}

TEST_F(RegistryTest, OfTwoApplicationsWithOneIdTheOlderCounts) {
  put(kApplications, application_json("newer", "Tutorial", "2026-01-02T00:00:00Z"));
  put(kApplications, application_json("older", "Tutorial", "2026-01-01T00:00:00Z"));
  check_all();
  EXPECT_EQ(ready(kApplications, "older"), "True Accepted");
  EXPECT_EQ(ready(kApplications, "newer"), "False DuplicateId");
  EXPECT_TRUE(message_has("'older'")) << message_;
  EXPECT_EQ(api_.objects(testing::kEvents).items.size(), 1u) << "and an event says so";
}

TEST_F(RegistryTest, WhatIsWrongWithAClient) {
  put(kClients, client_json("lonely", "lonely", "aaaa"));
  check_all();
  EXPECT_EQ(ready(kClients, "lonely"), "False UnknownApplication");
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  put(kClients, client_json("second", "lonely", "bbbb", "2026-01-02T00:00:00Z"));
  put(kClients, client_json("thief", "thief", "aaaa"));
  json expired = client_json("expired", "expired", "cccc");
  expired["spec"]["members"][0]["keys"][0]["expiresAt"] = "2000-01-01T00:00:00Z";
  put(kClients, expired);
  check_all();
  EXPECT_EQ(ready(kClients, "second"), "False DuplicateTenant");
  EXPECT_TRUE(message_has("'lonely'")) << message_;
  EXPECT_EQ(ready(kClients, "thief"), "False KeyIdTaken");
  EXPECT_TRUE(message_has("'aaaa'") && message_has("'lonely'")) << message_;
  EXPECT_EQ(ready(kClients, "lonely"), "False KeyIdTaken") << "nobody can say whose it is";
  EXPECT_EQ(ready(kClients, "expired"), "False NoKey");
  json closed = application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z");
  closed["spec"]["organizations"] = {"other"};
  put(kApplications, closed);
  check_all();
  EXPECT_EQ(ready(kClients, "expired"), "False ApplicationNotAllowed");
}

// An API server that is busy, or a webhook that does not answer, says nothing of the template.
TEST_F(RegistryTest, APassingErrorOverwritesNoVerdict) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  check_all();
  const std::size_t writes = api_.count("PATCH");
  for (const int status : {429, 500, 504}) {
    refuse_pods(status, "busy");
    check_all();
    EXPECT_EQ(ready(kApplications, "tutorial"), "True Accepted") << status;
    EXPECT_EQ(last_.delay, std::chrono::seconds(30)) << status;
  }
  EXPECT_EQ(api_.count("PATCH"), writes);
  json changed = application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z");
  changed["metadata"]["generation"] = 2;
  changed["status"] = api_.object(kApplications + "/tutorial")["status"];
  put(kApplications, changed);
  check_all();
  EXPECT_EQ(ready(kApplications, "tutorial"), "Unknown NotChecked") << "it was of another template";
}

TEST_F(RegistryTest, AWebhookThatSupportsNoDryRunIsAskedSeldom) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  refuse_pods(400, "admission webhook \"x\" does not support dry run");
  check_all();
  EXPECT_EQ(ready(kApplications, "tutorial"), "Unknown NotChecked");
  EXPECT_EQ(last_.delay, std::chrono::minutes(10));
}

TEST_F(RegistryTest, ConditionsOfOthersStay) {
  json application = application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z");
  const json other = {{"type", "example.com/Scanned"},
                      {"status", "True"},
                      {"reason", "Done"},
                      {"message", ""},
                      {"lastTransitionTime", "2026-01-01T00:00:00Z"}};
  application["status"]["conditions"] = json::array({other});
  put(kApplications, application);
  check_all();
  EXPECT_EQ(condition_of(kApplications + "/tutorial", "Ready")["status"], "True");
  EXPECT_EQ(condition_of(kApplications + "/tutorial", "example.com/Scanned"), other);
}

TEST_F(RegistryTest, AConflictBacksOff) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  fill();
  json changed = api_.object(kApplications + "/tutorial");
  changed["metadata"]["labels"] = {{"a", "b"}};
  put(kApplications, changed);
  const kube::ReconcileResult result = registry_.reconcile("Application/tutorial", {});
  EXPECT_EQ(result.kind, kube::ReconcileResult::Kind::kRetryable) << "the watch is late";
}

TEST_F(RegistryTest, ALostLeaseIsNoticedAfterTheDryRun) {
  bool leads = true;
  Registry registry({.client = client_,
                     .events = events_,
                     .applications = applications_,
                     .clients = clients_,
                     .clock = clock_,
                     .pod = {.limits = {.volume_claim = "shared", .allowed_secrets = {}}},
                     .may_write = [&] { return leads; }});
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  fill();
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "POST") leads = false;
    return {};
  });
  registry.reconcile("Application/tutorial", {});
  EXPECT_EQ(api_.count("PATCH"), 0u);
}

TEST_F(RegistryTest, AKeyThatExpiresIsSeenAtOnce) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  json client = client_json("north", "north", "k3v9");
  client["spec"]["members"][0]["keys"][0]["expiresAt"] =
      base::format_rfc3339_seconds(clock_.now() + std::chrono::seconds(90));
  put(kClients, client);
  fill();
  registry_.reconcile("Client/north", {});
  fill();
  last_ = registry_.reconcile("Client/north", {});
  EXPECT_EQ(ready(kClients, "north"), "True Accepted");
  EXPECT_LE(last_.delay, std::chrono::seconds(90));
  EXPECT_GT(last_.delay, std::chrono::seconds(80));
  clock_.advance(last_.delay);
  registry_.reconcile("Client/north", {});
  EXPECT_EQ(ready(kClients, "north"), "False NoKey");
}

TEST_F(RegistryTest, TheTimeOfTheConditionIsTheTimeOfItsLastTurn) {
  put(kApplications, application_json("tutorial", "Tutorial", "2026-01-01T00:00:00Z"));
  check_all();
  const json::json_pointer time("/status/conditions/0/lastTransitionTime");
  const json first = api_.object(kApplications + "/tutorial")[time];
  clock_.advance(std::chrono::hours(1));
  refuse_pods(403, "exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9");
  check_all();
  EXPECT_EQ(api_.object(kApplications + "/tutorial")[time], first) << "still true, in other words";
  refuse_pods(422, "no");
  check_all();
  EXPECT_NE(api_.object(kApplications + "/tutorial")[time], first);
}

}  // namespace
}  // namespace vbrain::controller
