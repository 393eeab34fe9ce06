#pragma once

#include <stop_token>

#include "controller/config.hpp"

namespace vbrain::controller {

// `controller release-jobs`: release_jobs() for all Jobs while holding the controllers' Lease, so that no controller
// adds the finalizer again. Returns the process's exit code: 0 only if no Job carries the finalizer any more. Throws
// std::runtime_error if the API server can't be reached.
int run_release(const Config& config, std::stop_token stop);

}  // namespace vbrain::controller
