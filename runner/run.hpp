#pragma once

#include "runner/settings.hpp"

namespace vbrain::runner {

// Runs one attempt from claim to report and returns the exit code. Call it once per process, from the only thread.
int run(const Settings& settings);

}  // namespace vbrain::runner
