#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vbrain::base {

// Reads one YAML 1.2 document as JSON. Scalars follow the core schema; a quoted scalar is always text. The error is a
// sentence with line and column. Limits: 1 MiB of text, 64 levels and 100,000 nodes. A node counts each time an alias
// refers to it, so a text whose aliases multiply is refused.
Result<nlohmann::json, std::string> parse_yaml(std::string_view text);

}  // namespace vbrain::base
