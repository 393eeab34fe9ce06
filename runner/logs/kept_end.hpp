#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace vbrain::runner {

// Of a log beyond its limit the beginning is kept, a line that says how much is left out, and the end.

// How many bytes of the limit are for the end.
constexpr std::uint64_t end_bytes_of(std::uint64_t limit_bytes) {
  constexpr std::uint64_t kEnd = 256U << 10;
  return std::min(kEnd, limit_bytes / 2);
}

std::string left_out_line(std::uint64_t limit_bytes, std::uint64_t missing_bytes);

// How the end in a file follows a log that grows.
struct EndStep {
  bool anew = false;        // replace the end, or append to it
  std::uint64_t bytes = 0;  // how many of the log's last bytes to write

  friend bool operator==(const EndStep&, const EndStep&) = default;
};

// `in_file`: bytes of the end in the file, 0 if it has none yet. `fresh`: bytes that came after them. Half of the room
// stays free when the end is replaced, so that most steps append: all steps together write about twice what comes.
// Pure.
EndStep next_end_step(std::uint64_t in_file, std::uint64_t fresh, std::uint64_t room);

}  // namespace vbrain::runner
