#pragma once

#include <stop_token>

#include "api-server/config.hpp"

namespace vbrain::api {

// Runs the server until `stop` is requested. Then it drains: it is not ready, closes the listener, answers the requests
// under way, joins the pools and ends the watches. Returns the exit code. Throws std::runtime_error when it cannot
// start: no kubeconfig, no volume, an address taken.
int run(const Config& config, std::stop_token stop);

}  // namespace vbrain::api
