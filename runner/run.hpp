#pragma once

#include "runner/settings.hpp"

namespace vbrain::runner {

// Runs one attempt from claim to report and returns the exit code. Call once per process, from its only thread.
int run(const Settings& settings);

}  // namespace vbrain::runner
