// The reader that all others stand on: tokens, copies of the input, pieces, limits.
#include "base/json/json_reader.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <stdexcept>
#include <system_error>
#include <vector>

#include "base/files/fd.hpp"
#include "base/files/io.hpp"
#include "unit/base/hostile_json.hpp"

namespace vbrain::base {
namespace {

using Kind = JsonToken::Kind;

// Writes tokens down as text: kind, depth, the bytes they come from, their text.
class Recorder : public JsonHandler {
 public:
  explicit Recorder(std::string_view input) : input_(input) {}

  JsonNext token(const JsonToken& token) override {
    static constexpr std::string_view kNames[] = {"null", "false", "true", "number", "string",
                                                  "key",  "{",     "}",    "[",      "]"};
    record += std::string(kNames[static_cast<int>(token.kind)]) + "@" + std::to_string(token.depth) + "<" +
              std::string(input_.substr(token.begin, token.end - token.begin)) + ">" + std::string(token.text) + "\n";
    return JsonNext::kContinue;
  }

  std::string record;

 private:
  std::string_view input_;
};

Fd file(std::string_view text) {
  Fd fd(memfd_create("json", MFD_CLOEXEC));
  if (!write_full(fd.get(), text)) throw std::runtime_error("memfd");
  return fd;
}

TEST(JsonReader, ReportsEveryTokenWithItsPlace) {
  const std::string text = R"( {"a\n":[1.50,"x\u00e9",{}], "b":null,"c":[true,false,-2e3]} )";
  const std::string want =
      "{@0<{>\n"
      "key@1<\"a\\n\">a\n\n"
      "[@1<[>\n"
      "number@2<1.50>1.50\n"
      "string@2<\"x\\u00e9\">xé\n"
      "{@2<{>\n"
      "}@2<}>\n"
      "]@1<]>\n"
      "key@1<\"b\">b\n"
      "null@1<null>\n"
      "key@1<\"c\">c\n"
      "[@1<[>\n"
      "true@2<true>\n"
      "false@2<false>\n"
      "number@2<-2e3>-2e3\n"
      "]@1<]>\n"
      "}@0<}>\n";
  Recorder whole(text);
  ASSERT_TRUE(read_json(text, whole));
  EXPECT_EQ(whole.record, want);
  for (const std::size_t block : {1U, 2U, 3U, 7U, 4096U}) {
    Recorder pieces(text);
    ASSERT_TRUE(read_json(file(text).get(), pieces, {.block = block}));
    EXPECT_EQ(pieces.record, want) << block;
  }
}

TEST(JsonReader, OutermostValuesMayBeScalars) {
  for (const std::string_view text : {"1", "\"x\"", "null", " true "}) {
    Recorder record(text);
    EXPECT_TRUE(read_json(text, record)) << text;
    EXPECT_TRUE(read_json(file(text).get(), record, {.block = 1})) << text;
  }
}

// Copies the value of one member of the outermost object.
class Copy : public JsonHandler {
 public:
  explicit Copy(std::string name) : name_(std::move(name)) {}

  JsonNext token(const JsonToken& token) override {
    if (token.depth == 1 && token.kind == Kind::kKey && token.text == name_) {
      wanted_ = true;
      return JsonNext::kBeginCopy;
    }
    return std::exchange(wanted_, wanted_ && !token.ends_value(1)) && token.ends_value(1) ? JsonNext::kEndCopy
                                                                                          : JsonNext::kContinue;
  }
  void bytes(std::string_view piece) override {
    copied += piece;
    largest = std::max(largest, piece.size());
  }

  std::string copied;
  std::size_t largest = 0;

