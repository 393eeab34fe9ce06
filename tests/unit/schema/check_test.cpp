// What a schema refuses, and in which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "schema/schema.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

std::string violations_of(const std::string& schema, const std::string& value) {
  const auto compiled = Schema::compile(schema);
  if (!compiled) return "schema: " + compiled.error();
  Work work;
  return in_words((*compiled)->check_text(value, work), 10'000);
}

struct Case {
  std::string schema;
  std::string value;
  std::string want;
};

TEST(SchemaCheck, SaysInWordsWhatIsWrongAndWhere) {
  const std::vector<Case> cases = {
      {R"({"type":"integer"})", "1.5", "must be an integer, is 1.5"},
      {R"({"type":"integer"})", "1.0", ""},
      {R"({"type":"integer"})", "\"1\"", "must be an integer, is a string"},
      {R"({"type":["integer","null"]})", "true", "must be an integer or null, is true"},
      {R"({"type":["string","integer","number"]})", "[]", "must be a string or a number, is an array"},
      {R"({"type":"object"})", "null", "must be an object, is null"},
      {R"({"minimum":1,"maximum":31})", "40", "must be at most 31, is 40"},
      {R"({"minimum":1,"maximum":31})", "0.5", "must be at least 1, is 0.5"},
      {R"({"exclusiveMinimum":1})", "1", "must be more than 1, is 1"},
      {R"({"exclusiveMaximum":1})", "1", "must be less than 1, is 1"},
      {R"({"maximum":9007199254740992})", "9007199254740993", "must be at most 9007199254740992, is 9007199254740993"},
      {R"({"multipleOf":0.1})", "0.35", "must be a multiple of 0.1, is 0.35"},
      {R"({"multipleOf":0.1})", "0.3", ""},
      {R"({"multipleOf":18446744073709551615})", "-9223372036854775808",
       "must be a multiple of 18446744073709551615, is -9223372036854775808"},
      {R"({"minLength":2})", "\"é\"", "must have at least 2 characters, has 1"},
      {R"({"maxLength":1})", "\"éé\"", "must have at most 1 character, has 2"},
      {R"({"pattern":"^[a-z]+$"})", "\"A\"", "must match the regular expression ^[a-z]+$"},
      {R"({"format":"date"})", "\"2023-02-29\"", "must be a date such as 2026-11-29"},
      {R"({"format":"something"})", "\"x\"", ""},
      {R"({"enum":["cost","distance",1]})", "\"time\"", R"(must be one of "cost", "distance", 1)"},
      {R"({"enum":[1]})", "1.0", ""},
      {R"({"enum":[1]})", "true", "must be 1"},
      {R"({"const":{"a":1}})", "{}", R"(must be {"a":1})"},
      {R"({"required":["a","b/c"]})", "{}", "/a: is missing; /b~1c: is missing"},
      {R"({"properties":{"a":{"properties":{"b":{"type":"string"}}}}})", R"({"a":{"b":1}})",
       "/a/b: must be a string, is a number"},
      {R"({"properties":{"a":{},"b":{}},"additionalProperties":false})", R"({"c":1})",
       R"(/c: is not known; known: "a", "b")"},
      {R"({"additionalProperties":false})", R"({"c":1})", "/c: is not known; nothing is"},
      {R"({"properties":{"a":false}})", R"({"a":1})", "/a: is not allowed"},
      {R"({"propertyNames":{"maxLength":1}})", R"({"ab":1})",
       "/ab: has a name that is wrong: must have at most 1 character, has 2"},
      {R"({"minProperties":1})", "{}", "must have at least 1 member, has 0"},
      {R"({"dependencies":{"a":["b"]}})", R"({"a":1})", R"(/b: is missing, because "a" is there)"},
      {R"({"items":{"type":"number"}})", R"([1,"x",null])",
       "/1: must be a number, is a string; /2: must be a number, is null"},
      {R"({"items":[{}],"additionalItems":false})", "[1,2]", "/1: is not allowed: at most 1 element"},
      {R"({"maxItems":1})", "[1,2]", "must have at most 1 element, has 2"},
      {R"({"uniqueItems":true})", "[1,2,1.0]", "/2: is there twice, and all elements must be different"},
      {R"({"uniqueItems":true})", "[0,false,\"0\",[],{},null,1.5]", ""},
      {R"({"contains":{"type":"number"}})", "[]", "must have an element that matches `contains` of the schema"},
      {R"({"not":{"type":"number"}})", "1", "must not match the schema in `not`, and does"},
      {R"({"if":{"type":"number"},"then":{"minimum":3},"else":{"maxLength":1}})", "2", "must be at least 3, is 2"},
      {R"({"if":{"type":"number"},"then":{"minimum":3},"else":{"maxLength":1}})", "\"ab\"",
       "must have at most 1 character, has 2"},
      {R"({"$ref":"#/definitions/a","type":"null","definitions":{"a":{"type":"number"}}})", "\"x\"",
       "must be a number, is a string"},
      // One and the same is said once.
      {R"({"allOf":[{"type":"number"},{"type":"number"}]})", "\"x\"", "must be a number, is a string"},
  };
  for (const Case& c : cases) EXPECT_EQ(violations_of(c.schema, c.value), c.want) << c.schema << " " << c.value;
}

TEST(SchemaCheck, OfAlternativesItTalksAboutTheOneThatWasMeant) {
  const std::string optional = R"({"properties":{"a":{"anyOf":[{"type":"integer","minimum":1},{"type":"null"}]}}})";
  EXPECT_EQ(violations_of(optional, R"({"a":0})"), "/a: must be at least 1, is 0");
  EXPECT_EQ(violations_of(optional, R"({"a":"x"})"), "/a: must be an integer or null, is a string");
  EXPECT_EQ(violations_of(optional, R"({"a":null})"), "");
  const std::string shapes = R"({"oneOf":[
      {"properties":{"kind":{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"]},
      {"properties":{"kind":{"const":"box"},"w":{"type":"number"}},"required":["kind","w"]}]})";
  EXPECT_EQ(violations_of(shapes, R"({"kind":"box"})"), "/w: is missing");
  EXPECT_EQ(violations_of(shapes, R"({"kind":"box","w":"x"})"), "/w: must be a number, is a string");
  EXPECT_EQ(violations_of(shapes, R"({"kind":"star"})"),
            R"(matches none of the 2 alternatives of the schema: /r is missing; or /w is missing)");
  EXPECT_EQ(violations_of(R"({"oneOf":[{"minimum":1},{"minimum":2}]})", "3"),
            "must match exactly one of the 2 alternatives of the schema, matches 2");
}

TEST(SchemaCheck, ListsSoManyAndCountsTheRest) {
  const auto schema = Schema::compile(R"({"items":{"type":"number"}})").value();
  Work work;
  const Violations found = schema->check(json::array_t(250, json("x")), work);
  EXPECT_EQ(found.list.size(), kMostViolations);
  EXPECT_EQ(found.more, 150U);
  EXPECT_EQ(found.list.back().pointer, "/99");
  EXPECT_EQ(in_words(found, 60), "/0: must be a number, is a string; and 249 more");
}

TEST(SchemaCheck, LongTextsOfOthersAreCut) {
  const std::string key(5'000, 'k');
  const std::string words = violations_of(R"({"additionalProperties":{"enum":[")" + std::string(5'000, 'e') + "\"]}}",
                                          "{\"" + key + "\":\"" + std::string(5'000, 'v') + "\"}");
  EXPECT_LT(words.size(), 1'200U);
  EXPECT_THAT(words, ::testing::HasSubstr("…"));
}

TEST(SchemaCompile, SaysWhereTheMistakeIs) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{", "the schema can't be read: "},
      {"1", "the schema must be a schema: an object, true or false; it is a number"},
      {R"({"type":"int"})",
       "/type must be null, boolean, integer, number, string, array or object, or a list of them; "
       R"(it is "int")"},
      {R"({"properties":{"a":1}})", "/properties/a must be a schema: an object, true or false; it is a number"},
      {R"({"properties":[]})", "/properties must be an object; it is []"},
      {R"({"properties":{"a/b":{"minimum":"1"}}})", R"(/properties/a~1b/minimum must be a number; it is "1")"},
      {R"({"exclusiveMinimum":true})", "/exclusiveMinimum must be a number; it is true"},
      {R"({"minLength":-1})", "/minLength must be a whole number from 0; it is -1"},
      {R"({"minLength":1e300})", "/minLength must be a whole number from 0; it is 1e+300"},
      {R"({"multipleOf":0})", "/multipleOf must be a number above 0; it is 0"},
      {R"({"multipleOf":-1})", "/multipleOf must be a number above 0; it is -1"},
      {R"({"required":true})", "/required must be a list of strings; it is true"},
      {R"({"required":[1]})", "/required must be a list of strings; it is [1]"},
      {R"({"enum":1})", "/enum must be an array; it is 1"},
      {R"({"uniqueItems":1})", "/uniqueItems must be true or false; it is 1"},
      {R"({"allOf":[]})", "/allOf must be a list of schemas; it is []"},
      {R"({"anyOf":{}})", "/anyOf must be a list of schemas; it is {}"},
      {R"({"additionalProperties":1})",
       "/additionalProperties must be a schema: an object, true or false; it is a number"},
      {R"({"pattern":"("})", "/pattern is a regular expression that is not valid: missing ): ("},
      {R"x({"pattern":"(?=a)"})x",
       "/pattern is a regular expression that uses look-ahead or look-behind, which takes unlimited time"},
      {R"({"patternProperties":{"(a)\\1":{}}})",
       "/patternProperties/(a)\\1 is a regular expression that uses a back reference, which takes unlimited time"},
      {R"({"$ref":1})", "/$ref must be a string; it is 1"},
      {R"({"$ref":"#/definitions/a"})", R"(/$ref refers to "#/definitions/a", which is not in this schema)"},
      {R"({"$ref":"http://example.com/a.json"})",
       R"(/$ref refers to "http://example.com/a.json", which is not in this schema; other documents are never fetched, )"
       "so write it below definitions"},
      {R"({"$ref":"file:///etc/passwd"})", R"(/$ref refers to "file:///etc/passwd", which is not in this schema; )"
                                           "other documents are never fetched, so write it below definitions"},
      {R"({"$ref":"#"})", "the schema refers to itself without going into a member or an element"},
      {R"({"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"not":{"$ref":"#/definitions/a"}}}})",
       "/definitions/a refers to itself without going into a member or an element"},
      {R"({"$schema":"http://json-schema.org/draft-04/schema#"})",
       "/$schema names another version than draft 7; write http://json-schema.org/draft-07/schema#, or leave it out"},
      {R"({"properties":{"a":{"type":"number","default":"x"}}})",
       "/properties/a/default does not match its own schema: must be a number, is a string"},
      {R"({"properties":{"a":{"type":"object","properties":{"b":{"type":"null"}},"default":{"b":1}}}})",
       "/properties/a/default does not match its own schema: /b: must be null, is a number"},
  };
  for (const auto& [schema, want] : cases) {
    const auto compiled = Schema::compile(schema);
    ASSERT_FALSE(compiled) << schema;
    EXPECT_THAT(compiled.error(), ::testing::StartsWith(want)) << schema;
  }
}

TEST(SchemaCompile, ReferencesAreTakenWithinTheDocument) {
  for (const char* schema : {
           R"({"properties":{"a":{"$ref":"#"}}})",
           R"({"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"number"}}})",
           R"({"properties":{"a":{"$ref":"#/x/y/0"}},"x":{"y":[{"type":"number"}]}})",
           R"({"properties":{"a":{"$ref":"#n"}},"definitions":{"m":{"$id":"#n","type":"number"}}})",
           R"({"$id":"http://example.com/root.json","properties":{"a":{"$ref":"n.json"}},
               "definitions":{"m":{"$id":"n.json","type":"number"}}})",
           R"({"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/a%25b"}},
               "definitions":{"a%b":{"type":"number"}}})",
       }) {
    EXPECT_EQ(violations_of(schema, R"({"a":{}})").empty(), std::string(schema).find("number") == std::string::npos)
        << schema;
  }
}

TEST(SchemaCompile, TheSameTextIsCompiledOnceAndSharedByThreads) {
  const std::string text = R"({"properties":{"a":{"pattern":"^(a|b)*c$"}}})";
  const auto first = compiled(text);
  EXPECT_EQ(compiled(text), first);
  EXPECT_FALSE(compiled("{\"type\":1}")->has_value());
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        Work work;
        const auto schema = compiled(text);
        if (!schema->value()->check(json{{"a", "abbac"}}, work).empty()) ++wrong;
        if (schema->value()->check(json{{"a", "abba"}}, work).empty()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace vbrain::schema
