#pragma once

#include <cstdint>
#include <string>

#include "api-server/config.hpp"

namespace vbrain::api {

// How many file descriptors the server needs: one for each connection, for each thread of the pools those that a task
// has open at a time, and some for the watches, the listeners and the program itself. Pure.
std::uint64_t needed_descriptors(const Config& config);

// What is wrong with `limit` descriptors, as a sentence with its remedy; empty if they are enough. Pure.
std::string check_descriptors(std::uint64_t limit, const Config& config);

// Raises the soft limit of open files (RLIMIT_NOFILE) to the hard limit and returns what is in force then. containerd
// starts containers with a soft limit of 1,024. Throws std::system_error.
std::uint64_t raise_descriptor_limit();

}  // namespace vbrain::api
