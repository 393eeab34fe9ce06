#include "base/json/yaml.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::base {
namespace {

using nlohmann::json;

TEST(Yaml, ReadsTheCoreSchema) {
  const auto value = parse_yaml("a: 1\nb: [1.5, true, null, ~, 'no', \"7\", 0x]\nc:\n  d: text\ne: -3\nf: 1e3\n");
  ASSERT_TRUE(value) << value.error();
  EXPECT_EQ(*value,
            json::parse(R"({"a":1,"b":[1.5,true,null,null,"no","7","0x"],"c":{"d":"text"},"e":-3,"f":1000.0})"));
}

TEST(Yaml, AnEmptyDocumentIsNull) {
  EXPECT_EQ(parse_yaml("").value(), json());
}

TEST(Yaml, RefusesAnAliasBomb) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char name = 'b'; name <= 'i'; ++name) {
    const std::string before = "*" + std::string(1, static_cast<char>(name - 1));
    bomb += std::string(1, name) + ": &" + name + " [";
    for (int i = 0; i < 9; ++i) bomb += before + (i == 8 ? "" : ",");
    bomb += "]\n";
  }
  const auto value = parse_yaml(bomb);
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().find("nodes"), std::string::npos);
}

TEST(Yaml, RefusesDeepNestingAndDoubledKeysAndSyntax) {
  EXPECT_FALSE(parse_yaml(std::string(80, '[') + std::string(80, ']')));
  EXPECT_FALSE(parse_yaml("a: 1\na: 2\n"));
  EXPECT_FALSE(parse_yaml("a: [1"));
}

}  // namespace
}  // namespace vbrain::base
