#include "runner/json_fault.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/files/safe_open.hpp"
#include "runner/seal/seal.hpp"
#include "unit/base/hostile_json.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using ::testing::HasSubstr;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

// The error of a result with this text; "taken" if it is taken.
std::string error_of(const std::string& text) {
  const TempDir work, attempt;
  write_file(work / "result.json", text);
  const auto sealed = seal_result(Dir::open(work.path()), Dir::open(attempt.path()), nullptr);
  return sealed ? "taken" : sealed.error();
}

TEST(JsonFault, NamesTheWordThePlaceAndTheRemedy) {
  struct Case {
    std::string text;
    std::string want;
  };
  const std::vector<Case> cases = {
      {"NaN", "it is not JSON: NaN at byte 1 (line 1, column 1); JSON has no NaN: write null or a string"},
      {"{\"rows\": [0, 1],\n \"score\": NaN}",
       "it is not JSON: NaN at byte 28 (line 2, column 11), JSON Pointer /score; JSON has no NaN: write null or a "
       "string"},
      {"[[1, -Infinity]]",
       "it is not JSON: -Infinity at byte 6 (line 1, column 6), JSON Pointer /0/1; JSON has no infinity: write null or "
       "a "
       "string"},
      {"[nan]",
       "it is not JSON: nan at byte 2 (line 1, column 2), JSON Pointer /0; JSON has no NaN: write null or a string"},
      {"{\"a\": inf}",
       "it is not JSON: inf at byte 7 (line 1, column 7), JSON Pointer /a; JSON has no infinity: write null or a "
       "string"},
      {"{\"ok\": True}",
       "it is not JSON: True at byte 8 (line 1, column 8), JSON Pointer /ok; write true in lower case"},
      {"{\"a\":{\"b/c~d \\\"e\":None}}",
       "it is not JSON: None at byte 19 (line 1, column 19), JSON Pointer /a/b~1c~0d \"e; write null"},
      {"{\"\xC3\xA3\": [{}, undefined]}",
       "it is not JSON: undefined at byte 13 (line 1, column 12), JSON Pointer /\xC3\xA3/1; write null"},
      {"[007]",
       "it is not JSON: 007 at byte 2 (line 1, column 2), JSON Pointer /1; JSON does not write numbers like this"},
      {"[1.]",
       "it is not JSON: 1. at byte 2 (line 1, column 2), JSON Pointer /0; JSON does not write numbers like this"},
      {"[+1]",
       "it is not JSON: +1 at byte 2 (line 1, column 2), JSON Pointer /0; JSON does not write numbers like this"},
      {"{a: 1}", "it is not JSON: a at byte 2 (line 1, column 2); texts need double quotes"},
      {"{'a': 1}", "it is not JSON: a single quote at byte 2 (line 1, column 2); texts need double quotes"},
      {"[1, 2,\n]",
       "it is not JSON: ']' after a comma at byte 8 (line 2, column 1), JSON Pointer /2; remove the comma"},
      {"[1 true]",
       "it is not JSON: true at byte 4 (line 1, column 4), JSON Pointer /1; a comma or a colon is missing before it"},
      {"[\"x\" null]",
       "it is not JSON: null at byte 6 (line 1, column 6), JSON Pointer /1; a comma or a colon is missing before it"},
      {"[1 2.5]",
       "it is not JSON: 2.5 at byte 4 (line 1, column 4), JSON Pointer /1; a comma or a colon is missing before it"},
      {"[1 \x01]",
       "it is not JSON: the control character 0x01 at byte 4 (line 1, column 4), JSON Pointer /1; remove it, or write "
       "it as an escape sequence in a string"},
      {"[\x7F]",
       "it is not JSON: the control character 0x7F at byte 2 (line 1, column 2), JSON Pointer /0; remove it, or write "
       "it as an escape sequence in a string"},
      {"[\xC2\x9B]",
       "it is not JSON: the control character 0x9B at byte 2 (line 1, column 2), JSON Pointer /0; remove it, or write "
       "it as an escape sequence in a string"},
      {"[1 // x\n]", "it is not JSON: '/' at byte 4 (line 1, column 4), JSON Pointer /1; JSON has no comments"},
      {"{\"a\": 1 \"b\": 2}",
       "it is not JSON: '\"' at byte 9 (line 1, column 9); a comma or a colon is missing before it"},
      {"{\"a\": 1}\n{\"a\": 2}\n",
       "it is not JSON: more text after the end of the value at byte 10 (line 2, column 1); the file must hold one "
       "value"},
      {"[\"a\nb\"]",
       "it is not JSON: a line break in a string at byte 4 (line 1, column 4), JSON Pointer /0; write it as an escape "
       "sequence"},
      {"[\"\\x41\"]",
       "it is not JSON: \\x at byte 3 (line 1, column 3), JSON Pointer /0; JSON has no such escape sequence"},
      {"[\"caf\xE9\"]",
       "it is not JSON: the byte 0xE9 (not UTF-8) at byte 6 (line 1, column 6), JSON Pointer /0; write UTF-8"},
      {std::string("\xFF\xFE{\0}\0", 6), "it is not JSON: UTF-16 at byte 1 (line 1, column 1); write UTF-8"},
      {std::string("{\0}\0", 4),
       "it is not JSON: a NUL byte at byte 2 (line 1, column 2); is it UTF-16 or binary? Write UTF-8"},
      {"\xEF\xBB\xBF\xEF\xBB\xBF{}",
       "it is not JSON: a byte order mark at byte 4 (line 1, column 2); only one is taken, at the beginning"},
      {"{\"a\": [1, ",
       "it is not JSON: it ends early at byte 11 (line 1, column 11), JSON Pointer /a/1; the text is not complete"},
      {"", "it is empty"},
      {"\xEF\xBB\xBF", "it is empty"},
      {"[1, 1e999]", "it is not JSON: number out of range at byte 5 (line 1, column 5), JSON Pointer /1"},
  };
  for (const Case& c : cases) EXPECT_EQ(error_of(c.text), c.want) << c.text;
}

