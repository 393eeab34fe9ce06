#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json/json.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

// A JSON object's members in their order. Each value is the original bytes: a tree would turn 12345678901234567890123
// into a double and 1.10 into 1.1, but the application must get the params as the user sent them.
using RawMembers = std::vector<std::pair<std::string, std::string_view>>;

// Splits an object; the values point into `text`. The error is that of base::read_json with strict keys, or "not a JSON
// object". A byte order mark is a syntax error. Callers remove one that a client sent, because the values and the whole
// are written into other texts, where it would be an error.
Result<RawMembers, std::string> split_object(std::string_view text, const base::JsonLimits& limits = {});

// The elements of an array, in their order, as original bytes that point into `text`. The error is that of
// base::read_json, or "not a JSON array".
Result<std::vector<std::string_view>, std::string> split_array(std::string_view text,
                                                               const base::JsonLimits& limits = {});

// The inverse of split_object(): `{"key":value,…}`. Values must be JSON.
std::string join_object(const RawMembers& members);

// The members of both objects; if both have a key, the value is that of `above`. Keys of `below` come first, in their
// order. Throws std::invalid_argument if one of the texts is not an object.
std::string overlay_object(std::string_view below, std::string_view above);

}  // namespace vbrain::artifacts
