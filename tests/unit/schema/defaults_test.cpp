// Which defaults are filled in, and that nothing else of the text changes.
#include <gtest/gtest.h>

#include "schema/schema.hpp"

namespace vbrain::schema {
namespace {

std::string complete(const std::string& schema, const std::string& text) {
  const auto compiled = Schema::compile(schema);
  if (!compiled) return "schema: " + compiled.error();
  Work work;
  auto completed = (*compiled)->complete(text, work);
  return completed ? *completed : in_words(completed.error(), 1'000);
}

TEST(Defaults, AreFilledInWhereMembersAreAbsent) {
  const struct {
    const char* what;
    std::string schema;
    std::string text;
    std::string want;
  } cases[] = {
      {"without defaults no byte changes", R"({"type":"object"})", R"({ "b" : 1.10,"a":12345678901234567890123 })",
       R"({ "b" : 1.10,"a":12345678901234567890123 })"},
      {"what is there stays to the byte", R"({"properties":{"z":{"default":[1]}}})", R"({ "b" : 1.10 })",
       R"({ "b" : 1.10 ,"z":[1]})"},
      {"an empty object", R"({"properties":{"a":{"default":1},"b":{"default":"é\""}}})", "{}", R"({"a":1,"b":"é\""})"},
      {"null is a value", R"({"properties":{"a":{"default":1}}})", R"({"a":null})", R"({"a":null})"},
      {"deep", R"({"properties":{"o":{"properties":{"x":{"default":1}}}}})", R"({"o":{"y":{}}})",
       R"({"o":{"y":{},"x":1}})"},
      {"an absent object is not made", R"({"properties":{"o":{"properties":{"x":{"default":1}}}}})", "{}", "{}"},
      {"a default is taken as it stands", R"({"properties":{"o":{"default":{},"properties":{"x":{"default":1}}}}})",
       "{}", R"({"o":{}})"},
      {"elements", R"({"properties":{"l":{"items":{"properties":{"x":{"default":1}}}}}})",
       R"({"l":[{},1,{"x":2},[{}]]})", R"({"l":[{"x":1},1,{"x":2},[{}]]})"},
      {"elements by position", R"({"properties":{"l":{"items":[{},{"properties":{"x":{"default":1}}}]}}})",
       R"({"l":[{},{}]})", R"({"l":[{},{"x":1}]})"},
      {"$ref", R"({"$ref":"#/definitions/a","definitions":{"a":{"properties":{"x":{"default":1}}}}})", "{}",
       R"({"x":1})"},
      {"beside $ref",
       R"({"properties":{"x":{"$ref":"#/definitions/n","default":1}},"definitions":{"n":{"type":"number"}}})", "{}",
       R"({"x":1})"},
      {"allOf; the first one counts",
       R"({"allOf":[{"properties":{"x":{"default":1}}},{"properties":{"x":{"default":2},"y":{"default":3}}}]})", "{}",
       R"({"x":1,"y":3})"},
      {"not what holds only in some cases",
       R"({"anyOf":[{"properties":{"x":{"default":1}}}],"if":{"properties":{"y":{"default":1}}},
           "oneOf":[{"properties":{"v":{"default":1}}}],"dependencies":{"a":{"properties":{"z":{"default":1}}}}})",
       R"({"a":1})", R"({"a":1})"},
      {"names with special characters", R"({"properties":{"a/b~c":{"properties":{"\"x\"":{"default":1}}}}})",
       R"({"a/b~c":{}})", R"({"a/b~c":{"\"x\"":1}})"},
      {"an escaped name is the same name", R"({"properties":{"ab":{"properties":{"x":{"default":1}}}}})",
       R"({"\u0061b":{}})", R"({"\u0061b":{"x":1}})"},
      {"required is satisfied by a default", R"({"required":["a"],"properties":{"a":{"default":1}}})", "{}",
       R"({"a":1})"},
      {"the result is checked", R"({"maxProperties":0,"properties":{"a":{"default":1}}})", "{}",
       "must have at most 0 members, has 1"},
      {"recursion ends", R"({"properties":{"c":{"allOf":[{"$ref":"#"}],"default":{}},"n":{"default":0}}})",
       R"({"c":{"c":{}}})", R"({"c":{"c":{"c":{},"n":0},"n":0},"n":0})"},
  };
  for (const auto& c : cases) EXPECT_EQ(complete(c.schema, c.text), c.want) << c.what;
}

}  // namespace
}  // namespace vbrain::schema