TEST(JsonFault, IsFoundFarInTheFile) {
  std::string text = "{\"rows\": [";
  for (int i = 0; i < 90'000; ++i) text += std::to_string(i) + ", ";
  text += "1], \"score\": ";
  const std::string place = std::to_string(text.size() + 1);
  EXPECT_THAT(error_of(text + "NaN}"),
              HasSubstr("NaN at byte " + place + " (line 1, column " + place + "), JSON Pointer /score"));
}

TEST(JsonFault, LongPointersAreCut) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "{\"" + std::string(40, 'k') + std::to_string(i) + "\":";
  const std::string error = error_of(text + "NaN");
  EXPECT_THAT(error, HasSubstr("…/kkk"));
  EXPECT_THAT(error, HasSubstr("k59; JSON has no NaN"));
  EXPECT_LT(error.size(), 450U);
}

TEST(JsonFault, EveryHostileTextHasAPlace) {
  for (const auto& row : vbrain::testing::hostile_json()) {
    const std::string error = error_of(row.text);
    if (error == "taken" || error == "it is empty") continue;
    EXPECT_THAT(error, HasSubstr(" at byte ")) << row.name;
    EXPECT_LT(error.size(), 500U) << row.name;
  }
}

TEST(JsonFault, AByteOrderMarkIsTakenAndNotStored) {
  const TempDir work, attempt;
  write_file(work / "result.json", "\xEF\xBB\xBF{\"a\": 1}\n");
  const auto sealed = seal_result(Dir::open(work.path()), Dir::open(attempt.path()), nullptr);
  ASSERT_TRUE(sealed) << sealed.error();
  EXPECT_EQ(*sealed, 9U);
  EXPECT_EQ(read_file(attempt / "result.json"), "{\"a\": 1}\n");
}

}  // namespace
}  // namespace vbrain::runner
