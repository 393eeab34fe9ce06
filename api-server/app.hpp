#pragma once

#include <stop_token>

#include "api-server/config.hpp"

namespace vbrain::api {

// Runs the server until `stop` is requested, then drains: not ready → listener closed, what is under way answered →
// pools joined → watches ended. Returns the exit code. Throws std::runtime_error when it cannot start: no kubeconfig,
// no volume, an address taken.
int run(const Config& config, std::stop_token stop);

}  // namespace vbrain::api
