#include "kube/api/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace vbrain::kube {
namespace {

struct Unit {
  std::string_view suffix;
  long double factor;
};

constexpr std::array<Unit, 14> kUnits = {{{"", 1.0L},
                                          {"m", 1e-3L},
                                          {"k", 1e3L},
                                          {"M", 1e6L},
                                          {"G", 1e9L},
                                          {"T", 1e12L},
                                          {"P", 1e15L},
                                          {"E", 1e18L},
                                          {"Ki", 0x1p10L},
                                          {"Mi", 0x1p20L},
                                          {"Gi", 0x1p30L},
                                          {"Ti", 0x1p40L},
                                          {"Pi", 0x1p50L},
                                          {"Ei", 0x1p60L}}};

// The power of ten of a suffix such as "e9" or "E-3"; nothing for a unit and for no suffix.
std::optional<int> exponent_of(std::string_view suffix) {
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  suffix.remove_prefix(suffix[1] == '+' ? 2 : 1);
  int power = 0;
  const auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), power);
  if (error != std::errc() || end != suffix.data() + suffix.size() || power < -30 || power > 30) return std::nullopt;
  return power;
}

}  // namespace

std::optional<std::int64_t> parse_quantity(std::string_view text) {
  long double number = 0;
  // Format fixed leaves an exponent to the suffix. The check of the first character excludes signs and "inf".
  if (text.empty() || ((text[0] < '0' || text[0] > '9') && text[0] != '.')) return std::nullopt;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  const std::string_view suffix = text.substr(static_cast<std::size_t>(rest - text.data()));
  long double factor = 1;
  if (const auto* unit = std::ranges::find(kUnits, suffix, &Unit::suffix); unit != kUnits.end()) {
    factor = unit->factor;
  } else if (const auto power = exponent_of(suffix)) {
    factor = std::pow(10.0L, static_cast<long double>(*power));
  } else {
    return std::nullopt;
  }
  const long double bytes = std::ceil(number * factor);
  if (!(bytes < 0x1p63L)) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

bool is_quantity(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  if (std::ranges::count(number, '.') > 1 ||
      number.size() == static_cast<std::size_t>(std::ranges::count(number, '.'))) {
    return false;
  }
  const std::string_view suffix = text.substr(end);
  return std::ranges::find(kUnits, suffix, &Unit::suffix) != kUnits.end() || suffix == "n" || suffix == "u" ||
         exponent_of(suffix).has_value();
}

std::string format_quantity(std::int64_t bytes) {
  constexpr std::array<std::string_view, 7> kSuffixes = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kSuffixes.size()) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kSuffixes[unit]);
}

}  // namespace vbrain::kube
