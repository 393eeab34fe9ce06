#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace vbrain::base {

// How many processors this process may use at a time, at least 1: those that it may run on (sched_getaffinity(2)),
// fewer if its cgroup has a limit (the CPU limit of a container), which is rounded up. Reads files of /sys/fs/cgroup.
std::size_t usable_processors();

// The limit that a cgroup's cpu.max holds, in processors: "150000 100000" is 1.5. Nothing: "max", or not such a text.
std::optional<double> parse_cpu_max(std::string_view text);

}  // namespace vbrain::base
