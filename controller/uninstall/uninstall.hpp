#pragma once

#include <stop_token>
#include <string>

#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// Whether the namespace or the definition of Jobs is being deleted, or is gone. Then every Job is marked for deletion,
// though nobody asked for its files to go, and no finalizer must hold it. Blocks; each of its two requests takes 5 s at
// most. An error says that this could not be found out.
kube::KubeResult<bool> is_being_uninstalled(kube::ApiClient& client, const std::string& ns, std::stop_token stop);

}  // namespace vbrain::controller
