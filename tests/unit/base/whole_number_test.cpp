#include "base/json/whole_number.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace vbrain::base {
namespace {

TEST(WholeNumber, IsANumberWithoutAFractionHoweverItIsWritten) {
  const struct {
    std::string text;
    std::optional<std::int64_t> want;
  } cases[] = {
      {"0", 0},
      {"-0", 0},
      {"-0.0", 0},
      {"5", 5},
      {"5.0", 5},
      {"-513.0", -513},
      {"1e2", 100},
      {"1.5e1", 15},
      {"100E-2", 1},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"9007199254740992.0", 9'007'199'254'740'992},
      {"9223372036854775808", {}},
      {"1e16", {}},
      {"1e999", {}},
      {"5.5", {}},
      {"1e-1", {}},
      {"", {}},
      {"-", {}},
      {"5.", {}},
      {"+5", {}},
      {"05", {}},
      {"5 5", {}},
      {"\"5\"", {}},
      {"[5]", {}},
      {"null", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(whole_number_of(c.text), c.want) << c.text;
  EXPECT_EQ(whole_number(nlohmann::json("5")), std::nullopt);
}

}  // namespace
}  // namespace vbrain::base
