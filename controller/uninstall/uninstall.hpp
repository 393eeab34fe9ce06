#pragma once

#include <stop_token>
#include <string>

#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// True if the namespace or the definition of Jobs is being deleted, or is deleted. Then every Job is marked for
// deletion, although nobody deleted that Job, and no finalizer must hold it. Blocks; each of its two requests takes at
// most 5 s. An error means that the state is unknown.
kube::KubeResult<bool> is_being_uninstalled(kube::ApiClient& client, const std::string& ns, std::stop_token stop);

// The same for Clients: true also if their definition is being deleted. An error also without the right to read the
// namespace: that right goes with the Role when an installation is deleted.
kube::KubeResult<bool> are_clients_being_uninstalled(kube::ApiClient& client, const std::string& ns,
                                                     std::stop_token stop);

}  // namespace vbrain::controller
