#pragma once

#include <cstddef>
#include <stop_token>
#include <string>

#include "controller/config.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// Takes our finalizer from every Job of the namespace, so that Jobs, definition and namespace can be deleted where no
// controller is left to do it. Other finalizers and the files on the volume stay. Returns how many Jobs it was taken
// from; a definition that is gone is none. Blocks; an error says how far nobody knows: it can be repeated.
kube::KubeResult<std::size_t> release_jobs(kube::ApiClient& client, const std::string& ns, std::stop_token stop);

// `controller release-jobs`: the same while holding the controllers' Lease, so that none of them puts the finalizer
// back. Returns the process's exit code. Throws std::runtime_error when there is no way to the API server.
int run_release(const Config& config, std::stop_token stop);

}  // namespace vbrain::controller
