#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "controller/pods/template_rules.hpp"
#include "job/application.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// Settings that are the same for every job pod of an installation.
struct PodSettings {
  TemplateLimits limits;
  int volume_gid = 2000;
  std::string work_size_limit = "10Gi";  // of the node-local /vbrain/work, if the Application has no outputLimit
};

// Paths on the shared volume, relative to its root, for use as subPath.
struct PodPaths {
  std::string runner;    // bin/<version>
  std::string job_file;  // .../job.json
  std::string input;     // empty: the job has no input and gets an empty folder
  std::string attempt;   // .../attempts/<n>
};

inline constexpr std::string_view kJobLabel = "vbrain.visagio.com/job";
inline constexpr std::string_view kAttemptLabel = "vbrain.visagio.com/attempt";
inline constexpr std::string_view kJobServiceAccount = "vbrain-job";
// A label selector for the pods of jobs only.
inline constexpr std::string_view kPodSelector = "app.kubernetes.io/managed-by=vbrain,app.kubernetes.io/component=job";

// The Pod of one attempt: the Application's template with vBrain's fields added (docs/interfaces.md). The name is
// deterministic, and the Job is its controller. The error is the reason why the template can't run (`InvalidTemplate`).
// Pure.
Result<nlohmann::json, std::string> build_pod(const job::Application& application, const job::Job& job, int attempt,
                                              const PodPaths& paths, const PodSettings& settings);

// The memory limit of the container `main` in a template or pod, as written; empty if there is none.
std::string memory_limit_of_main(const nlohmann::json& pod_template);

}  // namespace vbrain::controller
