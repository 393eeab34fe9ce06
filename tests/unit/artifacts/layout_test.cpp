#include "artifacts/store/layout.hpp"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <vector>

#include "support/cpp/decode_component.hpp"

namespace vbrain::artifacts {
namespace {

using vbrain::testing::decode_component;

struct NameCase {
  std::string name;
  std::string want_component;
};

TEST(Layout, EncodesNames) {
  const std::vector<NameCase> cases = {
      {"acme", "acme"},
      {"Acme-2_x", "Acme-2_x"},
      {"v1.2", "v1.2"},
      {".", "%2E"},
      {"..", "%2E."},
      {".staging", "%2Estaging"},
      {"a/b", "a%2Fb"},
      {"../../etc", "%2E.%2F..%2Fetc"},
      {"100%", "100%25"},
      {"~", "%7E"},
      {" ", "%20"},
      {"Operações", "Opera%C3%A7%C3%B5es"},
      {"日本", "%E6%97%A5%E6%9C%AC"},
      {"a\\b:c", "a%5Cb%3Ac"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(encode_component(c.name), c.want_component) << c.name;
    EXPECT_EQ(decode_component(c.want_component), c.name);
  }
}

TEST(Layout, RefusesInvalidNames) {
  const std::vector<std::string> cases = {
      "",
      std::string("a\0b", 3),
      "a\nb",
      "a\x7f",
      "\xc2\x85",
      "\xff",
      "\xc0\xaf",
      "\xed\xa0\x80",
      std::string(256, 'a'),
  };
  for (const auto& name : cases) {
    EXPECT_FALSE(is_name(name)) << name;
    EXPECT_THROW(encode_component(name), std::invalid_argument) << name;
  }
}

TEST(Layout, LongNamesFitAndStayDifferent) {
  // 85 times three bytes: an encoding of 765 bytes.
  std::string accents;
  for (int i = 0; i < 85; ++i) accents += "日";
  ASSERT_EQ(accents.size(), 255U);
  std::string other = accents;
  other.replace(other.size() - 3, 3, "本");
  const std::string a = encode_component(accents);
  const std::string b = encode_component(other);
  EXPECT_LE(a.size(), 255U);
  EXPECT_NE(a, b);
  EXPECT_EQ(decode_component(a), std::nullopt);
  // The truncated form, used as a name, has another encoding.
  EXPECT_NE(encode_component(a), a);
  EXPECT_EQ(encode_component(std::string(255, 'x')), std::string(255, 'x'));
}

TEST(Layout, NoTwoNamesShareAComponent) {
  std::set<std::string> components;
  std::size_t names = 0;
  const std::string alphabet = "aA.%~/2E \\";
  for (const char a : alphabet) {
    for (const char b : alphabet) {
      for (const char c : alphabet) {
        for (const std::string& name : {std::string{a}, std::string{a, b}, std::string{a, b, c}}) {
          const std::string component = encode_component(name);
          EXPECT_EQ(decode_component(component), name);
          EXPECT_EQ(component.find('/'), std::string::npos);
          EXPECT_NE(component[0], '.');
          components.insert(component);
        }
        ++names;
      }
    }
  }
  EXPECT_EQ(components.size(), alphabet.size() + alphabet.size() * alphabet.size() + names);
}

TEST(Layout, DecodesOnlyTheSpellingOfEncode) {
  for (const char* text : {"%41", "%2e", "a%", "a%2", "%zz", ".a", "a~b", "a b", "", "a/b", "%00"}) {
    EXPECT_EQ(decode_component(text), std::nullopt) << text;
  }
}

TEST(Layout, Paths) {
  const Tenant t{"acme", "A/B", "north"};
  const std::string id = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
  const std::string repository = "202009231629398695";
  EXPECT_EQ(layout::tenant(t), "tenants/acme/A%2FB/north");
  EXPECT_EQ(layout::marker(t, repository, id), "tenants/acme/A%2FB/north/repositories/202009231629398695/jobs/" + id);
  EXPECT_EQ(layout::attempt(t, id, 2), "tenants/acme/A%2FB/north/jobs/" + id + "/attempts/2");
  EXPECT_EQ(layout::staging(t), "tenants/acme/A%2FB/north/.staging");
  EXPECT_EQ(layout::bin("0.1.0"), "bin/0.1.0");
}

TEST(Layout, PathsTakeNoUncheckedText) {
  const Tenant t{"acme", "Tutorial", "north"};
  for (const char* id : {"", "..", "a/b", "A", "a.b", "%2e", "é"}) {
    EXPECT_THROW(layout::job(t, id), std::invalid_argument) << id;
  }
  for (const char* id : {"", "..", "20200923162939869", "2020092316293986955", "20200923162939869x"}) {
    EXPECT_THROW(layout::repository(t, id), std::invalid_argument) << id;
  }
  for (const char* version : {"", "..", ".x", "a/b"}) EXPECT_THROW(layout::bin(version), std::invalid_argument);
  EXPECT_THROW(layout::attempt(t, "a", 0), std::invalid_argument);
  EXPECT_THROW(layout::tenant({"acme", "", "north"}), std::invalid_argument);
}

}  // namespace
}  // namespace vbrain::artifacts
