#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace vbrain::schema {

// A regular expression of a schema. RE2 matches it in a time that grows with the text only linearly, and without
// recursion. Therefore look-ahead, look-behind and back references are refused. Thread-safe.
class Pattern {
 public:
  static constexpr std::size_t kLongest = 1'000;      // bytes
  static constexpr int kLargestProgram = 10'000;      // instructions of RE2
  static constexpr std::int64_t kMemory = 1'048'576;  // bytes

  // The error is a sentence fragment: "uses look-ahead, …".
  static Result<std::unique_ptr<const Pattern>, std::string> compile(std::string_view text);
  ~Pattern();

  // Whether some part of the text matches.
  bool matches(std::string_view text) const;
  // What that costs at most, in steps of Work.
  std::uint64_t cost(std::size_t bytes) const;
  const std::string& text() const { return text_; }

 private:
  Pattern(std::string text, std::unique_ptr<re2::RE2> program);
  std::string text_;
  std::unique_ptr<re2::RE2> program_;
};

// The expression of ECMA-262 in the syntax of RE2, where they differ: \u, \c, \s, \0 and names of groups. The error is
// that of Pattern::compile(). Pure.
Result<std::string, std::string> to_re2(std::string_view text);

}  // namespace vbrain::schema
