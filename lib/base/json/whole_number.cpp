#include "base/json/whole_number.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace vbrain::base {
namespace {

// A double has all whole numbers up to here.
constexpr double kExact = 9'007'199'254'740'992.0;

}  // namespace

std::optional<std::int64_t> whole_number(const nlohmann::json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number <= INT64_MAX ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  if (std::trunc(number) != number || std::abs(number) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<std::int64_t> whole_number_of(std::string_view text) {
  // No text of another kind is parsed: it may be long and deep.
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  return whole_number(nlohmann::json::parse(text, nullptr, false));
}

}  // namespace vbrain::base
