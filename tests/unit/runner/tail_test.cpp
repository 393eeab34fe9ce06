#include "runner/logs/tail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/archive/utf8.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;
using vbrain::testing::Sandbox;
using vbrain::testing::write_file;
using Kind = artifacts::Outcome::Kind;

TEST(Tail, KeepsTheLastBytes) {
  std::string all;
  Tail tail(10);
  EXPECT_EQ(tail.text(), "");
  for (const std::string piece : {"abc", "", "defg", "hijklm", "n", "opqrstuvwxyz0123456789", "A", "BC", "DEFGHIJ"}) {
    tail.add(piece);
    all += piece;
    EXPECT_EQ(tail.text(), all.substr(all.size() - std::min<std::size_t>(all.size(), 10)));
  }
}

TEST(Tail, IsCleaned) {
  struct Case {
    std::string text;
    std::string want;
  };
  const std::vector<Case> cases = {
      {"", ""},
      {"\n \n\r\n", ""},
      {"one\ntwo\n", "one | two"},
      {"one\r\n\r\n  two", "one | two"},
      {"\x1B[1;31mError\x1B[0m: \x1B[38;5;4mx\x1B[K\n", "Error: x"},
      {"\x1B]0;title\x07text \x1B]8;;http://x\x1B\\link\x1B]8;;\x1B\\\n", "text link"},
      {"\x1B(Btext\x1B=\x1B", "text"},
      {" 10%|#    |\r 50%|###  |\r100%|#####|\nValueError: x\n", "100%|#####| | ValueError: x"},
      {"bo\bolb\bd\n", "bold"},
      {"tab\there\x01\x7F\n", "tab here"},
      {"caf\xE9 \xC3\xA9\n", "caf\xEF\xBF\xBD \xC3\xA9"},
      {"\x1B]never ends\nnext\n", "never ends | next"},
  };
  for (const Case& c : cases) EXPECT_EQ(clean_tail(c.text, 100), c.want) << ::testing::PrintToString(c.text);
  EXPECT_EQ(clean_tail("first line\nsecond line\nthird\n", 20), "second line | third");
  EXPECT_EQ(clean_tail("0123456789", 5), "01234");
}

TEST(Tail, StandsInTheReportOfAFailure) {
  const Sandbox box;
  EXPECT_EQ(box.run_shell(R"(echo Traceback >&2; printf '\033[31mValueError: "x"\033[0m\n' >&2; exit 3)"), 3);
  EXPECT_EQ(box.reported().kind, Kind::kExit);
  EXPECT_EQ(box.reported().message, "stderr ends with: Traceback | ValueError: \"x\"");
  const Sandbox killed;
  EXPECT_EQ(killed.run_shell("echo last words >&2; kill -9 $$"), 137);
  EXPECT_EQ(killed.reported().message, "stderr ends with: last words");
  const Sandbox good;
  EXPECT_EQ(good.run_shell("echo warning >&2"), 0);
  EXPECT_EQ(good.reported().message, "");
}

TEST(Tail, ItsEndFitsTheReport) {
  for (const char* line : {R"(echo "$i \"quoted\" \\ \\ \\" >&2)", R"(printf "$i \377\377\377\377\n" >&2)",
                           R"(printf "$i plain words\n" >&2)"}) {
    const Sandbox box;
    EXPECT_EQ(box.run_shell(std::string("i=0; while [ $i -lt 500 ]; do ") + line +
                            "; i=$((i+1)); done; echo the cause >&2; exit 1"),
              1);
    EXPECT_LE(vbrain::testing::read_file(box.temp / "dev/termination-log").size(), artifacts::kOutcomeLimit);
    EXPECT_THAT(box.reported().message, StartsWith("stderr ends with: 4")) << line;
    EXPECT_THAT(box.reported().message, EndsWith(" | the cause")) << line;
    EXPECT_GT(box.reported().message.size(), 300U) << line;
  }
}

}  // namespace
}  // namespace vbrain::runner
