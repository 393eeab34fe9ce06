#include "controller/pods/pod_builder.hpp"

#include <nlohmann/json.hpp>

#include "controller/pods/memory_growth.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;

// Of the work volume, for a job without input. The mount is read-only.
constexpr const char* kNoInput = "no-input";

json build_metadata(const PodTemplate& prepared, const job::Job& job, int attempt) {
  json labels = prepared.labels;
  labels["app.kubernetes.io/name"] = "vbrain-job";
  labels["app.kubernetes.io/managed-by"] = "vbrain";
  labels["app.kubernetes.io/component"] = "job";
  labels[std::string(kJobLabel)] = job.meta.name;
  labels[std::string(kAttemptLabel)] = std::to_string(attempt);
  labels["vbrain.visagio.com/organization"] = job::label_hash(job.spec.organization_id);
  labels["vbrain.visagio.com/application"] = job::label_hash(job.spec.application_id);
  labels["vbrain.visagio.com/client"] = job::label_hash(job.spec.client_id);

  // blockOwnerDeletion is absent, which means false: it would need a right on the finalizers of Jobs, and vBrain's
  // finalizer already keeps a deleted Job until its pod is gone.
  const json owner = {{"apiVersion", kube::api_version(job::Job::kType)},
                      {"kind", std::string(job::Job::kType.kind)},
                      {"name", job.meta.name},
                      {"uid", job.meta.uid},
                      {"controller", true}};
  json metadata = {{"name", job::pod_name(job.meta.name, attempt)},
                   {"namespace", job.meta.namespace_name},
                   {"labels", std::move(labels)},
                   {"ownerReferences", json::array({owner})}};
  if (!prepared.annotations.empty()) metadata["annotations"] = prepared.annotations;
  return metadata;
}

json variable(const char* name, std::string value) {
  return {{"name", name}, {"value", std::move(value)}};
}

json build_environment(const PodTemplate& prepared, const json& of_template, const job::Job& job, int attempt) {
  json environment = json::array();
  if (prepared.full_environment) {
    environment = {
        variable("VBRAIN_INPUT_DIR", "/vbrain/input"),
        variable("VBRAIN_PARAMS_FILE", "/vbrain/work/params.json"),
        variable("VBRAIN_METADATA_FILE", "/vbrain/work/metadata.json"),
        variable("VBRAIN_OUTPUT_DIR", "/vbrain/work/output"),
        variable("VBRAIN_RESULT_FILE", "/vbrain/work/result.json"),
        variable("VBRAIN_LOG_DIR", "/vbrain/work/logs"),
        variable("VBRAIN_JOB_ID", job.meta.name),
        variable("VBRAIN_JOB_ATTEMPT", std::to_string(attempt)),
        variable("VBRAIN_REPOSITORY_ID", job.spec.repository_id),
        // Empty means the runner's default. It is set explicitly, so that neither an image nor envFrom can set it.
        variable("VBRAIN_OUTPUT_LIMIT_BYTES", prepared.output_limit),
        variable("VBRAIN_LOG_LIMIT_BYTES", ""),
    };
  }
  // Nothing else tells the runner the pod's UID.
  environment.push_back({{"name", "VBRAIN_POD_UID"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.uid"}}}}}});
  // The template's come after ours, so that they may refer to them as $(VBRAIN_OUTPUT_DIR).
  for (const json& entry : of_template) environment.push_back(entry);
  return environment;
}

json build_mounts(const json& of_template, const PodPaths& paths) {
  const auto mount = [](const char* volume, const std::string& sub_path, const char* at, bool read_only) {
    json built = {{"name", volume}, {"subPath", sub_path}, {"mountPath", at}};
    if (read_only) built["readOnly"] = true;
    return built;
  };
  json mounts = json::array({
      mount(kSharedVolume, paths.runner, "/vbrain/bin", true),
      mount(kSharedVolume, paths.job_file, "/vbrain/job.json", true),
      mount(kSharedVolume, paths.attempt, "/vbrain/attempt", false),
      {{"name", kWorkVolume}, {"mountPath", "/vbrain/work"}},
      paths.input.empty() ? mount(kWorkVolume, kNoInput, "/vbrain/input", true)
                          : mount(kSharedVolume, paths.input, "/vbrain/input", true),
  });
  for (const json& entry : of_template) mounts.push_back(entry);
  return mounts;
}

// An image or envFrom can set variables, but no arguments.
json build_command(const PodTemplate& prepared, const json& of_template, int attempt) {
  json command = json::array({"/vbrain/bin/runner"});
  if (!prepared.full_environment) {
    command.push_back("--attempt");
    command.push_back(std::to_string(attempt));
    if (!prepared.output_limit.empty()) {
      command.push_back("--output-limit");
      command.push_back(prepared.output_limit);
    }
  }
  command.push_back("--");
  for (const json& word : of_template) command.push_back(word);
  return command;
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

}  // namespace

json build_pod(const PodTemplate& prepared, const job::Application& application, const job::Job& job, int attempt,
               const PodPaths& paths) {
  json spec = prepared.spec;
  json& main = spec["containers"][prepared.main];
  main["env"] = build_environment(prepared, main["env"], job, attempt);
  main["volumeMounts"] = build_mounts(main["volumeMounts"], paths);
  main["command"] = build_command(prepared, main["command"], attempt);
  grow_memory(main, memory_limit_of_attempt(prepared.memory_limit, application, job.status));
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", build_metadata(prepared, job, attempt)},
          {"spec", std::move(spec)}};
}

Result<json, std::string> build_pod(const job::Application& application, const job::Job& job, int attempt,
                                    const PodPaths& paths, const PodSettings& settings) {
  const auto prepared = prepare_template(application, settings);
  if (!prepared) return Unexpected<std::string>(prepared.error());
  return build_pod(*prepared, application, job, attempt, paths);
}

}  // namespace vbrain::controller
