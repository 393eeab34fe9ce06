#include "kube/api/quantity.hpp"

#include <gtest/gtest.h>

namespace vbrain::kube {
namespace {

TEST(Quantity, IsReadAsTheApiServerReadsIt) {
  const std::pair<const char*, std::int64_t> wants[] = {
      {"0", 0},
      {"1024", 1024},
      {"64Mi", 64LL << 20},
      {"1.5Gi", 3LL << 29},
      {"500M", 500'000'000},
      {"2k", 2'000},
      {"1e9", 1'000'000'000},
      {"1E3", 1'000},
      {"1E", 1'000'000'000'000'000'000},
      {"7Ei", 7LL << 60},
      {"128974848000m", 128'974'848},
      {"1m", 1},
      {"0.5", 1},
      {"1e+2", 100},
      {".5Gi", 1LL << 29},
  };
  for (const auto& [text, want] : wants) EXPECT_EQ(parse_quantity(text), want) << text;
}

TEST(Quantity, RefusesInvalidQuantities) {
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "Mi", "1KB", "1mi", "1e", "1e99", "8Ei", "1,5Gi", "inf", "nan",
                           "0x10", "1.5.2", "1Gi2"}) {
    EXPECT_FALSE(parse_quantity(text)) << text;
  }
}

TEST(Quantity, IsWrittenInTheLargestUnitThatDividesIt) {
  const std::pair<std::int64_t, const char*> wants[] = {
      {0, "0"}, {1000, "1000"}, {1024, "1Ki"}, {96LL << 20, "96Mi"}, {3LL << 29, "1536Mi"}, {4LL << 30, "4Gi"},
  };
  for (const auto& [bytes, want] : wants) {
    EXPECT_EQ(format_quantity(bytes), want);
    EXPECT_EQ(parse_quantity(want), bytes);
  }
}

TEST(Quantity, IsWhatTheApiServerTakes) {
  for (const char* text :
       {"0", "1", "500m", "1.5Gi", ".5", "5.", "1e3", "1E-3", "+1", "-1Ki", "100n", "7u", "128974848000m"}) {
    EXPECT_TRUE(is_quantity(text)) << text;
  }
  for (const char* text : {"", "1GB", "512MB", "1 Gi", "1gi", "Gi", ".", "1.2.3", "1e", "0x10", "1,5Gi", "one"}) {
    EXPECT_FALSE(is_quantity(text)) << text;
  }
}

}  // namespace
}  // namespace vbrain::kube
