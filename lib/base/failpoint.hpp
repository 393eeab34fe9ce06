#pragma once

#include <string_view>

namespace vbrain::base {

// A place in the code where a test can end the program as SIGKILL would. So the test sees the same crash every time.
// There are two ways to arm it:
//   - a file `name` in the folder of the environment variable FAILPOINTS. The program removes the file when it ends, so
//     the next process goes on;
//   - the environment variable FAILPOINT=name, for programs that cannot remove the file. The first attempt of a job
//     ends there, later attempts (VBRAIN_JOB_ATTEMPT) go on.
// If none is armed, the call reads the environment and returns. Released programs are built without failpoints (CMake
// option VBRAIN_FAILPOINTS); then the call does nothing. Thread-safe.
void failpoint(std::string_view name) noexcept;

}  // namespace vbrain::base
