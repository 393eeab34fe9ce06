#pragma once

#include <cstdint>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/files/safe_open.hpp"

namespace vbrain::runner {

// Copies the files of work/logs with their folders to `logs`, durable, under the names of kept_log_name. Each replaces
// the copy that LiveCopies made, in one step. Then removes all other entries but the streams. Files that can't be read
// or written, are not regular, or exceed the limits are added to `left_out`: logs never fail a job. What the volume
// does not take keeps the copy that it has. Returns the number of bytes copied. Call it when all processes of the
// application have ended. Does not throw if the volume fails.
std::uint64_t seal_logs(const artifacts::Dir& work, const artifacts::Dir& logs, std::uint64_t limit_bytes,
                        artifacts::LeftOut& left_out);

}  // namespace vbrain::runner
