#include "base/text/traceparent.hpp"

#include <algorithm>

namespace vbrain::base {

bool is_traceparent(std::string_view text) {
  constexpr std::string_view kForm = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  const auto fits = [](char form, char c) {
    return form == 'x' ? (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') : form == c;
  };
  const auto is_zero = [](std::string_view digits) { return digits.find_first_not_of('0') == std::string_view::npos; };
  return std::ranges::equal(kForm, text, fits) && !is_zero(text.substr(3, 32)) && !is_zero(text.substr(36, 16));
}

std::string to_traceparent_00(std::string_view text) {
  constexpr std::size_t kLength = 55;
  const std::string_view version = text.substr(0, 2);
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() < kLength || version == "ff" || !std::ranges::all_of(version, is_digit)) return {};
  if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return {};
  std::string first = "00" + std::string(text.substr(2, kLength - 2));
  return is_traceparent(first) ? first : std::string();
}

std::string_view trace_id_of(std::string_view traceparent) {
  return is_traceparent(traceparent) ? traceparent.substr(3, 32) : std::string_view();
}

}  // namespace vbrain::base
