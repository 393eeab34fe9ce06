#pragma once

#include <cstdint>
#include <string_view>

#include "api-server/errors.hpp"
#include "api-server/live/log_text.hpp"

namespace vbrain::api {

// The most lines of the parameter `tail`.
inline constexpr std::uint64_t kMostLines = 1'000'000;

// The query of `logs/stream`: `follow`, `stream`, `tail`, `file` (docs/api.md). Refuses the first parameter whose value
// is wrong. Pure.
Result<LogWish, Refusal> wished_logs(std::string_view query);

}  // namespace vbrain::api
