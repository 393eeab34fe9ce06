#pragma once

#include <cstddef>
#include <cstdint>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/store/safe_open.hpp"

namespace vbrain::runner {

inline constexpr std::size_t kLogFiles = 1'000;
inline constexpr int kLogDepth = 16;  // components of a name

// Copies the files of work/logs with their folders to `logs`, durable. If a name exists, a number is appended. Files
// that can't be read or written, are not regular, or exceed the limits are added to `left_out`: logs never fail a job.
// Returns the number of bytes copied. Call it when all processes of the application have ended. Does not throw if the
// volume fails.
std::uint64_t seal_logs(const artifacts::Dir& work, const artifacts::Dir& logs, std::uint64_t limit_bytes,
                        artifacts::LeftOut& left_out);

}  // namespace vbrain::runner
