#pragma once

#include <string_view>

namespace vbrain::base {

// A moment at which a test may end the program as SIGKILL would, so that what a crash leaves behind is the same each
// time. Two ways to arm one:
//   - a file `name` in the folder of the environment variable FAILPOINTS; it is removed as the program ends, so the
//     next process of the program passes;
//   - FAILPOINT=name, for programs that can remove nothing: a job's first attempt ends there, later ones pass
//     (VBRAIN_JOB_ATTEMPT).
// Without either it costs a look at the environment. Programs as released are built without them (CMake option
// VBRAIN_FAILPOINTS), and then the call does nothing. Thread-safe.
void failpoint(std::string_view name) noexcept;

}  // namespace vbrain::base
