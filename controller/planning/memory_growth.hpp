#pragma once

#include <string>

#include "job/application.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// The memory limit of the container `main` in the attempt that `status.attempts` counts, a quantity: the template's,
// or, where the Application lets memory grow and an earlier attempt was killed for lack of it, that attempt's times the
// factor, up to the growth's limit and never below the template's. What was reached once is kept by later attempts.
// Empty when the template sets none: then only the node's memory is the limit, and growth has nothing to start from.
// Pure.
std::string memory_limit_of_attempt(const job::Application& application, const job::JobStatus& status);

}  // namespace vbrain::controller
