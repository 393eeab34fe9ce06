#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace vbrain::base {

// The value of a JSON number without a fraction, however it is written: `5`, `5.0` and `5e0` are integers of JSON
// Schema (draft 7 of the validation, section 6.1.1; also RFC 8259 section 6 tells them not apart). Nothing: it is no
// number, has a fraction, or is beyond 2^63, or 2^53 where it is written with a point or an exponent. Pure.
std::optional<std::int64_t> whole_number(const nlohmann::json& value);

// The same of a JSON text.
std::optional<std::int64_t> whole_number_of(std::string_view text);

}  // namespace vbrain::base
