// The variables of the contract: which of them the pod sets, and which the runner.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "support/cpp/job_variables.hpp"
#include "unit/controller/builders.hpp"
#include "unit/controller/pods/built_pod.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::a_job;
using testing::a_template;
using testing::an_application;
using testing::built;
using testing::main_of;
using testing::named;
using testing::paths;
using testing::settings;
using vbrain::testing::JobVariables;

const json kPodUid = json::parse(R"({"name":"VBRAIN_POD_UID","valueFrom":{"fieldRef":{"fieldPath":"metadata.uid"}}})");

// The variables of `main` that have a value, by name.
std::map<std::string, std::string> values_of(const json& pod) {
  std::map<std::string, std::string> values;
  const json main = main_of(pod);
  for (const json& entry : main["env"]) {
    if (!entry.contains("value")) continue;
    EXPECT_TRUE(values.emplace(entry["name"], entry["value"]).second) << entry;
  }
  return values;
}

TEST(PodVariables, TheRunnerSetsTheVariablesButThePodsUid) {
  const json main = main_of(built());
  EXPECT_EQ(main["env"], json::array({kPodUid}));
  job::Application application = an_application();
  application.output_limit = "3Gi";
  const auto pod = build_pod(application, a_job(), 7, paths(), settings());
  const json want = {"/vbrain/bin/runner", "--attempt", "7",       "--output-limit",
                     "3221225472",         "--",        "python3", "/app/main.py"};
  EXPECT_EQ(main_of(*pod)["command"], want);
  EXPECT_EQ(main_of(*pod)["env"], json::array({kPodUid}));
}

TEST(PodVariables, TheTemplatesVariablesStay) {
  json pod_template = a_template();
  pod_template["spec"]["containers"][0]["env"] = {{{"name", "MODE"}, {"value", "fast"}}};
  pod_template["spec"]["containers"][0]["envFrom"] = {{{"configMapRef", {{"name", "c"}}}}};
  const json main = main_of(built(pod_template));
  EXPECT_EQ(main["env"], json::array({kPodUid, {{"name", "MODE"}, {"value", "fast"}}}));
  EXPECT_EQ(main["envFrom"], pod_template["spec"]["containers"][0]["envFrom"]);
}

// Kubernetes expands $(VBRAIN_…) from the pod's env, and probes and hooks see only that.
TEST(PodVariables, ThePodSetsTheVariablesIfMoreThanTheCommandMayReadThem) {
  struct Case {
    const char* patch;  // a JSON merge patch on the container
    bool want_full;
  };
  const Case cases[] = {
      {R"({})", false},
      {R"({"env": [{"name": "MODE", "value": "fast"}]})", false},
      {R"({"args": ["vbrain_output_dir", "VBRAIN"]})", false},
      {R"_({"env": [{"name": "OUT", "value": "$(VBRAIN_OUTPUT_DIR)/x"}]})_", true},
      {R"_({"env": [{"name": "OUT", "value": "$(\u0056BRAIN_OUTPUT_DIR)"}]})_", true},
      {R"_({"env": [{"name": "VBRAIN_JOB_ID", "value": "forged"}]})_", true},
      {R"_({"args": ["--out", "$(VBRAIN_OUTPUT_DIR)"]})_", true},
      {R"_({"args": ["--out", "$$(VBRAIN_OUTPUT_DIR)"]})_", true},
      {R"_({"command": ["sh", "-c", "exec main > $VBRAIN_LOG_DIR/own.log"]})_", true},
      {R"_({"workingDir": "/VBRAIN_"})_", true},
      {R"_({"volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(VBRAIN_JOB_ID)"}]})_", true},
      {R"_({"lifecycle": {"preStop": {"exec": {"command": ["/stop.sh"]}}}})_", true},
      {R"_({"livenessProbe": {"exec": {"command": ["/alive.sh"]}}})_", true},
      {R"_({"readinessProbe": {"exec": {"command": ["/ready.sh"]}}})_", true},
      {R"_({"startupProbe": {"exec": {"command": ["/up.sh"]}}})_", true},
  };
  for (const Case& c : cases) {
    json pod_template = a_template();
    json& container = pod_template["spec"]["containers"][0];
    container.merge_patch(json::parse(c.patch));
    job::Application application = an_application(pod_template);
    application.output_limit = "1Ki";
    const auto pod = build_pod(application, a_job(), 2, paths(), settings());
    ASSERT_TRUE(pod.has_value()) << c.patch << ": " << pod.error();
    const json main = main_of(*pod);
    const auto values = values_of(*pod);
    const JobVariables want{
        .job_id = testing::kJobId, .attempt = "2", .repository_id = "202009231629398695", .output_limit = "1024"};
    for (const auto& [name, value] : want.list()) {
      EXPECT_EQ(values.contains(name), c.want_full) << c.patch << ": " << name;
      if (values.contains(name)) {
        EXPECT_EQ(values.at(name), value) << c.patch;
      }
    }
    EXPECT_EQ(main["command"][1], c.want_full ? "--" : "--attempt") << c.patch;
    EXPECT_EQ(named(main["env"], "VBRAIN_POD_UID"), kPodUid) << c.patch;
  }
}

TEST(PodVariables, TheTemplatesVariablesMayReferToOurs) {
  json pod_template = a_template();
  pod_template["spec"]["containers"][0]["env"] = {{{"name", "VBRAIN_JOB_ID"}, {"value", "forged"}},
                                                  {{"name", "OUT"}, {"value", "$(VBRAIN_OUTPUT_DIR)"}}};
  const json pod = built(pod_template);
  const json environment = main_of(pod)["env"];
  EXPECT_EQ(environment.size(), 13u) << "eleven variables, the pod's UID, one of the template";
  EXPECT_EQ(environment.back()["name"], "OUT") << "Kubernetes expands names of earlier entries";
  EXPECT_EQ(values_of(pod)["VBRAIN_JOB_ID"], testing::kJobId);
  EXPECT_EQ(values_of(pod)["VBRAIN_OUTPUT_LIMIT_BYTES"], "") << "so that no image sets it";
}

}  // namespace
}  // namespace vbrain::controller
