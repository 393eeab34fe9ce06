#include "controller/pods/pod_builder.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/pods/memory_growth.hpp"
#include "job/names.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;

constexpr const char* kSharedVolume = "vbrain-shared";
constexpr const char* kWorkVolume = "vbrain-work";
constexpr const char* kNoInputVolume = "vbrain-no-input";
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

json build_metadata(const json& pod_template, const job::Job& job, int attempt) {
  json labels = strings_of_template(pod_template, "labels");
  labels["app.kubernetes.io/name"] = "vbrain-job";
  labels["app.kubernetes.io/managed-by"] = "vbrain";
  labels["app.kubernetes.io/component"] = "job";
  labels[std::string(kJobLabel)] = job.meta.name;
  labels[std::string(kAttemptLabel)] = std::to_string(attempt);
  labels["vbrain.visagio.com/organization"] = job::label_hash(job.spec.organization_id);
  labels["vbrain.visagio.com/application"] = job::label_hash(job.spec.application_id);
  labels["vbrain.visagio.com/client"] = job::label_hash(job.spec.client_id);

  json annotations = strings_of_template(pod_template, "annotations");
  annotations["kubectl.kubernetes.io/default-container"] = std::string(kMainContainer);

  // blockOwnerDeletion stays false: it would need a right on the finalizers of Jobs, and vBrain's finalizer already
  // keeps a deleted Job until its pod is gone.
  const json owner = {{"apiVersion", kube::api_version(job::Job::kType)},
                      {"kind", std::string(job::Job::kType.kind)},
                      {"name", job.meta.name},
                      {"uid", job.meta.uid},
                      {"controller", true},
                      {"blockOwnerDeletion", false}};
  return {{"name", job::pod_name(job.meta.name, attempt)},
          {"namespace", job.meta.namespace_name},
          {"labels", std::move(labels)},
          {"annotations", std::move(annotations)},
          {"ownerReferences", json::array({owner})}};
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

json variable(const char* name, std::string value) {
  return {{"name", name}, {"value", std::move(value)}};
}

json build_environment(const json& main, const job::Application& application, const job::Job& job, int attempt) {
  json environment = json::array({
      variable("VBRAIN_INPUT_DIR", "/vbrain/input"),
      variable("VBRAIN_PARAMS_FILE", "/vbrain/work/params.json"),
      variable("VBRAIN_METADATA_FILE", "/vbrain/work/metadata.json"),
      variable("VBRAIN_OUTPUT_DIR", "/vbrain/work/output"),
      variable("VBRAIN_RESULT_FILE", "/vbrain/work/result.json"),
      variable("VBRAIN_LOG_DIR", "/vbrain/work/logs"),
      variable("VBRAIN_JOB_ID", job.meta.name),
      variable("VBRAIN_JOB_ATTEMPT", std::to_string(attempt)),
      variable("VBRAIN_REPOSITORY_ID", job.spec.repository_id),
      {{"name", "VBRAIN_POD_UID"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.uid"}}}}}},
  });
  // Empty means the runner's default. It is set explicitly, so that neither an image nor envFrom can set it.
  const auto limit = kube::parse_quantity(application.output_limit);
  environment.push_back(variable("VBRAIN_OUTPUT_LIMIT_BYTES", limit ? std::to_string(*limit) : ""));
  environment.push_back(variable("VBRAIN_LOG_LIMIT_BYTES", ""));
  // The template's come after ours, so that they may refer to them as $(VBRAIN_OUTPUT_DIR).
  for (const json& entry : list_at(main, "env")) {
    if (!name_at(entry).starts_with("VBRAIN_")) environment.push_back(entry);
  }
  return environment;
}

json build_mounts(const json& main, const PodPaths& paths) {
  const auto shared = [](const std::string& sub_path, const char* at, bool read_only) -> json {
    return {{"name", kSharedVolume}, {"subPath", sub_path}, {"mountPath", at}, {"readOnly", read_only}};
  };
  json mounts = json::array({
      shared(paths.runner, "/vbrain/bin", true),
      shared(paths.job_file, "/vbrain/job.json", true),
      shared(paths.attempt, "/vbrain/attempt", false),
      {{"name", kWorkVolume}, {"mountPath", "/vbrain/work"}},
  });
  mounts.push_back(paths.input.empty()
                       ? json{{"name", kNoInputVolume}, {"mountPath", "/vbrain/input"}, {"readOnly", true}}
                       : shared(paths.input, "/vbrain/input", true));
  for (const json& mount : list_at(main, "volumeMounts")) mounts.push_back(mount);
  return mounts;
}

void put_runner_before_command(json& main) {
  json command = json::array({"/vbrain/bin/runner", "--"});
  for (const json& word : main["command"]) command.push_back(word);
  main["command"] = std::move(command);
}

// The limit that earlier attempts require. A request that equals the limit (QoS class Guaranteed) changes with it.
void grow_memory(json& main, const std::string& limit) {
  const json::json_pointer limit_at("/resources/limits/memory");
  const json::json_pointer request_at("/resources/requests/memory");
  // A limit in a template of another shape is the API server's to refuse.
  if (limit.empty() || !main.contains(limit_at) || main[limit_at] == limit) return;
  if (main.contains(request_at) && main[request_at] == main[limit_at]) main[request_at] = limit;
  main[limit_at] = limit;
}

void build_main(json& main, const job::Application& application, const job::Job& job, int attempt,
                const PodPaths& paths) {
  main["env"] = build_environment(main, application, job, attempt);
  grow_memory(main, memory_limit_of_attempt(application, job.status));
  main["volumeMounts"] = build_mounts(main, paths);
  main["terminationMessagePath"] = "/dev/termination-log";
  main["terminationMessagePolicy"] = "File";
  main.erase("restartPolicy");
  main.erase("restartPolicyRules");
  put_runner_before_command(main);
}

// With room for logs and result, so that the runner refuses an output that is slightly too large. Its message is better
// than that of the kubelet, which evicts the whole pod.
std::string work_size(const job::Application& application, const PodSettings& settings) {
  constexpr std::int64_t kRoom = 1LL << 30;
  const auto output = kube::parse_quantity(application.output_limit);
  if (!output || *output > INT64_MAX - kRoom) return settings.work_size_limit;
  return kube::format_quantity(*output + kRoom);
}

void add_volumes(json& spec, const job::Application& application, const PodPaths& paths, const PodSettings& settings) {
  json volumes = list_at(spec, "volumes");
  volumes.push_back(
      {{"name", kSharedVolume}, {"persistentVolumeClaim", {{"claimName", settings.limits.volume_claim}}}});
  volumes.push_back({{"name", kWorkVolume}, {"emptyDir", {{"sizeLimit", work_size(application, settings)}}}});
  if (paths.input.empty()) volumes.push_back({{"name", kNoInputVolume}, {"emptyDir", {{"sizeLimit", "1Mi"}}}});
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

}  // namespace

Result<json, std::string> build_pod(const job::Application& application, const job::Job& job, int attempt,
                                    const PodPaths& paths, const PodSettings& settings) {
  json pod_template = json::parse(application.template_json, nullptr, false);
  if (pod_template.is_discarded()) return Unexpected<std::string>("it is not JSON");
  drop_nulls(pod_template);
  if (auto fault = find_template_fault(pod_template, settings.limits)) return Unexpected<std::string>(*fault);

  json spec = std::move(pod_template["spec"]);
  spec["restartPolicy"] = "Never";
  spec["serviceAccountName"] = std::string(kJobServiceAccount);
  spec.erase("serviceAccount");
  spec["automountServiceAccountToken"] = false;
  spec["enableServiceLinks"] = false;
  for (const char* key : {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"}) spec.erase(key);
  set_default(spec, "terminationGracePeriodSeconds", 30);
  secure_pod(spec, settings.volume_gid);
  for (const char* key : {"initContainers", "containers"}) {
    const auto containers = spec.find(key);
    if (containers == spec.end()) continue;
    for (json& container : *containers) {
      secure_container(container);
      // The status of a job quotes the last lines of an init container that failed.
      set_default(container, "terminationMessagePolicy", "FallbackToLogsOnError");
      if (key == std::string_view("containers") && name_at(container) == kMainContainer) {
        build_main(container, application, job, attempt, paths);
      }
    }
  }
  add_volumes(spec, application, paths, settings);
  return json{{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata", build_metadata(pod_template, job, attempt)},
              {"spec", std::move(spec)}};
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
