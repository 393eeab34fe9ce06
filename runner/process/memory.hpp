#pragma once

#include <cstdint>
#include <string>

namespace vbrain::runner {

// The number of processes of this container that the kernel has killed for lack of memory: `oom_kill` of memory.events
// (cgroup v2) or memory/memory.oom_control (v1) below `cgroup`. 0 if neither is readable.
std::uint64_t count_oom_kills(const std::string& cgroup);

}  // namespace vbrain::runner
