#include "schema/values/numbers.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json/json.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

// On the platforms of vBrain a long double holds every 64-bit integer and every double.
long double wide(const json& number) {
  if (number.is_number_unsigned()) return static_cast<long double>(number.get<std::uint64_t>());
  if (number.is_number_integer()) return static_cast<long double>(number.get<std::int64_t>());
  return static_cast<long double>(number.get<double>());
}
static_assert(std::numeric_limits<long double>::digits >= 64);

std::uint64_t magnitude(const json& integer) {
  if (integer.is_number_unsigned()) return integer.get<std::uint64_t>();
  const auto value = integer.get<std::int64_t>();
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

void append(std::string& text, const json& value) {
  if (value.is_object()) {
    text += '{';
    for (auto member = value.begin(); member != value.end(); ++member) {
      text += base::quote_json(member.key()) + ":";
      append(text, *member);
      text += ',';
    }
    text += '}';
  } else if (value.is_array()) {
    text += '[';
    for (const json& element : value) {
      append(text, element);
      text += ',';
    }
    text += ']';
  } else if (value.is_number_float() && std::abs(value.get<double>()) < 9e18 &&
             std::trunc(value.get<double>()) == value.get<double>()) {
    text += std::to_string(static_cast<std::int64_t>(value.get<double>()));
  } else {
    text += value.dump();
  }
}

}  // namespace

bool less(const json& left, const json& right) {
  return wide(left) < wide(right);
}

bool is_multiple(const json& number, const json& divisor) {
  if (number.is_number_integer() && divisor.is_number_integer()) return magnitude(number) % magnitude(divisor) == 0;
  const long double value = std::abs(wide(number));
  const long double by = wide(divisor);
  const long double rest = std::fmod(value, by);
  if (!std::isfinite(static_cast<double>(value) / static_cast<double>(by))) return rest == 0;
  // Both numbers may be half a unit in the last place away from what was written.
  const long double tolerance = value * std::numeric_limits<double>::epsilon() * 2;
  return std::min(rest, by - rest) <= tolerance;
}

std::string canonical(const json& value) {
  std::string text;
  append(text, value);
  return text;
}

std::uint64_t work_of_comparing(const nlohmann::json& value) {
  constexpr std::uint64_t kValuesPerStep = 16;
  constexpr std::uint64_t kBytesPerStep = 256;
  std::uint64_t values = 0;
  std::uint64_t bytes = 0;
  std::vector<const nlohmann::json*> open{&value};
  while (!open.empty()) {
    const nlohmann::json& one = *open.back();
    open.pop_back();
    if (one.is_string()) bytes += one.get_ref<const std::string&>().size();
    if (!one.is_structured()) continue;
    values += one.size();
    for (const auto& item : one.items()) {
      if (one.is_object()) bytes += item.key().size();
      open.push_back(&item.value());
    }
  }
  return values / kValuesPerStep + bytes / kBytesPerStep;
}

}  // namespace vbrain::schema
