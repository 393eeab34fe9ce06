#include "base/json/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/base/hostile_json.hpp"

namespace vbrain::base {
namespace {

using nlohmann::json;

TEST(Json, ReadsWhatTheRfcAllows) {
  for (const std::string_view text : {"null", "{}", "[1,2.5,-3e2]", R"({"a":{"b":[true,false,"\u00e9"]}})", " 1 ",
                                      "18446744073709551615", "123456789012345678901234567890"}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text << ": " << value.error();
    EXPECT_EQ(*value, json::parse(text)) << text;
  }
}

TEST(Json, RefusesHostileText) {
  const struct {
    std::string text;
    std::string_view want_error;
  } cases[] = {
      {"", "syntax error"},
      {"{", "syntax error"},
      {"{} x", "syntax error"},
      {std::string("{}\0", 3), "syntax error at byte 3"},
      {std::string("{}\0 x", 5), "syntax error at byte 3"},
      {std::string("12\0"
                   "34",
                   5),
       "syntax error at byte 3"},
      {"NaN", "syntax error"},
      {R"("\ud800")", "syntax error"},
      {"\"\xff\"", "syntax error"},
      {"1e400", "number out of range"},
      {std::string(1'101, '9'), "number out of range"},
      {"0." + std::string(1'100, '9'), "number too long"},
      {"0." + std::string(1'000'000, '9'), "number too long"},
      {"[1" + std::string(300, '0') + "." + std::string(800, '0') + "]", "number too long"},
      {R"({"a":1,"a":2})", "duplicate key"},
      {R"({"a":1,"b":{"a":1},"\u0061":2})", "duplicate key"},
      {R"([{"a":{"b":1,"c":[{"d":1,"d":1}]}}])", "duplicate key"},
      {R"({"":1,"":2})", "duplicate key"},
      {R"({"a\u0000b":1})", "NUL in a key"},
      {std::string(100'000, '['), "nested deeper than 64"},
      {std::string(65, '[') + std::string(65, ']'), "nested deeper than 64"},
  };
  for (const auto& c : cases) {
    const auto value = parse_json(c.text);
    ASSERT_FALSE(value) << c.text.substr(0, 40);
    EXPECT_NE(value.error().find(c.want_error), std::string::npos) << value.error();
  }
}

TEST(Json, CheckAndParserTakeTheSameTexts) {
  for (const auto& row : vbrain::testing::hostile_json()) {
    const auto checked = check_json(row.text);
    const auto parsed = parse_json(row.text);
    EXPECT_EQ(checked.has_value(), row.strict) << row.name;
    EXPECT_EQ(parsed.has_value(), row.strict) << row.name;
    if (!checked && !parsed) {
      EXPECT_EQ(checked.error(), parsed.error()) << row.name;
    }
    if (parsed) {
      EXPECT_EQ(*parsed, json::parse(row.text)) << row.name;
    }
  }
}

TEST(Json, SkipsAByteOrderMark) {
  EXPECT_TRUE(check_json("\xEF\xBB\xBF{}"));
  EXPECT_EQ(*parse_json("\xEF\xBB\xBF[1]"), json::parse("[1]"));
}

TEST(Json, KeepsWholeNumbersOf64Bits) {
  for (const std::string text : {"0", "-0", "9223372036854775808", "18446744073709551615", "-9223372036854775808",
                                 "18446744073709551616", "-9223372036854775809", "1.0", "1e2", "-0.0"}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->type(), json::parse(text).type()) << text;
    EXPECT_EQ(*value, json::parse(text)) << text;
  }
}

TEST(Json, KeysCountPerObject) {
  for (const std::string_view text : {R"({"a":{"a":{"a":1}},"b":{"a":1}})", R"([{"a":1},{"a":1}])",
                                      R"({"ab":1,"a":{"b":1},"b":{"ab":1},"":0})", R"({"a":{"x":1},"x":2})"}) {
    EXPECT_TRUE(check_json(text)) << text;
  }
}

TEST(Json, TakesNestingUpToTheLimit) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(parse_json("[[1]]", {.depth = 1}));
}

TEST(Json, CountsValues) {
  EXPECT_TRUE(parse_json("[1,2]", {.elements = 3}));
  EXPECT_FALSE(parse_json("[1,2,3]", {.elements = 3}));
}

TEST(Json, ErrorsRepeatNothingOfTheInput) {
  const auto value = parse_json(R"({"secret-token": })");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().find("secret"), std::string::npos) << value.error();
}

TEST(Json, QuotesAnyBytes) {
  EXPECT_EQ(quote_json("a\"b\n\x1b"), R"("a\"b\n\u001b")");
  EXPECT_EQ(quote_json("\xff"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace vbrain::base
