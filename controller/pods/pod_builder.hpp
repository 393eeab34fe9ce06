#pragma once

#include <string>
#include <string_view>

#include "controller/pods/pod_template.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// Paths on the shared volume, relative to its root, for use as subPath.
struct PodPaths {
  std::string runner;    // bin/<version>
  std::string job_file;  // .../job.json
  std::string input;     // empty: the job has no input and gets an empty folder
  std::string attempt;   // .../attempts/<n>
};

inline constexpr std::string_view kJobLabel = "vbrain.visagio.com/job";
inline constexpr std::string_view kAttemptLabel = "vbrain.visagio.com/attempt";
// A label selector for the pods of jobs only.
inline constexpr std::string_view kPodSelector = "app.kubernetes.io/managed-by=vbrain,app.kubernetes.io/component=job";

// The Pod of one attempt: the Application's template with vBrain's fields added (docs/interfaces.md). The name is
// deterministic, and the Job is its controller. `prepared` is the Application's. Pure.
nlohmann::json build_pod(const PodTemplate& prepared, const job::Application& application, const job::Job& job,
                         int attempt, const PodPaths& paths);

// The same for a template that is used once. The error is that of prepare_template().
Result<nlohmann::json, std::string> build_pod(const job::Application& application, const job::Job& job, int attempt,
                                              const PodPaths& paths, const PodSettings& settings);

}  // namespace vbrain::controller
