#include "fuzz/coverage.hpp"

#include <cstdint>
#include <cstring>

// Code in this file must not call a function that is compiled with branch counting, so it uses plain arrays.
// Counts like AFL: a branch is a pair of code addresses. Its counter is one of 2^16, and its number of runs is one of
// eight orders of magnitude.
namespace {

constexpr std::size_t kCounters = 1 << 16;
std::uint8_t counters[kCounters];
std::uint8_t known[kCounters];
std::uintptr_t before = 0;

}  // namespace

extern "C" {
extern const char __executable_start;  // from the linker

// The compiler inserts a call at every branch.
__attribute__((no_sanitize_coverage, no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc();
void __sanitizer_cov_trace_pc() {
  // Relative to the program's start, so that the result does not depend on the load address.
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) -
                     reinterpret_cast<std::uintptr_t>(&__executable_start);
  std::uint8_t& counter = counters[(place ^ before) % kCounters];
  if (counter != 0xff) ++counter;
  before = place >> 1;
}
}

namespace vbrain::fuzz {

__attribute__((no_sanitize_coverage)) void clear_coverage() {
  std::memset(counters, 0, sizeof counters);
  before = 0;
}

__attribute__((no_sanitize_coverage)) bool saw_something_new() {
  bool is_new = false;
  for (std::size_t i = 0; i < kCounters; ++i) {
    if (counters[i] == 0) continue;
    const auto magnitude = static_cast<std::uint8_t>(1U << (31 - __builtin_clz(counters[i])));
    is_new = is_new || (known[i] & magnitude) == 0;
    known[i] = static_cast<std::uint8_t>(known[i] | magnitude);
  }
  return is_new;
}

__attribute__((no_sanitize_coverage)) unsigned branches_seen() {
  unsigned seen = 0;
  for (const std::uint8_t magnitudes : known) seen += magnitudes != 0 ? 1 : 0;
  return seen;
}

__attribute__((no_sanitize_coverage)) void forget_coverage() {
  std::memset(known, 0, sizeof known);
}

}  // namespace vbrain::fuzz
