#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

// A JSON object's members in their order, each value as the bytes it was written with. nlohmann turns
// 12345678901234567890123 into a double and 1.10 into 1.1; what a user sends as params must arrive untouched.
using RawMembers = std::vector<std::pair<std::string, std::string_view>>;

// Splits an object; the values point into `text`. The error is check_json's, or "not a JSON object". A byte order mark
// is refused.
Result<RawMembers, std::string> split_object(std::string_view text, const base::JsonLimits& limits = {});

// The inverse: `{"key":value,…}`. Values must be JSON.
std::string join_object(const RawMembers& members);

// `below` overlaid by `above`, key by key at the top level; keys of `below` keep their places. Both must be objects
// (throws std::invalid_argument).
std::string overlay_object(std::string_view below, std::string_view above);

}  // namespace vbrain::artifacts
