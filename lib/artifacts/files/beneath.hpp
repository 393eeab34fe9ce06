#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace vbrain::artifacts {

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV and O_CLOEXEC.
// Returns the descriptor, or -1 and errno. For lib/artifacts/store only; other code uses Dir.
int open_beneath(int dir, std::string_view path, std::uint64_t flags, mode_t mode = 0);

// The same with RESOLVE_CACHED: fails with EAGAIN if a name of the path is not in memory.
int open_beneath_if_cached(int dir, std::string_view path, std::uint64_t flags);

}  // namespace vbrain::artifacts
