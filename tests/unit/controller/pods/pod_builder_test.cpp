#include "controller/pods/pod_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

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

TEST(PodBuilder, NamesThePodAfterTheAttemptAndGivesItToTheJob) {
  const json meta = built()["metadata"];
  EXPECT_EQ(meta["name"], std::string(testing::kJobId) + "-2");
  EXPECT_EQ(meta["namespace"], "vbrain");
  EXPECT_FALSE(meta.contains("generateName"));
  const json want_owner = {{"apiVersion", "vbrain.visagio.com/v1"},
                           {"kind", "Job"},
                           {"name", testing::kJobId},
                           {"uid", testing::kJobUid},
                           {"controller", true}};
  EXPECT_EQ(meta["ownerReferences"], json::array({want_owner}));
}

TEST(PodBuilder, LabelsSelectAndNeverHoldTenantsNames) {
  const json labels = built()["metadata"]["labels"];
  EXPECT_EQ(labels["app.kubernetes.io/name"], "vbrain-job");
  EXPECT_EQ(labels["app.kubernetes.io/managed-by"], "vbrain");
  EXPECT_EQ(labels["app.kubernetes.io/component"], "job");
  EXPECT_EQ(labels["vbrain.visagio.com/job"], testing::kJobId);
  EXPECT_EQ(labels["vbrain.visagio.com/attempt"], "2");
  // sha256("acme") begins so; names may hold what label values can't.
  EXPECT_EQ(labels["vbrain.visagio.com/organization"], "822b33ad87c148a0");
  EXPECT_EQ(labels["vbrain.visagio.com/client"].get<std::string>().size(), 16u);
}

TEST(PodBuilder, TemplatesLabelsJoinButOursWin) {
  json pod_template = a_template();
  pod_template["metadata"] = {
      {"labels", {{"team", "x"}, {"vbrain.visagio.com/job", "forged"}, {"app.kubernetes.io/name", "y"}}},
      {"annotations", {{"note", "n"}, {"vbrain.visagio.com/z", "forged"}}}};
  const json meta = built(pod_template)["metadata"];
  EXPECT_EQ(meta["labels"]["team"], "x");
  EXPECT_EQ(meta["labels"]["vbrain.visagio.com/job"], testing::kJobId);
  EXPECT_EQ(meta["labels"]["app.kubernetes.io/name"], "vbrain-job");
  EXPECT_EQ(meta["annotations"]["note"], "n");
  EXPECT_FALSE(meta["annotations"].contains("vbrain.visagio.com/z"));
}

TEST(PodBuilder, RunnerStartsTheCommand) {
  const json want = {"/vbrain/bin/runner", "--attempt", "2", "--", "python3", "/app/main.py"};
  EXPECT_EQ(main_of(built())["command"], want);
  EXPECT_EQ(main_of(built())["args"], json::array({"--fast"}));
}

