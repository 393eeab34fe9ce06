#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/json_reader.hpp"
#include "base/result.hpp"

namespace vbrain::base {

// Reads one JSON text (RFC 8259) that a stranger wrote. The error is a short sentence fit for the `detail` of an
// answer: nothing of the input but a byte position. Refused beyond the RFC: nesting or size over `limits`, a key
// twice in one object, numbers that do not fit a double or have over 1,100 digits, NUL in a key. The tree can take 25
// times the text's memory.
Result<nlohmann::json, std::string> parse_json(std::string_view text, const JsonLimits& limits = {});

// The same checks without a tree; takes about twice the text's memory, whatever is in it.
Result<void, std::string> check_json(std::string_view text, const JsonLimits& limits = {});

// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. Never throws but for memory.
std::string quote_json(std::string_view text);

}  // namespace vbrain::base
