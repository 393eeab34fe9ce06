#pragma once

#include <stop_token>

#include "controller/config.hpp"

namespace vbrain::controller {

// Runs the controller until `stop`; returns the program's exit code. Throws when it cannot start: no way to the API
// server, no volume, no runner.
int run(const Config& config, std::stop_token stop);

}  // namespace vbrain::controller