TEST(PodBuilder, SetsTheFieldsThatMakeAPodAJob) {
  json pod_template = a_template();
  pod_template["spec"]["restartPolicy"] = "Always";
  pod_template["spec"]["serviceAccountName"] = "cluster-admin";
  pod_template["spec"]["serviceAccount"] = "cluster-admin";
  pod_template["spec"]["automountServiceAccountToken"] = true;
  pod_template["spec"]["hostPID"] = false;
  pod_template["spec"]["nodeSelector"] = {{"gpu", "yes"}};
  pod_template["spec"]["containers"][0]["terminationMessagePath"] = "/tmp/x";
  pod_template["spec"]["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError";
  pod_template["spec"]["containers"][0]["restartPolicy"] = "Always";
  const json spec = built(pod_template)["spec"];
  EXPECT_EQ(spec["restartPolicy"], "Never");
  EXPECT_EQ(spec["serviceAccountName"], "vbrain-job");
  EXPECT_FALSE(spec.contains("serviceAccount"));
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_EQ(spec["enableServiceLinks"], false);
  EXPECT_FALSE(spec.contains("hostPID"));
  EXPECT_EQ(spec["nodeSelector"]["gpu"], "yes");
  EXPECT_FALSE(spec["containers"][0].contains("terminationMessagePath")) << "Kubernetes' default: /dev/termination-log";
  EXPECT_FALSE(spec["containers"][0].contains("terminationMessagePolicy")) << "Kubernetes' default: File";
  EXPECT_FALSE(spec["containers"][0].contains("restartPolicy"));
}

TEST(PodBuilder, MountsOnlyThisJobsFoldersOfTheClaim) {
  const json pod = built();
  const json volume = named(pod["spec"]["volumes"], "vbrain-shared");
  EXPECT_EQ(volume["persistentVolumeClaim"]["claimName"], "vbrain-data");
  EXPECT_EQ(named(pod["spec"]["volumes"], "vbrain-work")["emptyDir"]["sizeLimit"], "10Gi");
  const json mounts = main_of(pod)["volumeMounts"];
  struct Want {
    const char* at;
    std::string sub_path;
    bool read_only;
  };
  const Want wants[] = {{"/vbrain/bin", paths().runner, true},
                        {"/vbrain/job.json", paths().job_file, true},
                        {"/vbrain/input", paths().input, true},
                        {"/vbrain/attempt", paths().attempt, false}};
  for (const Want& want : wants) {
    const json mount = named(mounts, want.at, "mountPath");
    EXPECT_EQ(mount["name"], "vbrain-shared") << want.at;
    EXPECT_EQ(mount["subPath"], want.sub_path) << want.at;
    EXPECT_EQ(mount.value("readOnly", false), want.read_only) << want.at;
  }
  EXPECT_EQ(named(mounts, "/vbrain/work", "mountPath")["name"], "vbrain-work");
  EXPECT_EQ(mounts.size(), 5u) << "every mount of the shared volume has a subPath";
}

TEST(PodBuilder, JobWithoutInputSeesAnEmptyFolder) {
  PodPaths where = paths();
  where.input.clear();
  const json pod = built(a_template(), where);
  const json want = {
      {"name", "vbrain-work"}, {"subPath", "no-input"}, {"mountPath", "/vbrain/input"}, {"readOnly", true}};
  EXPECT_EQ(named(main_of(pod)["volumeMounts"], "/vbrain/input", "mountPath"), want);
  EXPECT_EQ(pod["spec"]["volumes"].size(), 2u);
}

// etcd stores a pod some four times during its life.
TEST(PodBuilder, IsSmall) {
  const std::string tenant = "tenants/acme/Tutorial/north/";
  const std::string job = tenant + "jobs/" + testing::kJobId;
  PodPaths where{.runner = "bin/0.1.0-0123456789ab",
                 .job_file = job + "/job.json",
                 .input = tenant + "repositories/202009231629398695/input",
                 .attempt = job + "/attempts/2"};
  EXPECT_LE(built(a_template(), where).dump().size(), 2'100u);
  where.input.clear();
  EXPECT_LE(built(a_template(), where).dump().size(), 2'050u);
}

TEST(PodBuilder, KubectlFindsMainAmongSeveralContainers) {
  const char* const key = "kubectl.kubernetes.io/default-container";
  EXPECT_FALSE(built()["metadata"].contains("annotations"));
  json with_init = a_template();
  with_init["spec"]["initContainers"] = {{{"name", "fetch"}, {"image", "x"}}};
  EXPECT_EQ(built(with_init)["metadata"]["annotations"][key], "main");
  json with_second = a_template();
  with_second["spec"]["containers"].push_back({{"name", "second"}, {"image", "x"}});
  EXPECT_EQ(built(with_second)["metadata"]["annotations"][key], "main");
}

TEST(PodBuilder, MeetsPodSecurityRestrictedByDefault) {
  json pod_template = a_template();
  pod_template["spec"]["initContainers"] = {{{"name", "fetch"}, {"image", "x"}}};
  const json spec = built(pod_template)["spec"];
  EXPECT_EQ(spec["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  EXPECT_EQ(spec["securityContext"]["supplementalGroups"], json::array({2000}));
  for (const json& container : {spec["containers"][0], spec["initContainers"][0]}) {
    EXPECT_EQ(container["securityContext"]["allowPrivilegeEscalation"], false);
    EXPECT_EQ(container["securityContext"]["capabilities"]["drop"], json::array({"ALL"}));
  }
  EXPECT_FALSE(spec["initContainers"][0].contains("volumeMounts")) << "only main sees the shared volume";
}

TEST(PodBuilder, KeepsTheTemplatesUserAndGroups) {
  json pod_template = a_template();
  pod_template["spec"]["securityContext"] = {{"runAsUser", 1000}, {"supplementalGroups", {7}}};
  const json context = built(pod_template)["spec"]["securityContext"];
  EXPECT_EQ(context["runAsUser"], 1000);
  EXPECT_EQ(context["supplementalGroups"], json::array({7, 2000}));
}

TEST(PodBuilder, OutputLimitSizesTheWorkFolder) {
  job::Application application = an_application();
  application.output_limit = "3Gi";
  const auto pod = build_pod(application, a_job(), 1, paths(), settings());
  EXPECT_EQ(named((*pod)["spec"]["volumes"], "vbrain-work")["emptyDir"]["sizeLimit"], "4Gi") << "logs need room, too";
}

TEST(PodBuilder, RefusesTemplatesThatReachTooFar) {
  struct Case {
    const char* patch;  // a JSON merge patch on the pod's spec
    const char* want_part;
  };
  const Case cases[] = {
      {R"({"containers": null})", "no containers"},
      {R"({"containers": [{"name": "other", "command": ["x"]}]})", "called 'main'"},
      {R"({"containers": [{"name": "main", "command": ["x"]}, {"name": "main", "command": ["x"]}]})", "called 'main'"},
      {R"({"containers": [{"name": "main"}]})", "must name its command"},
      {R"({"containers": [{"name": "main", "command": []}]})", "must name its command"},
      {R"({"containers": [{"name": "main", "command": "sh"}]})", "must name its command"},
      {R"({"containers": [{"name": "main", "command": ["x", 7]}]})", "must name its command"},
      {R"({"containers": [{"name": "main", "command": ["x"], "args": [7]}]})", "args"},
      {R"({"containers": ["main"]})", "not an object"},
      {R"({"containers": {"name": "main"}})", "not a list"},
      {R"({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "vbrain-data"}}]})", "shared claim"},
      {R"({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "vbrain-data"}}}}}]})",
       "copies the shared claim"},
      {R"({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})", "hostPath is not allowed"},
      {R"({"volumes": [{"name": "v", "nfs": {"server": "x", "path": "/"}}]})", "nfs is not allowed"},
      {R"({"volumes": [{"name": "vbrain-shared", "emptyDir": {}}]})", "reserved"},
      {R"({"volumes": [{"name": "v", "secret": {"secretName": "tls"}}]})", "Secret 'tls'"},
      {R"({"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "tls"}}]}}]})", "Secret 'tls'"},
      {R"({"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {}}]}}]})", "token"},
      {R"({"volumes": [{"name": "v", "projected": {"sources": [{"podCertificate": {"signerName": "s", "keyType": "ED25519"}}]}}]})",
       "volume 'v': projected podCertificate is not allowed"},
      {R"({"volumes": [{"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "tls"}}}]})", "Secret"},
      {R"({"containers": [{"name": "main", "command": ["x"], "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "tls"}}}]}]})",
       "Secret 'tls'"},
      {R"({"containers": [{"name": "main", "command": ["x"], "envFrom": [{"secretRef": {"name": "tls"}}]}]})",
       "Secret 'tls'"},
      {R"({"containers": [{"name": "main", "command": ["x"], "volumeMounts": [{"name": "v", "mountPath": "/vbrain/attempt"}]}]})",
       "/vbrain"},
      {R"({"containers": [{"name": "main", "command": ["x"], "volumeMounts": [{"name": "v", "mountPath": "//vbrain/./bin"}]}]})",
       "/vbrain"},
      {R"({"containers": [{"name": "main", "command": ["x"], "volumeMounts": [{"name": "v", "mountPath": "/a/../vbrain"}]}]})",
       "/vbrain"},
      {R"({"containers": [{"name": "main", "command": ["x"], "volumeMounts": [{"name": "vbrain-shared", "mountPath": "/all"}]}]})",
       "'vbrain-shared'"},
      {R"({"initContainers": [{"name": "i", "volumeMounts": [{"name": "vbrain-work", "mountPath": "/w"}]}]})",
       "'vbrain-work'"},
      {R"({"containers": [{"name": "main", "command": ["x"]}],
           "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1GB"}}]})",
       "volume 'v' emptyDir.sizeLimit: \"1GB\" is not a quantity"},
      {R"({"containers": [{"name": "main", "command": ["x"]}], "resources": {"limits": {"cpu": "1 core"}}})",
       "spec resources.limits.cpu: \"1 core\" is not a quantity"},
      {R"({"containers": [{"name": "main", "command": ["x"], "securityContext": {"privileged": true}}]})",
       "privileged"},
      {R"({"initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "tls"}}]}]})", "container 'i'"},
      {R"({"imagePullSecrets": [{"name": "license"}, {"name": "tls"}]})", "imagePullSecrets uses Secret 'tls'"},
      {R"({"imagePullSecrets": ["tls"]})", "imagePullSecrets"},
      {R"({"hostNetwork": true})", "hostNetwork"},
      {R"({"hostPID": true})", "hostPID"},
      {R"({"hostIPC": true})", "hostIPC"},
      {R"({"shareProcessNamespace": true})", "shareProcessNamespace"},
      {R"({"securityContext": {"fsGroup": 2000}})", "fsGroup"},
      {R"({"securityContext": {"seccompProfile": {"type": "Unconfined"}}})", "the pod: seccompProfile Unconfined"},
      {R"({"securityContext": {"windowsOptions": {"hostProcess": true}}})", "hostProcess"},
      {R"({"containers": [{"name": "main", "command": ["x"], "securityContext": {"capabilities": {"add": ["CHOWN", "DAC_READ_SEARCH"]}}}]})",
       "container 'main': capability \"DAC_READ_SEARCH\" is not allowed"},
      {R"({"initContainers": [{"name": "i", "securityContext": {"capabilities": {"add": ["ALL"]}}}]})", "\"ALL\""},
      {R"({"containers": [{"name": "main", "command": ["x"], "securityContext": {"seccompProfile": {"type": "Unconfined"}}}]})",
       "container 'main': seccompProfile Unconfined"},
      {R"({"containers": [{"name": "main", "command": ["x"], "securityContext": {"appArmorProfile": {"type": "Unconfined"}}}]})",
       "appArmorProfile"},
      {R"({"containers": [{"name": "main", "command": ["x"], "securityContext": {"procMount": "Unmasked"}}]})",
       "procMount"},
      {R"({"containers": [{"name": "main", "command": ["x"], "ports": [{"containerPort": 80, "hostPort": 80}]}]})",
       "hostPort"},
  };
  for (const Case& refused : cases) {
    json pod_template = a_template();
    pod_template["spec"].merge_patch(json::parse(refused.patch));
    const auto pod = build_pod(an_application(pod_template), a_job(), 1, paths(), settings());
    ASSERT_FALSE(pod.has_value()) << refused.patch;
    EXPECT_NE(pod.error().find(refused.want_part), std::string::npos) << refused.patch << " -> " << pod.error();
  }
}

