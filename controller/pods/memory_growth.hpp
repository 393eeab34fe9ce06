#pragma once

#include <string>
#include <string_view>

#include "job/application.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// The kubelet's reason for a container that exceeded its memory limit, and the reason of such an attempt.
inline constexpr std::string_view kOutOfMemoryReason = "OOMKilled";

// The memory limit of the container `main` in attempt number `status.attempts`, a quantity. It is the template's limit.
// If the Application has memoryGrowth and an earlier attempt was OOMKilled, it is that attempt's limit times the
// factor, at most the growth's limit and at least the template's. Later attempts keep a limit that was reached once.
// Empty if the template sets no limit: then only the node's memory limits the container, and there is no value to
// multiply. Pure.
std::string memory_limit_of_attempt(const job::Application& application, const job::JobStatus& status);

// The same, if the template's limit is known.
std::string memory_limit_of_attempt(const std::string& of_template, const job::Application& application,
                                    const job::JobStatus& status);

}  // namespace vbrain::controller
