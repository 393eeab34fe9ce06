#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include "artifacts/files/safe_open.hpp"
#include "base/files/io.hpp"
#include "base/threads/scheduling.hpp"

namespace vbrain::artifacts {

// Calls `piece(bytes)` with the content of a regular file from its beginning, in order, at most `limit` bytes. If
// `piece` returns false, reading ends. The file's position is not changed. Throws VolumeError with `what` ("read ...")
// if the file can't be read.
template <class Piece>
void for_each_block(int fd, const char* what, const Piece& piece,
                    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
  std::vector<char> block(64U << 10);
  for (std::uint64_t at = 0; at < limit;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(limit - at, block.size()));
    const ssize_t got = base::read_some_at(fd, {block.data(), want}, at);
    if (got < 0) throw VolumeError(errno, what);
    if (got == 0) return;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    if constexpr (std::is_same_v<decltype(piece(bytes)), bool>) {
      if (!piece(bytes)) return;
    } else {
      piece(bytes);
    }
    at += bytes.size();
    base::give_way();
  }
}

}  // namespace vbrain::artifacts