TEST(PodBuilder, MemoryGrowsAfterLackOfIt) {
  struct Case {
    json resources;
    json want;
  };
  const Case cases[] = {
      {{{"limits", {{"memory", "64Mi"}}}}, {{"limits", {{"memory", "128Mi"}}}}},
      {{{"limits", {{"memory", "64Mi"}, {"cpu", "1"}}}, {"requests", {{"memory", "64Mi"}, {"cpu", "1"}}}},
       {{"limits", {{"memory", "128Mi"}, {"cpu", "1"}}}, {"requests", {{"memory", "128Mi"}, {"cpu", "1"}}}}},
      {{{"limits", {{"memory", "64Mi"}}}, {"requests", {{"memory", "32Mi"}}}},
       {{"limits", {{"memory", "128Mi"}}}, {"requests", {{"memory", "32Mi"}}}}},
      {{{"limits", {{"cpu", "1"}}}}, {{"limits", {{"cpu", "1"}}}}},
  };
  for (const Case& c : cases) {
    json pod_template = a_template();
    pod_template["spec"]["containers"][0]["resources"] = c.resources;
    job::Application application = an_application(pod_template);
    application.memory_growth_factor = "2";
    application.memory_growth_limit = "1Gi";
    job::Job job = a_job();
    job.status.attempts = 2;
    job::AttemptRecord& before = job.status.attempt_history.emplace_back();
    before.attempt = 1;
    before.reason = "OOMKilled";
    before.memory_limit = "64Mi";
    const auto pod = build_pod(application, job, 2, paths(), settings());
    ASSERT_TRUE(pod.has_value()) << pod.error();
    EXPECT_EQ(main_of(*pod)["resources"], c.want);
  }
}

