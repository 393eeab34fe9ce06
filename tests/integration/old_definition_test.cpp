// What a real API server does with callbackURL of a Job where the definition is older than the programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/json/yaml.hpp"
#include "integration/control_plane.hpp"
#include "job/callback.hpp"
#include "job/job.hpp"
#include "job/names.hpp"

namespace vbrain::testing {
namespace {

using nlohmann::json;

const kube::ResourceType kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                      "CustomResourceDefinition"};
const kube::ResourceType kOldJob{"old.example.com", "v1", "jobs", "Job"};
const std::string kUrl = "https://hooks.example.com/jobs";

// The definition of Job in another group, as it was before the field.
json old_definition() {
  std::ostringstream text;
  text << std::ifstream(std::string(std::getenv("VBRAIN_CRDS")) + "/job.yaml").rdbuf();
  json definition = base::parse_yaml(text.str()).value();
  definition["metadata"] = {{"name", "jobs.old.example.com"}};
  definition["spec"]["group"] = kOldJob.group;
  json& spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
  spec["properties"].erase("callbackURL");
  json rules = json::array();
  for (const json& rule : spec["x-kubernetes-validations"]) {
    if (rule["rule"].get<std::string>().find("callbackURL") == std::string::npos) rules.push_back(rule);
  }
  spec["x-kubernetes-validations"] = rules;
  return definition;
}

TEST(OldDefinition, DropsCallbackUrlInSilenceAndADryRunShowsIt) {
  Connection connection;
  kube::ApiClient& client = connection.client();
  ControlPlane::shared().install_definition(client, "job");
  const auto installed = client.create(kDefinitions, "", old_definition());
  ASSERT_TRUE(installed || installed.error().code == kube::ErrorCode::kAlreadyExists) << installed.error().message;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!client.list(kOldJob, connection.ns(), {.limit = 1})) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the definition is not served";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  job::JobSpec spec;
  spec.organization_id = "acme";
  spec.application_id = "Tutorial";
  spec.client_id = "north";
  spec.username = "ana";
  spec.callback_url = kUrl;
  const std::string id = job::new_job_id(base::SystemClock().now());
  json body = job::encode_new_job(connection.ns(), id, spec);

  // As the api-server asks, and then as it creates.
  const auto known = client.call(kube::create_request(job::Job::kType, connection.ns(), body, {.dry_run = true}));
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_TRUE(job::callback_was_kept(kUrl, json::parse(known->body)));
  EXPECT_FALSE(client.get<job::Job>(connection.ns(), id)) << "a dry run makes nothing";
  const auto made = client.create(job::Job::kType, connection.ns(), body);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(job::callback_was_kept(kUrl, *made));

  body["apiVersion"] = kube::api_version(kOldJob);
  const auto asked = client.call(kube::create_request(kOldJob, connection.ns(), body, {.dry_run = true}));
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_FALSE(job::callback_was_kept(kUrl, json::parse(asked->body)));
  const auto pruned = client.create(kOldJob, connection.ns(), body);
  ASSERT_TRUE(pruned) << pruned.error().message;
  EXPECT_FALSE(job::callback_was_kept(kUrl, *pruned));
}

}  // namespace
}  // namespace vbrain::testing
