#pragma once

#include <algorithm>
#include <string_view>

// Parts of the grammar of HTTP fields that several readers need.
namespace vbrain::http {

// tchar of RFC 9110 section 5.6.2.
constexpr bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

// Without optional white space (RFC 9110 section 5.6.3: spaces and tabs) at both ends.
constexpr std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace vbrain::http
