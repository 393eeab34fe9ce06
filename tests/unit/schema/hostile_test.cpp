// Schemas and values that would crash or hold up others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/schema.hpp"

namespace vbrain::schema {
namespace {

using ::testing::HasSubstr;

std::string repeat(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

// What is said of the value, and that it took no more work than is allowed.
std::string check(const std::string& schema, const std::string& value) {
  const auto compiled = Schema::compile(schema);
  if (!compiled) return "schema: " + compiled.error();
  Work work;
  auto completed = (*compiled)->complete(value, work);
  return completed ? "good" : in_words(completed.error(), 1'000);
}

TEST(HostileSchema, CostsNoMoreThanTheLimit) {
  // Each level doubles the work.
  std::string doubling = R"({"$ref":"#/definitions/a0","definitions":{)";
  for (int i = 0; i < 60; ++i) {
    const std::string next = R"({"$ref":"#/definitions/a)" + std::to_string(i + 1) + "\"}";
    doubling += "\"a" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  doubling += R"("a60":{"minimum":1}}})";
  std::string choices = doubling;
  for (std::size_t at; (at = choices.find("allOf")) != std::string::npos;) choices.replace(at, 5, "anyOf");
  std::string many = "{\"enum\":[0";
  for (int i = 1; i < 30'000; ++i) many += "," + std::to_string(i);
  many += "]}";
  const std::string numbers = "[" + repeat("-1,", 100'000) + "-1]";
  // Equal to the end, so that each comparison goes through all of it.
  const std::string large = "[" + repeat("1,", 60'000) + "1]";
  const std::string same = R"({"definitions":{"c":{"const":)" + large + R"(}},"allOf":[{})" +
                           repeat(R"(,{"$ref":"#/definitions/c"})", 1'000) + "]}";
  std::string likely = R"({"definitions":{"e":{"items":{"enum":[0)";
  for (int i = 0; i < 20; ++i) likely += ",[" + repeat("1,", 5'000) + std::to_string(i) + "]";
  likely += R"(]}}},"allOf":[{})" + repeat(R"(,{"$ref":"#/definitions/e"})", 20) + "]}";
  const std::string rows = "[0" + repeat(",[" + repeat("1,", 5'000) + "19]", 30) + "]";
  const struct {
    const char* what;
    std::string schema;
    std::string value;
    std::string want;
  } cases[] = {
      {"a large const, compared again and again", same, large, "takes too much work"},
      {"large values of an enum that differ at their end", likely, rows, "takes too much work"},
      {"a large const, compared once", R"({"const":)" + large + "}", large, "good"},
      {"a large const and many small values", R"({"items":{"not":{"const":)" + large + "}}}", numbers, "good"},
      {"allOf that doubles", doubling, "1", "takes too much work"},
      {"anyOf that doubles", choices, "0", "takes too much work"},
      {"a long enum for each of many", R"({"items":)" + many + "}", numbers, "takes too much work"},
      {"expressions that backtrack", R"({"pattern":"^(a+)+$"})", "\"" + std::string(50'000, 'a') + "!\"",
       "must match the regular expression"},
      {"and in names", R"({"patternProperties":{"^(([a-z])+.)+[A-Z]([a-z])+$":{}},"additionalProperties":false})",
       "{\"" + std::string(50'000, 'a') + "\":1}", "is not known"},
      {"a text that std::regex can't match without overflowing the stack", R"({"pattern":"^(a|b)*$"})",
       "\"" + std::string(1'000'000, 'a') + "\"", "good"},
      {"a large expression on a long text", R"({"pattern":"(a?){500}b"})", "\"" + std::string(1'000'000, 'a') + "\"",
       "takes too much work"},
      {"deep values", R"({"items":{"$ref":"#"}})", repeat("[", 64) + repeat("]", 64), "good"},
      {"deeper values", R"({"items":{"$ref":"#"}})", repeat("[", 65) + repeat("]", 65), "can't be checked"},
      {"many values", "{}", numbers.substr(0, numbers.size() - 1) + "," + repeat("1,", 200'000) + "1]",
       "can't be checked against the schema: "},
      {"large values", "{}", "\"" + std::string(kCheckedLimit, 'x') + "\"", "is too large"},
      {"a number beyond doubles", R"({"type":"number"})", "1e400", "can't be checked against the schema: "},
      {"a name twice", "{}", R"({"a":1,"a":2})", "can't be checked against the schema: "},
      {"multiples of the least number", R"({"multipleOf":5e-324})", "1.7e308", "good"},
      {"the least integer", R"({"multipleOf":1})", "-9223372036854775808", "good"},
      {"NUL", R"({"pattern":"^a\u0000b$","maxLength":3})", R"("a\u0000b")", "good"},
      {"defaults for many", R"({"items":{"properties":{"a":{"default":")" + std::string(10'000, 'x') + "\"}}}}",
       "[" + repeat("{},", 20'000) + "{}]", "takes too much work"},
  };
  for (const auto& c : cases) EXPECT_THAT(check(c.schema, c.value), HasSubstr(c.want)) << c.what;
}

TEST(HostileSchema, IsRefused) {
  std::string chain = R"({"$ref":"#/definitions/a0","definitions":{)";
  for (int i = 0; i < 5'000; ++i) {
    chain += "\"a" + std::to_string(i) + R"(":{"$ref":"#/definitions/a)" + std::to_string(i + 1) + "\"},";
  }
  const std::string ring = chain + R"("a5000":{"$ref":"#/definitions/a0"}}})";
  const struct {
    const char* what;
    std::string schema;
    std::string want;
  } cases[] = {
      {"large", R"({"description":")" + std::string(kSchemaLimit, 'x') + "\"}", "more than 256 KiB"},
      {"deep", repeat(R"({"not":)", 100) + "{}" + repeat("}", 100), "can't be read: nested deeper"},
      {"many subschemas", R"({"allOf":[{})" + repeat(",{}", kMostSubschemas) + "]}", "more than 10000 subschemas"},
      {"a ring of references", ring, "refers to itself"},
      {"a large expression", R"({"pattern":"((a{100}){100}){100}"})", "regular expression that is"},
      {"a long expression", R"({"pattern":")" + std::string(2'000, 'a') + "\"}", "more than 1000 bytes"},
      {"a long identifier", R"({"$id":")" + std::string(2'000, 'a') + "\"}", "is too long"},
      {"an endless pointer", R"({"$ref":"#)" + repeat("/allOf/0", 10'000) + "\",\"allOf\":[{}]}", "not in this schema"},
      {"a pointer with a huge index", R"({"$ref":"#/allOf/99999999999999999999","allOf":[{}]})", "not in this schema"},
  };
  for (const auto& c : cases) {
    const auto compiled = Schema::compile(c.schema);
    ASSERT_FALSE(compiled) << c.what;
    EXPECT_THAT(compiled.error(), HasSubstr(c.want)) << c.what;
    EXPECT_LT(compiled.error().size(), 1'000U) << c.what;
  }
  // A long chain that ends is no mistake.
  EXPECT_EQ(check(chain + R"("a5000":{"type":"number"}}})", "1"), "good");
}

TEST(HostileSchema, MayHaveManyExpressionsButNotAnyNumber) {
  const auto with = [](std::size_t count) {
    std::string schema = R"({"allOf":[{})";
    for (std::size_t i = 0; i < count; ++i) schema += R"(,{"pattern":"^.{1,100}$"})";
    return schema + "]}";
  };
  EXPECT_EQ(check(with(kMostPatterns), "\"x\""), "good");
  EXPECT_THAT(check(with(kMostPatterns + 1), "\"x\""), HasSubstr("more than 100 regular expressions"));
}

}  // namespace
}  // namespace vbrain::schema
