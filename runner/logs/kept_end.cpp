#include "runner/logs/kept_end.hpp"

namespace vbrain::runner {

std::string left_out_line(std::uint64_t limit_bytes, std::uint64_t missing_bytes) {
  return "\n[log limit of " + std::to_string(limit_bytes) + " bytes reached: " + std::to_string(missing_bytes) +
         " bytes are left out here]\n";
}

EndStep next_end_step(std::uint64_t in_file, std::uint64_t fresh, std::uint64_t room) {
  if (in_file > 0 && fresh <= room && in_file <= room - fresh) return {.anew = false, .bytes = fresh};
  return {.anew = true, .bytes = std::min(std::max<std::uint64_t>(fresh, room / 2), room)};
}

}  // namespace vbrain::runner
