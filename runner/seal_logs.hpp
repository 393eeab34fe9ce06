#pragma once

#include <cstddef>
#include <cstdint>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/store/safe_open.hpp"

namespace vbrain::runner {

inline constexpr std::size_t kLogFiles = 1'000;
inline constexpr int kLogDepth = 16;  // components of a name

// Copies the files of work/logs to `logs`, durable, with their folders; a name that is taken gets a number behind. What
// cannot be read or written, is no regular file, or is beyond the limits is added to `left_out`: logs never fail a job.
// The bytes copied. Call when all processes of the application are dead. Does not throw for the volume.
std::uint64_t seal_logs(const artifacts::Dir& work, const artifacts::Dir& logs, std::uint64_t limit_bytes,
                        artifacts::LeftOut& left_out);

}  // namespace vbrain::runner
