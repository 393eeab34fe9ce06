#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.hpp"

// The one reader of JSON text (RFC 8259). It calls a handler for every token, builds no tree and uses no recursion.
// Everything in the project that reads JSON of others stands on it. RapidJSON does the parsing.
namespace vbrain::base {

struct JsonLimits {
  std::size_t depth = 64;            // nested arrays and objects
  std::size_t elements = 1'000'000;  // values in all, keys not counted
};

// Numbers of more characters are refused. It is more than the longest double needs when it is written in full.
inline constexpr std::size_t kJsonNumberLimit = 1100;

struct JsonOptions {
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  JsonLimits limits = {};
  // Refuses a key that occurs twice in one object, and NUL in a key. Needs memory for the keys of all open objects.
  bool strict_keys = true;
  // Skips a byte order mark (U+FEFF) at the beginning. Otherwise it is a syntax error.
  bool skip_byte_order_mark = false;
  // Takes an escaped surrogate without its other half, such as "\ud83d", which RFC 8259 allows and some programs write.
  // It has no UTF-8 form, so text_limit must be 0.
  bool lone_surrogates = false;
  // The handler gets at most so many bytes of a string or key; the token says how many there were. Must be kNoLimit
  // with strict_keys.
  std::size_t text_limit = kNoLimit;
  // The handler gets no text of strings and keys that are deeper (JsonToken::depth). Must be kNoLimit with strict_keys.
  std::size_t text_depth = kNoLimit;
  // JsonHandler::bytes gets the whole input.
  bool copy_all = false;
  // Bytes that one pread(2) asks for. Tests set it to see tokens that are split.
  std::size_t block = 64 * 1024;
};

struct JsonToken {
  enum class Kind { kNull, kFalse, kTrue, kNumber, kString, kKey, kBeginObject, kEndObject, kBeginArray, kEndArray };

  Kind kind;
  // How many arrays and objects are open around the token: 0 for the outermost value. The beginning and the end of an
  // array or object have the same depth, its members and elements one more.
  std::size_t depth;
  // The token's bytes are [begin, end) of the input; the quotes of a string belong to it.
  std::uint64_t begin;
  std::uint64_t end;
  // A number as it is written; a string or key without quotes, its escapes replaced. Valid during the call only.
  std::string_view text;
  // The length of a string or key before JsonOptions::text_limit cut it.
  std::uint64_t text_size;

  bool is_scalar() const { return kind <= Kind::kString; }
  bool is_begin() const { return kind == Kind::kBeginObject || kind == Kind::kBeginArray; }
  bool is_end() const { return kind == Kind::kEndObject || kind == Kind::kEndArray; }
  // The token completes a value of the given depth.
  bool ends_value(std::size_t at_depth) const { return depth == at_depth && (is_scalar() || is_end()); }
};

enum class JsonNext {
  kContinue,
  kStop,       // the reader returns at once, with JsonError::Kind::kStopped
  kBeginCopy,  // `bytes` gets what follows this token ...
  kEndCopy,    // ... up to the last byte of this token
};

class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  virtual JsonNext token(const JsonToken& token) = 0;
  // The input, unchanged, piece by piece, between kBeginCopy and kEndCopy. A member's value is copied by kBeginCopy at
  // its key and kEndCopy at the token that ends the value; then the colon and white space come first.
  virtual void bytes(std::string_view /*piece*/) {}
};

// For those who only want to know whether the text is right.
class IgnoreTokens : public JsonHandler {
 public:
  JsonNext token(const JsonToken&) override { return JsonNext::kContinue; }
};

struct JsonError {
  enum class Kind { kSyntax, kTooDeep, kTooManyValues, kBadNumber, kBadKey, kStopped };

  Kind kind;
  // A short sentence fit for the `detail` of an answer: nothing of the input but a byte position.
  std::string message;
  std::uint64_t offset;  // of the wrong byte; the number of bytes read if there is none
};

// Reads one JSON text. Refused beyond RFC 8259: what JsonOptions says, bytes that are no UTF-8, an escaped surrogate
// without its other half, numbers that do not fit a double (RapidJSON also refuses an exponent above 308 behind a zero,
// and integers of 309 digits within rounding of the largest double) or are longer than kJsonNumberLimit. The memory it
// takes is constant but for strict_keys and text_limit. Exceptions of the handler pass through.
Result<void, JsonError> read_json(std::string_view text, JsonHandler& handler, const JsonOptions& options = {});

// The same for a file, read by pread(2) from its first byte to its end, in constant memory. Throws std::system_error if
// the file cannot be read.
Result<void, JsonError> read_json(int fd, JsonHandler& handler, const JsonOptions& options = {});

}  // namespace vbrain::base