 private:
  std::string name_;
  bool wanted_ = false;
};

TEST(JsonReader, CopiesTheBytesOfAValueUnchanged) {
  const struct {
    std::string value;
  } cases[] = {
      {R"({"a": 1.10 , "params":{"b":[12345678901234567890123]}})"}, {"1.10"}, {R"("}\"")"}, {"null"}, {"[ ]"}};
  for (const auto& c : cases) {
    const std::string text = R"({"x":{"params":1}, "params" : )" + c.value + R"( ,"y":[2]})";
    Copy whole("params");
    ASSERT_TRUE(read_json(text, whole));
    EXPECT_EQ(whole.copied, " : " + c.value);
    for (const std::size_t block : {1U, 2U, 5U, 64U}) {
      Copy pieces("params");
      ASSERT_TRUE(read_json(file(text).get(), pieces, {.block = block}));
      EXPECT_EQ(pieces.copied, " : " + c.value) << block;
    }
  }
}

TEST(JsonReader, CopiesTheWholeInput) {
  class All : public Copy {
   public:
    All() : Copy("") {}
    JsonNext token(const JsonToken&) override { return JsonNext::kContinue; }
  };
  const std::string text = " \n{\"a\":[1, 2]} \n";
  for (const std::size_t block : {1U, 4U, 4096U}) {
    All all;
    ASSERT_TRUE(read_json(file(text).get(), all, {.copy_all = true, .block = block}));
    EXPECT_EQ(all.copied, text) << block;
  }
  All all;
  ASSERT_TRUE(read_json(text, all, {.copy_all = true}));
  EXPECT_EQ(all.copied, text);
}

TEST(JsonReader, TakesConstantMemory) {
  class Largest : public JsonHandler {
   public:
    JsonNext token(const JsonToken& token) override {
      largest = std::max(largest, token.text.size());
      size = std::max(size, token.text_size);
      return JsonNext::kContinue;
    }
    std::size_t largest = 0;
    std::uint64_t size = 0;
  };
  const std::string text = "[\"" + std::string(300'000, 'x') + "\\n\"]";
  Largest seen;
  ASSERT_TRUE(read_json(file(text).get(), seen, {.strict_keys = false, .text_limit = 10, .block = 4096}));
  EXPECT_EQ(seen.largest, 10U);
  EXPECT_EQ(seen.size, 300'001U);
}

TEST(JsonReader, LeavesOutTheTextsBelowADepth) {
  const std::string text = R"({"a":{"b":"x"},"c":"y"})";
  Recorder record(text);
  ASSERT_TRUE(read_json(text, record, {.strict_keys = false, .text_depth = 1}));
  EXPECT_EQ(record.record,
            "{@0<{>\nkey@1<\"a\">a\n{@1<{>\nkey@2<\"b\">\nstring@2<\"x\">\n}@1<}>\nkey@1<\"c\">c\nstring@1<\"y\">y\n}@"
            "0<}>\n");
}

TEST(JsonReader, StopsWhereTheHandlerSays) {
  class Stop : public JsonHandler {
   public:
    JsonNext token(const JsonToken&) override { return ++tokens == 2 ? JsonNext::kStop : JsonNext::kContinue; }
    int tokens = 0;
  };
  Stop stop;
  const auto result = read_json("[1,2,3", stop);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, JsonError::Kind::kStopped);
  EXPECT_EQ(stop.tokens, 2);
}

TEST(JsonReader, SaysWhatIsWrongAndWhere) {
  using Problem = JsonError::Kind;
  const struct {
    std::string text;
    Problem kind;
    std::uint64_t offset;
  } cases[] = {
      {"", Problem::kSyntax, 0},
      {"[1 2]", Problem::kSyntax, 3},
      {"{} x", Problem::kSyntax, 3},
      {"[1e400]", Problem::kBadNumber, 1},
      {"[[[[1]]]]", Problem::kTooDeep, 3},
      {"[1,1,1,1,1,1]", Problem::kTooManyValues, 10},
      {R"({"a":1,"a":1})", Problem::kBadKey, 12},
  };
  const JsonOptions options{.limits = {.depth = 3, .elements = 5}};
  for (const auto& c : cases) {
    Recorder record(c.text);
    const auto result = read_json(c.text, record, options);
    ASSERT_FALSE(result) << c.text;
    EXPECT_EQ(result.error().kind, c.kind) << c.text;
    EXPECT_EQ(result.error().offset, c.offset) << c.text;
  }
}

TEST(JsonReader, PiecesChangeNoVerdict) {
  for (const auto& row : vbrain::testing::hostile_json()) {
    const Fd whole = file(row.text);
    for (const std::size_t block : {std::size_t{1}, std::size_t{3}, std::size_t{64} << 10}) {
      if (block < 4 && row.text.size() > 100'000) continue;  // a system call for each byte takes seconds
      IgnoreTokens ignore;
      EXPECT_EQ(read_json(whole.get(), ignore, {.block = block}).has_value(), row.strict) << row.name << ", " << block;
      const JsonOptions lenient{.limits = {.depth = 1'000, .elements = JsonOptions::kNoLimit},
                                .strict_keys = false,
                                .lone_surrogates = true,
                                .text_limit = 0,
                                .block = block};
      EXPECT_EQ(read_json(whole.get(), ignore, lenient).has_value(), row.lenient) << row.name << ", " << block;
      EXPECT_EQ(read_json(row.text, ignore, lenient).has_value(), row.lenient) << row.name;
    }
  }
}

TEST(JsonReader, NumbersWithoutEndAreNotReadToTheEnd) {
  // Wherever the number begins in a block.
  for (std::size_t before = 0; before < 3; ++before) {
    const std::string text = std::string(before, ' ') + "0." + std::string(1'000'000, '0') + "1";
    Recorder record(text);
    const auto result = read_json(file(text).get(), record, {.block = 512});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, JsonError::Kind::kBadNumber);
    EXPECT_LT(result.error().offset, 4'000U);
  }
}

TEST(JsonReader, ThrowsErrorsOfReading) {
  Recorder record("");
  EXPECT_THROW(static_cast<void>(read_json(-1, record)), std::system_error);
}

}  // namespace
}  // namespace vbrain::base
