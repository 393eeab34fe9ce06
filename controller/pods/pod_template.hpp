#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "controller/pods/template_rules.hpp"
#include "job/application.hpp"

namespace vbrain::controller {

// Settings that are the same for every job pod of an installation.
struct PodSettings {
  TemplateLimits limits;
  int volume_gid = 2000;
  std::string work_size_limit = "10Gi";  // of the node-local /vbrain/work, if the Application has no outputLimit
};

inline constexpr std::string_view kJobServiceAccount = "vbrain-job";
inline constexpr const char* kSharedVolume = "vbrain-shared";
inline constexpr const char* kWorkVolume = "vbrain-work";
inline constexpr std::string_view kVariablePrefix = "VBRAIN_";

// What the pods of an Application have in common: its template, checked, with vBrain's fields that depend on no job.
struct PodTemplate {
  nlohmann::json labels;       // the template's
  nlohmann::json annotations;  // all
  nlohmann::json spec;         // env, volumeMounts and command of `main` are the template's
  std::size_t main = 0;        // the place of `main` in spec.containers
  std::string memory_limit;    // of `main`, as written; empty if there is none
  std::string output_limit;    // in bytes; empty if the Application has none
  // The pod's env must hold all variables of the contract, because more than the runner's command may read them.
  bool full_environment = false;
};

// The error is the reason why the template can't run (`InvalidTemplate`). Pure.
Result<PodTemplate, std::string> prepare_template(const job::Application& application, const PodSettings& settings);

// The memory limit of the container `main` in a template or pod, as written; empty if there is none.
std::string memory_limit_of_main(const nlohmann::json& pod_template);

}  // namespace vbrain::controller
