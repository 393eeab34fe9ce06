#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace vbrain::controller::testing {

// How the controllers of a World see its API server. Every history runs in all of them.
struct Flavour {
  const char* name = "Prompt";
  // The watches of the first leader are late, each by an amount of its own. Otherwise they show everything at once.
  bool late = false;
  // A second controller watches from the beginning. It takes over with the caches that it has when the leader dies, and
  // its watches are always late. Otherwise a new controller starts, and lists everything.
  bool standby = false;
  // The caches are listed anew when the standby becomes the leader, as the controller does.
  bool lists_at_term = false;
  std::uint64_t seed = 1;
};

inline std::string text_of(const Flavour& flavour) {
  return std::string(flavour.name) + std::to_string(flavour.seed);
}
// For GoogleTest.
inline void PrintTo(const Flavour& flavour, std::ostream* out) {
  *out << text_of(flavour);
}

inline constexpr Flavour kPrompt{};
inline constexpr Flavour late(std::uint64_t seed) {
  return {.name = "Late", .late = true, .seed = seed};
}
inline constexpr Flavour standby(std::uint64_t seed) {
  return {.name = "Standby", .standby = true, .seed = seed};
}
inline constexpr Flavour late_standby(std::uint64_t seed) {
  return {.name = "LateStandby", .late = true, .standby = true, .seed = seed};
}

inline std::vector<Flavour> all_flavours() {
  return {kPrompt, late(1), standby(2), late_standby(3)};
}

}  // namespace vbrain::controller::testing
