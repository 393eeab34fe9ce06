#include "base/time/duration.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace vbrain::base {
namespace {

TEST(ParseDuration, ReadsSumsOfUnits) {
  const std::pair<const char*, std::int64_t> wants[] = {
      {"300s", 300'000}, {"500ms", 500}, {"5m", 300'000},    {"1h30m", 5'400'000},
      {"2", 2'000},      {"0", 0},       {"1s500ms", 1'500},
  };
  for (const auto& [text, want] : wants) EXPECT_EQ(parse_duration(text), std::chrono::milliseconds(want)) << text;
  for (const char* text : {"", "s", "-1s", "+1s", "1.5s", "1d", "1s2", "10 s", "99999999999999999999s", "9999999h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

}  // namespace
}  // namespace vbrain::base
