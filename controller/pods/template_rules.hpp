#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::controller {

// What a template must not use.
struct TemplateLimits {
  std::string volume_claim;                  // the shared volume's claim, which only vBrain mounts
  std::vector<std::string> allowed_secrets;  // names of the Secrets that templates may use
};

inline constexpr std::string_view kMainContainer = "main";
// vBrain's volumes have this name prefix and are mounted at and below this path.
inline constexpr std::string_view kVolumePrefix = "vbrain-";
inline constexpr std::string_view kMountRoot = "/vbrain";

// Checks a PodTemplateSpec for content that vBrain can't run or must refuse: no container `main` or no command in it,
// the shared claim, a Secret that is not allowed (as volume, variable or pull secret), a host path, host namespaces, a
// privileged container or anything else that Pod Security `baseline` forbids, SELinux options, a mount below /vbrain,
// fsGroup (the kubelet would change the group of the whole shared volume).
// Returns a sentence for the operator, or nothing. The schema of the Application definition refuses a part of this
// earlier; this check also covers a changed definition and Applications that are older than the schema. Pure.
std::optional<std::string> find_template_fault(const nlohmann::json& pod_template, const TemplateLimits& limits);

}  // namespace vbrain::controller
