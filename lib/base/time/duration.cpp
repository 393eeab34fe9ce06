#include "base/time/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace vbrain::base {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::int64_t kLimit = 10'000LL * 86'400'000;
  struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
  };
  constexpr std::array<Unit, 4> kUnits = {{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || number > kLimit) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto unit_length = std::min(text.find_first_of("0123456789"), text.size());
    const std::string_view name = text.substr(0, unit_length);
    text.remove_prefix(unit_length);
    const auto* unit = std::ranges::find(kUnits, name, &Unit::name);
    if (name.empty() && text.empty() && total == 0) unit = &kUnits[1];
    if (unit == kUnits.end()) return std::nullopt;
    total += number * unit->milliseconds;
    if (total > kLimit) return std::nullopt;
  }
  return std::chrono::milliseconds(total);
}

}  // namespace vbrain::base
