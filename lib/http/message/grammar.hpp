#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

// Parts of the grammar of HTTP fields that several readers need.
namespace vbrain::http {

// A set of characters in a table, for texts that are looked at character by character in each request.
class CharSet {
 public:
  constexpr explicit CharSet(std::string_view members) {
    for (const char c : members) has_.at(static_cast<unsigned char>(c)) = true;
  }
  // The characters from `first` to `last`, without `others`.
  constexpr CharSet(char first, char last, std::string_view others) {
    for (int c = first; c <= last; ++c) has_.at(static_cast<std::size_t>(c)) = true;
    for (const char c : others) has_.at(static_cast<unsigned char>(c)) = false;
  }
  constexpr bool contains(char c) const { return has_[static_cast<unsigned char>(c)]; }
  constexpr bool contains_all(std::string_view text) const {
    return std::ranges::all_of(text, [this](char c) { return contains(c); });
  }

 private:
  std::array<bool, 256> has_{};
};

// tchar of RFC 9110 section 5.6.2.
inline constexpr CharSet kTokenChars("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

constexpr bool is_token_char(char c) {
  return kTokenChars.contains(c);
}

constexpr bool is_token(std::string_view text) {
  return !text.empty() && kTokenChars.contains_all(text);
}

// Without optional white space (RFC 9110 section 5.6.3: spaces and tabs) at both ends.
constexpr std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace vbrain::http
