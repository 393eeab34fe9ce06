#pragma once

#include <stop_token>
#include <string>

#include "controller/config.hpp"
#include "kube/runtime/leader_elector.hpp"

namespace vbrain::controller {

// `controller release-jobs`: release_jobs() for all Jobs while holding the controllers' Lease, so that no controller
// adds the finalizer again. Returns the process's exit code: 0 only if no Job carries the finalizer any more. Throws
// std::runtime_error if the API server can't be reached.
int run_release(const Config& config, std::stop_token stop);

// run_release() over `transport`, in the namespace `ns`. The deletion of a namespace stops this program's pod before it
// deletes Jobs, and nobody comes after it. Therefore `stop` does not end the work in such a namespace.
int release_all(kube::Transport& transport, const std::string& ns, const kube::LeaseConfig& lease,
                std::stop_token stop);

}  // namespace vbrain::controller
