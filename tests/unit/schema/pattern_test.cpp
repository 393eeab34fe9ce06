// Regular expressions of ECMA-262 for RE2.
#include <gtest/gtest.h>

#include "schema/values/pattern.hpp"

namespace vbrain::schema {
namespace {

TEST(Pattern, MeansWhatEcma262Says) {
  const struct {
    std::string pattern;
    std::string text;
    bool want;
  } cases[] = {
      {"es", "expression", true},
      {"^\\u00e9$", "é", true},
      {"^\\ud83d\\ude00$", "😀", true},
      {"^\\u{1F600}$", "😀", true},
      {"^\\cC$", "\x03", true},
      {"^\\s$", "\u00a0", true},
      {"^[\\s]$", "\v", true},
      {"^\\S$", "\u2003", false},
      {"^\\0$", std::string(1, '\0'), true},
      {"^(?<year>[0-9]{4})$", "2026", true},
      {"^\\d+\\.\\d*[-/]\\w$", "1.5/x", true},
      {"^\\d$", "٣", false},
      {"a$", "a\n", false},
      {"^[a[:]$", ":", true},
  };
  for (const auto& c : cases) {
    const auto pattern = Pattern::compile(c.pattern);
    ASSERT_TRUE(pattern) << c.pattern << ": " << pattern.error();
    EXPECT_EQ((*pattern)->matches(c.text), c.want) << c.pattern;
  }
}

TEST(Pattern, RefusesWhatTakesUnlimitedTimeOrMeansSomethingElse) {
  for (const char* pattern : {"(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1", "(?<n>a)\\k<n>", "\\Z", "\\A", "\\Qa\\E",
                              "\\ud83d", "\\u{110000}", "\\u12", "a**", "[", "[]a]", "[^]", "\\"}) {
    EXPECT_FALSE(Pattern::compile(pattern)) << pattern;
  }
}

}  // namespace
}  // namespace vbrain::schema
