#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

// JSON Schema draft 7 (https://json-schema.org/draft-07/json-schema-validation), for schemas and values of others. No
// schema and no value makes it crash, recurse without end or work without limit, and nothing is fetched. What is not as
// in the standard, and why this is no library's work: docs/decisions/0040-typed-jobs.md.
namespace vbrain::schema {

inline constexpr std::size_t kSchemaLimit = 256U << 10;  // bytes of a schema
inline constexpr std::size_t kMostSubschemas = 10'000;   // of a schema
inline constexpr std::size_t kMostPatterns = 100;        // regular expressions of a schema
inline constexpr std::size_t kCheckedLimit = 4U << 20;   // bytes of a checked text
inline constexpr std::size_t kMostCheckedValues =
    200'000;                                         // values in a checked text: a tree of them takes about 20 MB
inline constexpr std::size_t kMostViolations = 100;  // that are listed

// One place where a value does not match.
struct Violation {
  std::string pointer;  // JSON Pointer (RFC 6901) to the value. Of a member that is missing: where it should be
  std::string message;  // "must be at most 31, is 40": words for people, without a full stop

  friend bool operator==(const Violation&, const Violation&) = default;
};

struct Violations {
  std::vector<Violation> list{};  // the first kMostViolations
  std::size_t more = 0;           // how many are not listed

  bool empty() const { return list.empty(); }
};

// "/a: must be a number, is a string; /b: is missing; and 3 more": at most `limit` bytes and some words, but one
// violation at least. Pure.
std::string in_words(const Violations& violations, std::size_t limit);

// What one or several checks may cost together. One step takes less than a microsecond. For one thread.
class Work {
 public:
  static constexpr std::uint64_t kLimit = 2'000'000;

  explicit Work(std::uint64_t steps = kLimit) : left_(steps) {}
  // Throws Exhausted, from then on every time.
  void take(std::uint64_t steps) {
    if (steps > left_) exhaust();
    left_ -= steps;
  }
  struct Exhausted {};
  bool is_exhausted() const { return left_ == 0; }
  std::uint64_t left() const { return left_; }

 private:
  [[noreturn]] void exhaust();
  std::uint64_t left_;
};

struct Document;

// A schema that can be used. Immutable, so it may be shared by threads.
class Schema {
 public:
  // The error says where in the schema the mistake is, and what to write instead.
  static Result<std::shared_ptr<const Schema>, std::string> compile(std::string_view text);

  // What is wrong with the value. That it takes too much work to know is a violation too.
  Violations check(const nlohmann::json& value, Work& work) const;

  // Checks a JSON text.
  Violations check_text(std::string_view text, Work& work) const;

  // Adds the defaults of the schema to the JSON text of an object, then checks it. Nothing else of the text changes. An
  // absent member gets the `default` of its schema in `properties`, at any depth: what `$ref`, `allOf` and `items` say
  // counts, what holds only in some cases (`anyOf`, `oneOf`, `if`, `not`, `dependencies`) does not. A default is taken
  // as it stands; none is added to it.
  Result<std::string, Violations> complete(std::string text, Work& work) const;

  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

 private:
  explicit Schema(std::unique_ptr<Document> document);
  std::unique_ptr<Document> document_;
};

// As Schema::compile(), but from memory if the same text was compiled lately. Thread-safe.
using Compiled = Result<std::shared_ptr<const Schema>, std::string>;
std::shared_ptr<const Compiled> compiled(const std::string& text);

}  // namespace vbrain::schema
