#include "controller/pods/template_rules.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "controller/pods/pod_builder.hpp"
#include "unit/controller/builders.hpp"
#include "unit/controller/pods/built_pod.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::a_job;
using testing::a_template;
using testing::an_application;
using testing::paths;
using testing::settings;

// A template with `patch`, a JSON merge patch, on the whole of it.
Result<json, std::string> build(const char* patch) {
  json pod_template = a_template();
  pod_template.merge_patch(json::parse(patch));
  return build_pod(an_application(pod_template), a_job(), 1, paths(), settings());
}

// The rest is in PodBuilder.RefusesTemplatesThatReachTooFar.
TEST(TemplateRules, RefuseWhatReachesTheNode) {
  struct Case {
    const char* patch;
    const char* want_part;
  };
  const Case cases[] = {
      {R"({"spec": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}})", "the pod: seLinuxOptions"},
      {R"({"spec": {"containers": [{"name": "main", "command": ["x"], "securityContext": {"seLinuxOptions": {"level": "s0:c1,c2"}}}]}})",
       "container 'main': seLinuxOptions"},
      {R"({"spec": {"initContainers": [{"name": "i", "securityContext": {"seLinuxOptions": {"user": "system_u"}}}]}})",
       "container 'i': seLinuxOptions"},
      {R"({"spec": {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}, {"name": "kernel.msgmax", "value": "1"}]}}})",
       "sysctl kernel.msgmax is not allowed"},
      {R"({"spec": {"securityContext": {"sysctls": [{}]}}})", "sysctl "},
      {R"({"spec": {"securityContext": {"sysctls": "x"}}})", "sysctls is not a list"},
      {R"({"spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}})",
       "the pod: appArmorProfile Unconfined"},
      {R"({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}}})",
       "annotation container.apparmor.security.beta.kubernetes.io/main: \"unconfined\" is not allowed"},
      {R"({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/other": ""}}})",
       "container.apparmor.security.beta.kubernetes.io/other"},
      {R"({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": 7}}})",
       "container.apparmor.security.beta.kubernetes.io/main: 7"},
      {R"({"spec": {"containers": [{"name": "main", "command": ["x"], "readinessProbe": {"httpGet": {"port": 80, "host": "169.254.169.254"}}}]}})",
       "container 'main' readinessProbe: httpGet.host is not allowed"},
      {R"({"spec": {"containers": [{"name": "main", "command": ["x"], "livenessProbe": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}}]}})",
       "container 'main' livenessProbe: tcpSocket.host is not allowed"},
      {R"({"spec": {"containers": [{"name": "main", "command": ["x"], "startupProbe": {"httpGet": {"port": 80, "host": "localhost"}}}]}})",
       "container 'main' startupProbe: httpGet.host"},
      {R"({"spec": {"containers": [{"name": "main", "command": ["x"], "lifecycle": {"postStart": {"httpGet": {"port": 80, "host": "10.0.0.1"}}}}]}})",
       "container 'main' lifecycle.postStart: httpGet.host"},
      {R"({"spec": {"initContainers": [{"name": "i", "lifecycle": {"preStop": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}}}]}})",
       "container 'i' lifecycle.preStop: tcpSocket.host"},
  };
  for (const Case& refused : cases) {
    const auto pod = build(refused.patch);
    ASSERT_FALSE(pod.has_value()) << refused.patch;
    EXPECT_NE(pod.error().find(refused.want_part), std::string::npos) << refused.patch << " -> " << pod.error();
  }
}

TEST(TemplateRules, LetThroughWhatStaysInThePod) {
  const char* patches[] = {
      R"({"spec": {"securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}}})",
      R"({"spec": {"securityContext": {"sysctls": [], "seLinuxOptions": {}, "appArmorProfile": {"type": "RuntimeDefault"}}}})",
      R"({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "runtime/default", "note": "unconfined"}}})",
      R"({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "localhost/mine"}}})",
      R"({"spec": {"containers": [{"name": "main", "command": ["x"], "readinessProbe": {"httpGet": {"port": 80, "path": "/ready", "host": ""}},
          "livenessProbe": {"grpc": {"port": 80}}, "lifecycle": {"preStop": {"exec": {"command": ["x"]}}}}]}})",
  };
  for (const char* patch : patches) {
    const auto pod = build(patch);
    EXPECT_TRUE(pod.has_value()) << patch << " -> " << pod.error();
  }
}

// The one of a container that is not in the template, which an annotation could name as well.
TEST(TemplateRules, NoAnnotationOfAPodTurnsAppArmorOff) {
  const char* prefix = "container.apparmor.security.beta.kubernetes.io/";
  for (const char* profile : {"unconfined", "Unconfined", "runtime/default ", " unconfined", "runtime/unconfined"}) {
    for (const char* container : {"main", "init", "", "MAIN"}) {
      json pod_template = a_template();
      pod_template["metadata"]["annotations"][std::string(prefix) + container] = profile;
      EXPECT_FALSE(build_pod(an_application(pod_template), a_job(), 1, paths(), settings()).has_value())
          << container << ": " << profile;
    }
  }
}

}  // namespace
}  // namespace vbrain::controller
