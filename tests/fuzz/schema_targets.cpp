#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json/json.hpp"
#include "fuzz/fuzz.hpp"
#include "schema/schema.hpp"
#include "schema/values/pattern.hpp"

namespace vbrain::fuzz {
namespace {

using nlohmann::json;
using schema::Schema;
using schema::Work;

void require_words(const schema::Violations& violations) {
  require(violations.list.size() <= schema::kMostViolations, "violations are limited");
  for (const schema::Violation& one : violations.list) {
    require(!one.message.empty() && one.message.size() < 2'000, "a message has words, and not too many");
    require(one.pointer.empty() || one.pointer.starts_with('/'), "a pointer begins with a slash");
  }
}

// A schema, a line break, and a value.
void run_schema(std::string_view input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(0, end);
  const std::string value(input.substr(std::min(end + 1, input.size())));
  const auto compiled = Schema::compile(text);
  if (!compiled) {
    require(!compiled.error().empty() && compiled.error().size() < 2'000, "a refusal has words, and not too many");
    return;
  }
  Work work;
  const schema::Violations violations = (*compiled)->check_text(value, work);
  require_words(violations);

  Work more;
  const auto completed = (*compiled)->complete(value, more);
  if (completed) {
    Work again;
    const auto twice = (*compiled)->complete(*completed, again);
    require(twice && *twice == *completed, "nothing is absent from what was completed");
    Work third;
    require((*compiled)->check_text(*completed, third).empty() || third.is_exhausted(), "what was completed matches");
  } else {
    require_words(completed.error());
  }

  // Whoever only wants to know whether a value matches is told the same.
  if (text.find("$") != std::string_view::npos || text.find("\\u") != std::string_view::npos) return;
  const auto opposite = Schema::compile(R"({"not":)" + std::string(text) + "}");
  if (!opposite || !base::parse_json(value, {.elements = schema::kMostCheckedValues})) return;
  Work silent;
  const bool differs = (*opposite)->check_text(value, silent).empty();
  if (work.is_exhausted() || silent.is_exhausted()) return;
  require(differs != violations.empty(), "with and without words the verdict is the same");
}

// An expression, a line break, and a text.
void run_pattern(std::string_view input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const auto pattern = schema::Pattern::compile(input.substr(0, end));
  if (!pattern) {
    require(!pattern.error().empty(), "a refusal has words");
    return;
  }
  static_cast<void>((*pattern)->matches(input.substr(std::min(end + 1, input.size()))));
}

}  // namespace

std::vector<Target> schema_targets() {
  return {
      {"schema",
       run_schema,
       {
           R"({"type":"object","required":["a"],"properties":{"a":{"type":"number","default":1}},"additionalProperties":false})"
           "\n"
           R"({"a":"x","b":1})",
           R"({"properties":{"o":{"properties":{"x":{"default":[1]}}},"l":{"items":{"properties":{"y":{"default":"é"}}}}}})"
           "\n"
           R"({ "o" : {}, "l":[{},1,{"y":2}] })",
           R"({"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"properties":{"c":{"$ref":"#"}}}}})"
           "\n"
           R"({"c":{"c":{"c":{}}}})",
           R"({"oneOf":[{"properties":{"k":{"const":"a"}}},{"properties":{"k":{"enum":["b",1.0]}}}],"not":{"type":"null"}})"
           "\n"
           R"({"k":"c"})",
           R"({"items":[{"minimum":1,"maximum":2.5,"multipleOf":0.1}],"additionalItems":{"format":"date"},"uniqueItems":true,"contains":{"pattern":"^a"}})"
           "\n"
           R"([1.2,"2026-11-29","abc",-1e300,9007199254740993])",
           R"({"if":{"minProperties":1},"then":{"propertyNames":{"maxLength":2}},"else":false,"patternProperties":{"^x":{"minLength":1}},"dependencies":{"a":["b"],"c":{"required":["d"]}}})"
           "\n"
           R"({"xyz":"","a":1,"c":2})",
           R"({"$id":"http://example.com/a","$ref":"b#/c","definitions":{"d":{"$id":"b","c":{"$id":"#n"}}}})"
           "\n1",
       },
       {"\"$ref\":\"#\"",
        "\"$ref\":\"#/definitions/a\"",
        "\"$id\":\"#a\"",
        "\"default\":",
        "\"properties\":{",
        "\"allOf\":[",
        "\"anyOf\":[",
        "\"oneOf\":[",
        "\"not\":",
        "\"if\":",
        "\"then\":",
        "\"else\":",
        "\"items\":",
        "\"enum\":[",
        "\"const\":",
        "\"type\":\"integer\"",
        "\"pattern\":\"(a*)*b\"",
        "\"required\":[",
        "\"dependencies\":{",
        "\"uniqueItems\":true",
        "\"multipleOf\":",
        "\"format\":\"date-time\"",
        "\"propertyNames\":",
        "\"additionalProperties\":",
        "\"contains\":",
        "{}",
        "true",
        "false",
        "null",
        "1e308",
        "-0.0",
        "0.1",
        "18446744073709551615",
        "-9223372036854775808",
        "~1",
        "~0",
        "%25",
        "\\u0000"}},
      {"pattern",
       run_pattern,
       {"^[a-z]+\\u00e9(?<n>x{1,3})$\naéx", "^(a+)+$\naaaaaaaaaaaaaaaaaaaaaaa!",
        "\\s[^\\s]\\S\\cA\\0\\ud83d\\ude00\n x", "[[:alpha:]]\\p{Greek}\\x41\nα"},
       {"(?:", "(?<", "(?=", "\\u", "\\p{", "[^", "{1000}", "\\d", "\\b", "*", "+?", "|", "\\1"}},
  };
}

}  // namespace vbrain::fuzz
