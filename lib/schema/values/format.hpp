#pragma once

#include <string_view>

namespace vbrain::schema {

// A `format` that is checked. All others are taken as remarks, as draft 7 allows.
struct Format {
  std::string_view name;
  std::string_view words;  // "a date such as 2026-11-29"
  bool (*fits)(std::string_view text);
};

// Null for one that is not checked.
const Format* find_format(std::string_view name);

}  // namespace vbrain::schema
