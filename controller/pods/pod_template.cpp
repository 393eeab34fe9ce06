#include "controller/pods/pod_template.hpp"

#include <algorithm>
#include <array>

#include "kube/api/quantity.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;

// uid and gid for an image that sets none; the same as vBrain's own pods.
constexpr int kDefaultUser = 65532;

bool is_owned_key(std::string_view key) {
  return key.starts_with("vbrain.visagio.com/") || key.starts_with("app.kubernetes.io/");
}

// A template may hold any JSON type anywhere: what is not of the type that Kubernetes wants counts as absent here, and
// stays for the API server to refuse where vBrain does not replace it.
json object_at(const json& parent, const char* key) {
  const auto found = parent.find(key);
  return found != parent.end() && found->is_object() ? *found : json::object();
}

json list_at(const json& parent, const char* key) {
  const auto found = parent.find(key);
  return found != parent.end() && found->is_array() ? *found : json::array();
}

std::string name_at(const json& object) {
  const auto found = object.is_object() ? object.find("name") : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json strings_of_template(const json& pod_template, const char* key) {
  json kept = json::object();
  const json given = object_at(object_at(pod_template, "metadata"), key);
  for (const auto& [name, value] : given.items()) {
    if (!is_owned_key(name) && value.is_string()) kept[name] = value;
  }
  return kept;
}

void set_default(json& object, const char* key, json value) {
  if (!object.contains(key) || object[key].is_null()) object[key] = std::move(value);
}

void secure_pod(json& spec, int volume_gid) {
  json context = object_at(spec, "securityContext");
  set_default(context, "runAsNonRoot", true);
  set_default(context, "runAsUser", kDefaultUser);
  set_default(context, "runAsGroup", kDefaultUser);
  set_default(context, "seccompProfile", {{"type", "RuntimeDefault"}});
  json groups = list_at(context, "supplementalGroups");
  if (std::ranges::find(groups, json(volume_gid)) == groups.end()) groups.push_back(volume_gid);
  context["supplementalGroups"] = std::move(groups);
  spec["securityContext"] = std::move(context);
}

void secure_container(json& container) {
  json context = object_at(container, "securityContext");
  set_default(context, "allowPrivilegeEscalation", false);
  json capabilities = object_at(context, "capabilities");
  set_default(capabilities, "drop", json::array({"ALL"}));
  context["capabilities"] = std::move(capabilities);
  container["securityContext"] = std::move(context);
}

// With room for logs and result, so that the runner refuses an output that is slightly too large. Its message is better
// than that of the kubelet, which evicts the whole pod.
std::string work_size(const job::Application& application, const PodSettings& settings) {
  constexpr std::int64_t kRoom = 1LL << 30;
  const auto output = kube::parse_quantity(application.output_limit);
  if (!output || *output > INT64_MAX - kRoom) return settings.work_size_limit;
  return kube::format_quantity(*output + kRoom);
}

void add_volumes(json& spec, const job::Application& application, const PodSettings& settings) {
  json volumes = list_at(spec, "volumes");
  volumes.push_back(
      {{"name", kSharedVolume}, {"persistentVolumeClaim", {{"claimName", settings.limits.volume_claim}}}});
  volumes.push_back({{"name", kWorkVolume}, {"emptyDir", {{"sizeLimit", work_size(application, settings)}}}});
  spec["volumes"] = std::move(volumes);
}

// In Kubernetes' JSON null means absent. Without nulls the rules above need only one check.
void drop_nulls(json& value) {
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      if (it->is_null()) {
        it = value.erase(it);
      } else {
        drop_nulls(*it);
        ++it;
      }
    }
  } else if (value.is_array()) {
    for (json& item : value) drop_nulls(item);
  }
}

// Kubernetes expands $(VBRAIN_OUTPUT_DIR) from the pod's env alone, and processes that the kubelet starts beside the
// runner see only that. A text is searched rather than the places that are known today.
bool reads_variables_of_pod(const json& main) {
  constexpr std::array kBesideTheRunner = {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"};
  return std::ranges::any_of(kBesideTheRunner, [&](const char* key) { return main.contains(key); }) ||
         main.dump().find(kVariablePrefix) != std::string::npos;
}

void prepare_main(json& main) {
  json environment = json::array();
  for (json& entry : list_at(main, "env")) {
    if (!name_at(entry).starts_with(kVariablePrefix)) environment.push_back(std::move(entry));
  }
  main["env"] = std::move(environment);
  main["volumeMounts"] = list_at(main, "volumeMounts");
  // The defaults of Kubernetes, which the runner relies on: the file /dev/termination-log, and no restarts.
  for (const char* key :
       {"terminationMessagePath", "terminationMessagePolicy", "restartPolicy", "restartPolicyRules"}) {
    main.erase(key);
  }
}

}  // namespace

Result<PodTemplate, std::string> prepare_template(const job::Application& application, const PodSettings& settings) {
  json pod_template = json::parse(application.template_json, nullptr, false);
  if (pod_template.is_discarded()) return Unexpected<std::string>("it is not JSON");
  drop_nulls(pod_template);
  if (auto fault = find_template_fault(pod_template, settings.limits)) return Unexpected<std::string>(*fault);

  PodTemplate prepared;
  prepared.memory_limit = memory_limit_of_main(pod_template);
  if (const auto limit = kube::parse_quantity(application.output_limit)) prepared.output_limit = std::to_string(*limit);
  prepared.labels = strings_of_template(pod_template, "labels");
  prepared.annotations = strings_of_template(pod_template, "annotations");
  json& spec = prepared.spec = std::move(pod_template["spec"]);
  spec["restartPolicy"] = "Never";
  spec["serviceAccountName"] = std::string(kJobServiceAccount);
  spec.erase("serviceAccount");
  spec["automountServiceAccountToken"] = false;
  spec["enableServiceLinks"] = false;
  for (const char* key : {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"}) spec.erase(key);
  secure_pod(spec, settings.volume_gid);
  for (const char* key : {"initContainers", "containers"}) {
    const auto containers = spec.find(key);
    if (containers == spec.end()) continue;
    for (json& container : *containers) {
      secure_container(container);
      // The status of a job quotes the last lines of an init container that failed.
      set_default(container, "terminationMessagePolicy", "FallbackToLogsOnError");
    }
  }
  json& containers = spec["containers"];
  const auto main = std::ranges::find(containers, kMainContainer, name_at);
  prepared.main = static_cast<std::size_t>(main - containers.begin());
  prepared.full_environment = reads_variables_of_pod(*main);
  prepare_main(*main);
  // kubectl takes the only container by itself.
  if (containers.size() > 1 || !list_at(spec, "initContainers").empty()) {
    prepared.annotations["kubectl.kubernetes.io/default-container"] = std::string(kMainContainer);
  }
  add_volumes(spec, application, settings);
  return prepared;
}

std::string memory_limit_of_main(const json& pod_template) {
  const json::json_pointer containers("/spec/containers");
  if (!pod_template.contains(containers) || !pod_template[containers].is_array()) return {};
  for (const json& container : pod_template[containers]) {
    if (!container.is_object() || !container.contains("name") || container["name"] != kMainContainer) continue;
    const json::json_pointer limit("/resources/limits/memory");
    if (!container.contains(limit)) return {};
    const json& memory = container[limit];
    return memory.is_string() ? memory.get<std::string>() : memory.dump();
  }
  return {};
}

}  // namespace vbrain::controller
