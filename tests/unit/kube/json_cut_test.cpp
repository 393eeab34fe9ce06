#include "kube/api/json_cut.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "unit/base/hostile_json.hpp"

namespace vbrain::kube {
namespace {

std::vector<std::string> items_of(std::string_view list) {
  const auto cut = cut_list(list);
  EXPECT_TRUE(cut) << cut.error();
  return cut ? std::vector<std::string>(cut->items.begin(), cut->items.end()) : std::vector<std::string>{};
}

TEST(JsonCut, FindsItemsWithAnyContent) {
  const struct {
    const char* name;
    const char* list;
    std::vector<std::string> want;
  } cases[] = {
      {"none", R"({"metadata":{"resourceVersion":"7"},"items":[]})", {}},
      {"null", R"({"metadata":{"resourceVersion":"7"},"items":null})", {}},
      {"one", R"({"metadata":{"resourceVersion":"7"},"items":[{"a":1}]})", {R"({"a":1})"}},
      {"metadata last",
       R"({"items":[{"a":1},{"b":[2,{}]}],"metadata":{"resourceVersion":"7"}})",
       {R"({"a":1})", R"({"b":[2,{}]})"}},
      {"brackets and quotes in texts",
       R"({"items":[{"a":"}]\"\\"},{"b":"{["}],"metadata":{"resourceVersion":"7"}})",
       {R"({"a":"}]\"\\"})", R"({"b":"{["})"}},
      {"white space",
       "{ \"items\" : [ {\"a\":1} , {\"b\":2} ] , \"metadata\" : {\"resourceVersion\":\"7\"} }\n",
       {R"({"a":1})", R"({"b":2})"}},
  };
  for (const auto& c : cases) EXPECT_EQ(items_of(c.list), c.want) << c.name;
}

TEST(JsonCut, ReadsTheListsVersionAndContinueToken) {
  const auto list = cut_list(R"({"items":[],"metadata":{"continue":"abc","resourceVersion":"42","x":{}}})");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->meta.resource_version, "42");
  EXPECT_EQ(list->meta.continue_token, "abc");
}

TEST(JsonCut, RefusesTextThatIsNotAList) {
  for (const char* text : {"", "null", "[]", "{", "{}", R"({"items":[]})", R"({"metadata":{"resourceVersion":"7"}})",
                           R"({"items":[{"a":1],"metadata":{}})", R"({"items":[{"a":"x)", R"({"items":3})",
                           R"({"items":[],"metadata":{"resourceVersion":7}})"}) {
    EXPECT_FALSE(cut_list(text)) << text;
  }
}

TEST(JsonCut, TakesAnEventApart) {
  const auto event = cut_event(R"({"type":"ADDED","object":{"kind":"A","x":"\"}"}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, "ADDED");
  EXPECT_EQ(event->object, R"({"kind":"A","x":"\"}"})");
  for (const char* line : {"", "{}", "nonsense", R"({"type":"ADDED"})", R"({"type":"ADDED","object":null})",
                           R"({"type":"ADDED","object":{)", R"({"object":{}})"}) {
    EXPECT_FALSE(cut_event(line)) << line;
  }
}

// Whatever comes, it is an error or the bytes that were sent.
TEST(JsonCut, HandlesHostileText) {
  // The limits for clients do not hold here.
  const std::set<std::string> beyond_limits{"depth 1,001", "1,101 digits", "a million digits"};
  for (const auto& row : vbrain::testing::hostile_json()) {
    const std::string object = "{\"x\":" + row.text + "}";
    const std::string list_text = R"({"metadata":{"resourceVersion":"7"},"items":[)" + object + "]}";
    const std::string event_text = R"({"type":"ADDED","object":)" + object + "}";
    const auto list = cut_list(list_text);
    const auto event = cut_event(event_text);
    if (row.strict) {
      EXPECT_TRUE(list && event) << row.name;
    }
    if (list && row.strict) {
      EXPECT_TRUE(list->items.size() == 1 && list->items[0] == object) << row.name;
    }
    if (event && row.strict) {
      EXPECT_TRUE(event->object == object) << row.name;
    }
    EXPECT_FALSE(cut_list(row.text)) << row.name;
    EXPECT_FALSE(cut_event(row.text)) << row.name;
    const auto read = parse_object(object, "");
    const bool no_json = !row.lenient && !beyond_limits.contains(row.name);
    EXPECT_TRUE(read ? !no_json : !row.strict) << row.name;
    if (!read) continue;
    EXPECT_NO_THROW(static_cast<void>(read->dump())) << row.name;
    const auto reference = nlohmann::json::parse(object, nullptr, false);
    if (!reference.is_discarded()) {
      EXPECT_TRUE(*read == reference) << row.name;
    }
  }
}

