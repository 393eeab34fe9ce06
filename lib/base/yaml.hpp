#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vbrain::base {

// Reads one YAML 1.2 document into JSON, scalars by the core schema (a quoted scalar stays text). The error is a
// sentence with line and column. At most 1 MiB of text, 64 levels and 100,000 nodes, aliases counted each time
// they are used, so that an alias bomb is refused instead of walked.
Result<nlohmann::json, std::string> parse_yaml(std::string_view text);

}  // namespace vbrain::base
