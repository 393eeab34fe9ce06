#pragma once

#include <stop_token>

#include "controller/config.hpp"

namespace vbrain::controller {

// Runs the controller until `stop`; returns the program's exit code. Throws if it can't start: the API server is
// unreachable, the volume is missing, or the runner is missing.
int run(const Config& config, std::stop_token stop);

}  // namespace vbrain::controller