TEST(PodBuilder, RefusesJsonThatIsNotATemplate) {
  for (const char* text : {"", "[]", "7", "{}", R"({"spec": []})", "{"}) {
    job::Application application = an_application();
    application.template_json = text;
    EXPECT_FALSE(build_pod(application, a_job(), 1, paths(), settings()).has_value()) << text;
  }
}

TEST(PodBuilder, LetsThroughWhatOperatorsNeed) {
  const char* patches[] = {
      R"({"volumes": [{"name": "v", "secret": {"secretName": "license"}}]})",
      R"({"volumes": [{"name": "v", "configMap": {"name": "c"}}, {"name": "w", "persistentVolumeClaim": {"claimName": "models"}}]})",
      R"({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": null}]})",
      R"({"volumes": null, "tolerations": [{"key": "gpu", "operator": "Exists"}]})",
      R"({"containers": [{"name": "main", "command": ["x"], "volumeMounts": [{"name": "v", "mountPath": "/vbrainless"}]}]})",
      R"({"containers": [{"name": "main", "command": ["x"], "ports": [{"containerPort": 80}], "securityContext":
          {"capabilities": {"add": ["NET_BIND_SERVICE", "CHOWN"], "drop": ["ALL"]}, "procMount": "Default"}}]})",
      R"({"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}}})",
      R"({"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}, {"downwardAPI": {}}]}}]})",
  };
  for (const char* patch : patches) {
    json pod_template = a_template();
    pod_template["spec"].merge_patch(json::parse(patch));
    const auto pod = build_pod(an_application(pod_template), a_job(), 1, paths(), settings());
    EXPECT_TRUE(pod.has_value()) << patch << " -> " << pod.error();
  }
}

