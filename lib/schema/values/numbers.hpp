#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace vbrain::schema {

// Whether the number `left` is less than `right`, exactly.
bool less(const nlohmann::json& left, const nlohmann::json& right);

// Whether the number is a multiple of `divisor`, which is above 0. Of numbers that are no integers: as far as a double
// can tell, so that 0.3 is a multiple of 0.1.
bool is_multiple(const nlohmann::json& number, const nlohmann::json& divisor);

// A text that is the same for equal values only; 1 and 1.0 are equal.
std::string canonical(const nlohmann::json& value);

// The steps (schema::Work) that it takes at most to compare `value` with an equally large one: the comparison goes
// through both side by side, so the larger one does not count.
std::uint64_t work_of_comparing(const nlohmann::json& value);

}  // namespace vbrain::schema
