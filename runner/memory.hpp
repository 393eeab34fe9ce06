#pragma once

#include <cstdint>
#include <string>

namespace vbrain::runner {

// How many processes of this container the kernel has killed for lack of memory: `oom_kill` of memory.events (control
// groups v2) or memory/memory.oom_control (v1) below `cgroup`. 0 where neither can be read.
std::uint64_t count_oom_kills(const std::string& cgroup);

}  // namespace vbrain::runner
