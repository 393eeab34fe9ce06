#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace vbrain::base {

// Reads "500ms", "15s", "5m", "1h30m"; a number without unit counts seconds. Returns nothing for any other text and for
// more than 10,000 days. Pure.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace vbrain::base
