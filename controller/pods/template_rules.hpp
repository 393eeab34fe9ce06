#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::controller {

// What a template may not reach for.
struct TemplateLimits {
  std::string volume_claim;                  // the shared volume's claim: only vBrain mounts it
  std::vector<std::string> allowed_secrets;  // names of Secrets that templates may use
};

inline constexpr std::string_view kMainContainer = "main";
// Volumes of vBrain carry this prefix, and it mounts at and below this path.
inline constexpr std::string_view kVolumePrefix = "vbrain-";
inline constexpr std::string_view kMountRoot = "/vbrain";

// Looks for what vBrain cannot run or must not let through in a PodTemplateSpec: no container `main` or no command in
// it, the shared claim, a Secret that is not allowed (as volume, variable or pull secret), a host path, host
// namespaces, a privileged container, a mount below /vbrain, fsGroup (the kubelet would change the owner of the whole
// shared volume). Returns a sentence for the operator, or nothing. The schema of the Application definition refuses
// part of this earlier; a definition that was loosened, or an Application older than the rule, ends here. Pure.
std::optional<std::string> find_template_fault(const nlohmann::json& pod_template, const TemplateLimits& limits);

}  // namespace vbrain::controller