// YAML 1.1 makes a boolean of an unquoted NO.
TEST(PodBuilder, AVariableWhoseNameIsNoTextIsAFaultOfTheTemplate) {
  json pod_template = a_template();
  pod_template["spec"]["containers"][0]["env"] = json::array({{{"name", false}, {"value", "x"}}});
  const auto pod = build_pod(an_application(pod_template), a_job(), 1, paths(), settings());
  ASSERT_FALSE(pod.has_value());
  EXPECT_NE(pod.error().find("quote it"), std::string::npos) << pod.error();
}

// All places of a JSON tree, as pointers.
void collect(const json& tree, const json::json_pointer& at, std::vector<json::json_pointer>& places) {
  places.push_back(at);
  if (tree.is_object()) {
    for (const auto& [key, value] : tree.items()) collect(value, at / key, places);
  } else if (tree.is_array()) {
    for (std::size_t i = 0; i < tree.size(); ++i) collect(tree[i], at / i, places);
  }
}

TEST(PodBuilder, NoJsonTypeAnywhereInATemplateThrows) {
  json rich = a_template();
  rich["metadata"] = {{"labels", {{"team", "x"}}}, {"annotations", {{"a", "b"}}}};
  json& spec = rich["spec"];
  spec["securityContext"] = {{"supplementalGroups", {7}}, {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  spec["volumes"] = json::parse(
      R"([{"name":"v","secret":{"secretName":"license"}},{"name":"w","projected":{"sources":[{"secret":{"name":"license"}}]}},
          {"name":"e","ephemeral":{"volumeClaimTemplate":{"spec":{"dataSource":{"name":"n"}}}}},{"name":"c","csi":{"nodePublishSecretRef":{"name":"license"}}}])");
  spec["imagePullSecrets"] = {{{"name", "license"}}};
  spec["initContainers"] = json::parse(R"([{"name":"init","command":["x"],"securityContext":{"privileged":false}}])");
  json& main = spec["containers"][0];
  main["env"] = json::parse(
      R"([{"name":"A","value":"b"},{"name":"S","valueFrom":{"secretKeyRef":{"name":"license","key":"k"}}}])");
  main["envFrom"] = json::parse(R"([{"secretRef":{"name":"license"}}])");
  main["volumeMounts"] = json::parse(R"([{"name":"v","mountPath":"/v"}])");
  main["resources"]["requests"] = {{"memory", "64Mi"}};
  main["securityContext"] = {{"capabilities", {{"drop", {"ALL"}}}}};
  ASSERT_TRUE(build_pod(an_application(rich), a_job(), 1, paths(), settings()).has_value());

  job::Job grown = a_job();
  grown.status.attempts = 2;
  job::AttemptRecord killed;
  killed.attempt = 1;
  killed.reason = "OOMKilled";
  killed.memory_limit = "64Mi";
  grown.status.attempt_history.push_back(killed);
  std::vector<json::json_pointer> places;
  collect(rich, json::json_pointer(), places);
  const json others[] = {nullptr, false, 7, 1.5, "text", json::array(), json::array({1, "x", nullptr}), json::object()};
  for (const auto& place : places) {
    for (const json& other : others) {
      json changed = rich;
      changed[place] = other;
      job::Application application = an_application(changed);
      application.memory_growth_factor = "2";
      application.memory_growth_limit = "1Gi";
      EXPECT_NO_THROW(build_pod(application, grown, 2, paths(), settings())) << place.to_string() << " = " << other;
    }
  }
}

TEST(PodBuilder, MemoryLimitOfMain) {
  EXPECT_EQ(memory_limit_of_main(a_template()), "64Mi");
  EXPECT_EQ(memory_limit_of_main(json::parse(R"({"spec":{"containers":[{"name":"main"}]}})")), "");
  EXPECT_EQ(memory_limit_of_main(json::parse(R"({"spec":{"containers":[{"name":7},"x"]}})")), "");
  EXPECT_EQ(memory_limit_of_main(json::parse("[]")), "");
}

}  // namespace
}  // namespace vbrain::controller
