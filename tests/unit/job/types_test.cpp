#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "job/application.hpp"
#include "job/client.hpp"

namespace vbrain::job {
namespace {

using nlohmann::json;

json with_spec(const char* spec) {
  return {{"metadata", {{"name", "n"}, {"uid", "u"}, {"resourceVersion", "1"}}}, {"spec", json::parse(spec)}};
}

TEST(Application, Decodes) {
  const Application application = Application::decode(with_spec(R"({
      "applicationId": "Tutorial", "organizations": ["acme"], "backoffLimit": 2, "activeDeadlineSeconds": 60,
      "template": {"spec": {"containers": [{"name": "main"}]}}, "paramsSchema": {"type": "object"},
      "memoryGrowth": {"factor": "2", "limit": "4Gi"}, "outputLimit": "1Gi"})"));
  EXPECT_EQ(application.application_id, "Tutorial");
  EXPECT_EQ(application.backoff_limit, 2);
  EXPECT_EQ(application.active_deadline_seconds, 60);
  EXPECT_EQ(application.pre_running_deadline_seconds, 3600);
  EXPECT_FALSE(application.max_concurrent_jobs);
  EXPECT_EQ(application.template_json, R"({"spec":{"containers":[{"name":"main"}]}})");
  EXPECT_EQ(application.memory_growth_factor, "2");
  EXPECT_EQ(application.params_schema, R"({"type":"object"})");
}

TEST(Application, IsOpenToItsOrganizations) {
  const Application some = Application::decode(with_spec(R"({"organizations": ["acme", "zeta"]})"));
  EXPECT_TRUE(some.open_to("acme"));
  EXPECT_FALSE(some.open_to("Acme"));
  EXPECT_TRUE(Application::decode(with_spec(R"({"organizations": ["*"]})")).open_to("any"));
  EXPECT_FALSE(Application::decode(with_spec("{}")).open_to("any"));
}

TEST(Client, Decodes) {
  const Client client = Client::decode(with_spec(R"({
      "organizationId": "acme", "applicationId": "Tutorial", "clientId": "north", "maxConcurrentJobs": 10,
      "members": [{"username": "ana", "role": "leader",
                   "keys": [{"id": "k3v9", "sha256": "ab", "expiresAt": "2027-01-01T00:00:00Z"}, {"id": "k4", "sha256": "cd"}]},
                  {"username": "bob", "role": "stakeholder"}]})"));
  EXPECT_EQ(client.client_id, "north");
  EXPECT_EQ(client.max_concurrent_jobs, 10);
  ASSERT_EQ(client.members.size(), 2U);
  EXPECT_EQ(client.members[0].role, Role::kLeader);
  EXPECT_TRUE(client.members[0].keys.at(0).expires_at);
  EXPECT_FALSE(client.members[0].keys.at(1).expires_at);
  EXPECT_TRUE(client.members[1].keys.empty());
}

TEST(Client, AMalformedObjectIsADecodeError) {
  for (const char* spec : {R"({"members": [{"username": "ana", "role": "king"}]})", R"({"members": {}})",
                           R"({"members": [3]})", R"({"members": [{"username": "a", "role": "leader", "keys": 1}]})"}) {
    EXPECT_THROW(Client::decode(with_spec(spec)), kube::DecodeError) << spec;
  }
}

}  // namespace
}  // namespace vbrain::job
