#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "http/message/message.hpp"

namespace vbrain::fuzz {

// Lines of `name: value` as the fields of a request; other lines are left out. They point into `input`.
inline std::vector<http::HeaderField> header_lines(std::string_view input) {
  std::vector<http::HeaderField> fields;
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos) fields.push_back({line.substr(0, colon), line.substr(colon + 2)});
  }
  return fields;
}

}  // namespace vbrain::fuzz
