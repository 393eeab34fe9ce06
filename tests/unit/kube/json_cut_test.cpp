#include "kube/api/json_cut.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "unit/base/hostile_json.hpp"

namespace vbrain::kube {
namespace {

std::vector<std::string> texts_of(const ListText& list) {
  std::vector<std::string> texts;
  std::string scratch;
  for (const ObjectText& item : list.items) texts.emplace_back(item.join(scratch));
  return texts;
}

std::vector<std::string> items_of(std::string_view list) {
  const auto cut = cut_list(list);
  EXPECT_TRUE(cut) << cut.error();
  return cut ? texts_of(*cut) : std::vector<std::string>{};
}

Result<EventText, std::string> cut(std::string_view line) {
  static std::string scratch;
  return cut_event(line, scratch);
}

// The object of a watch event and of a list, which must be the same.
std::string without_managed_fields(std::string_view object) {
  const std::string line = R"({"type":"ADDED","object":)" + std::string(object) + "}";
  const auto event = cut(line);
  if (!event) return std::string(object);
  const std::string list = R"({"metadata":{"resourceVersion":"7"},"items":[{},)" + std::string(object) + ",{}]}";
  EXPECT_EQ(items_of(list), (std::vector<std::string>{"{}", std::string(event->object), "{}"}));
  return std::string(event->object);
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
  const auto event = cut(R"({"type":"ADDED","object":{"kind":"A","x":"\"}"}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, "ADDED");
  EXPECT_EQ(event->object, R"({"kind":"A","x":"\"}"})");
  for (const char* line : {"", "{}", "nonsense", R"({"type":"ADDED"})", R"({"type":"ADDED","object":null})",
                           R"({"type":"ADDED","object":{)", R"({"object":{}})"}) {
    EXPECT_FALSE(cut(line)) << line;
  }
}

TEST(JsonCut, DropsManagedFieldsOfTheMetadataOnly) {
  const struct {
    const char* name;
    const char* object;
    const char* want;
  } cases[] = {
      {"in the middle", R"({"metadata":{"name":"a","managedFields":[{"f":{"x":"]"}}],"uid":"u"},"spec":1})",
       R"({"metadata":{"name":"a","uid":"u"},"spec":1})"},
      {"first", R"({"metadata":{"managedFields":[],"name":"a"}})", R"({"metadata":{"name":"a"}})"},
      {"last", R"({"metadata":{"name":"a","managedFields":[1,2]}})", R"({"metadata":{"name":"a"}})"},
      {"alone", R"({"metadata":{"managedFields":[1]},"x":2})", R"({"metadata":{},"x":2})"},
      {"absent", R"({"metadata":{"name":"a"}})", R"({"metadata":{"name":"a"}})"},
      {"a user's field of that name", R"({"spec":{"params":{"managedFields":[1]}},"metadata":{"name":"a"}})",
       R"({"spec":{"params":{"managedFields":[1]}},"metadata":{"name":"a"}})"},
      {"a text that looks so", R"({"metadata":{"name":"a","annotations":{"x":"\"managedFields\":[1],"}}})",
       R"({"metadata":{"name":"a","annotations":{"x":"\"managedFields\":[1],"}}})"},
      {"a label of that name", R"({"metadata":{"labels":{"managedFields":"x"},"name":"a"}})",
       R"({"metadata":{"labels":{"managedFields":"x"},"name":"a"}})"},
  };
  for (const auto& c : cases) {
    const std::string rest = without_managed_fields(c.object);
    EXPECT_EQ(rest, c.want) << c.name;
    EXPECT_TRUE(nlohmann::json::accept(rest)) << c.name;
  }
}

// Whatever comes, it is an error or the bytes that were sent.
TEST(JsonCut, HandlesHostileText) {
  for (const auto& row : vbrain::testing::hostile_json()) {
    const std::string text = R"({"metadata":{"resourceVersion":"7"},"items":[)" + row.text + "]}";
    const auto list = cut_list(text);
    const bool blank = row.text.find_first_not_of(" \n\t\r") == std::string::npos;
    const bool no_grammar = !row.lenient && !blank && row.name != "depth 1,001";
    if (no_grammar) {
      EXPECT_FALSE(list) << row.name;
    }
    if (row.strict) {
      EXPECT_TRUE(list && texts_of(*list) == std::vector{row.text}) << row.name;
    }
    EXPECT_FALSE(cut_list(row.text)) << row.name;
    EXPECT_FALSE(cut(row.text)) << row.name;
    const std::string line = R"({"type":"ADDED","object":{"x":)" + row.text + "}}";
    const auto event = cut(line);
    if (row.strict) {
      EXPECT_TRUE(event) << row.name;
    }
    if (event) {
      EXPECT_TRUE(event->object == "{\"x\":" + row.text + "}") << row.name;
    }
    const std::string object = "{\"metadata\":{\"managedFields\":" + row.text + "}}";
    const auto rest = without_managed_fields(object);
    EXPECT_TRUE(rest == (event ? std::string_view("{\"metadata\":{}}") : std::string_view(object))) << row.name;
  }
}

TEST(JsonCut, LeavesWhatItCannotReadToTheParser) {
  for (const char* text : {"", "{", R"({"metadata":{"managedFields":[)", "[1]", R"({"metadata":7})"}) {
    EXPECT_EQ(without_managed_fields(text), text);
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
