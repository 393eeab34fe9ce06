#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/json/json_reader.hpp"
#include "base/result.hpp"

namespace vbrain::base {

// Reads one JSON text (RFC 8259) that anybody may have written. A byte order mark at the beginning is skipped. The
// error is a short sentence fit for the `detail` of an answer; it repeats nothing of the input. Refused beyond the RFC:
// what base::read_json refuses with strict keys. The tree can take 25 times the memory of the text.
Result<nlohmann::json, std::string> parse_json(std::string_view text, const JsonLimits& limits = {});

// Does the same checks without a tree. Takes at most about twice the memory of the text.
Result<void, std::string> check_json(std::string_view text, const JsonLimits& limits = {});

// `text` as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD. Throws only std::bad_alloc.
std::string quote_json(std::string_view text);

}  // namespace vbrain::base