TEST(JsonCut, TakesWhatTheFastReaderDoesNot) {
  std::string deep = "1";
  for (int depth = 0; depth < 5'000; ++depth) deep = "[" + deep + "]";
  const struct {
    const char* name;
    std::string value;
  } cases[] = {
      {"depth", deep},
      {"a number of 30 digits", "123456789012345678901234567890"},
      {"a negative number of 30 digits", "-123456789012345678901234567890"},
      {"longer than what a thread keeps", "\"" + std::string(100'000, 'x') + "\""},
      {"the limits of 64 bits", "[18446744073709551615,-9223372036854775808,9223372036854775807,-0]"},
  };
  for (const auto& c : cases) {
    const std::string object = R"({"metadata":{"managedFields":)" + c.value + R"(},"x":)" + c.value + "}";
    const std::string list = R"({"items":[)" + object + "," + object + R"(],"metadata":{"resourceVersion":"7"}})";
    EXPECT_TRUE(items_of(list) == (std::vector<std::string>{object, object})) << c.name;
    const auto read = parse_object(object, "");
    ASSERT_TRUE(read) << c.name;
    EXPECT_TRUE(*read == nlohmann::json::parse(R"({"metadata":{},"x":)" + c.value + "}")) << c.name;
  }
}

TEST(JsonCut, ObjectsAreReadWithoutWhatNobodyReads) {
  const struct {
    const char* name;
    const char* text;
    const char* spec_member;
    const char* want;
  } cases[] = {
      {"all kinds of values", R"({"a":[1,-2,0.5,true,null,"\u00e9"],"b":{}})", "",
       R"({"a":[1,-2,0.5,true,null,"é"],"b":{}})"},
      {"managed fields", R"({"metadata":{"managedFields":[{"fieldsV1":{"f:a":{}}}],"name":"a"},"x":1})", "",
       R"({"metadata":{"name":"a"},"x":1})"},
      {"the last member", R"({"metadata":{"name":"a","managedFields":null}})", "", R"({"metadata":{"name":"a"}})"},
      {"that name elsewhere",
       R"({"managedFields":1,"status":{"managedFields":2},"metadata":{"x":{"managedFields":3}}})", "",
       R"({"managedFields":1,"status":{"managedFields":2},"metadata":{"x":{"managedFields":3}}})"},
      {"the whole spec", R"({"spec":{"a":{"b":1},"nodeName":"n"}})", "", R"({"spec":{"a":{"b":1},"nodeName":"n"}})"},
      {"one member of the spec", R"({"spec":{"a":{"nodeName":1},"b":[{},[]],"nodeName":"n","c":2},"status":{"a":3}})",
       "nodeName", R"({"spec":{"nodeName":"n"},"status":{"a":3}})"},
      {"a spec that is no object", R"({"spec":[{"a":1}],"metadata":"x"})", "nodeName",
       R"({"spec":[{"a":1}],"metadata":"x"})"},
      {"the last of two equal names", R"({"a":1,"a":2})", "", R"({"a":2})"},
      {"no object", "[1]", "nodeName", "[1]"},
  };
  for (const auto& c : cases) {
    const auto object = parse_object(c.text, c.spec_member);
    ASSERT_TRUE(object) << c.name;
    EXPECT_EQ(*object, nlohmann::json::parse(c.want)) << c.name;
  }
  for (const char* text : {"", "{", R"({"a":1)", R"({"spec":{"a":[}})", "{} {}"}) {
    EXPECT_FALSE(parse_object(text, "nodeName")) << text;
  }
}

}  // namespace
}  // namespace vbrain::kube
