#include "base/json/json_reader.hpp"

#include <rapidjson/reader.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>
#include <vector>

#include "base/files/io.hpp"

namespace vbrain::base {
namespace {

// The input as a RapidJSON stream. It is read "in situ", which means that the stream itself takes the characters of
// strings (Put): so a string of any length needs no memory that was not asked for.
class Stream {
 public:
  using Ch = char;

  Stream(std::string_view text, JsonHandler& handler, const JsonOptions& options)
      : handler_(handler),
        lone_surrogates_(options.lone_surrogates),
        text_limit_(options.text_limit),
        copying_(options.copy_all) {
    begin_ = at_ = text.data();
    end_ = begin_ + text.size();
    ended_ = true;
  }
  Stream(int fd, JsonHandler& handler, const JsonOptions& options)
      : handler_(handler),
        lone_surrogates_(options.lone_surrogates),
        text_limit_(options.text_limit),
        copying_(options.copy_all),
        fd_(fd),
        block_(options.block),
        buffer_(kKept + options.block) {
    begin_ = at_ = end_ = buffer_.data();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // RapidJSON takes NUL for the end of the text; the caller looks at at_end() afterwards.
  char Peek() {
    if (at_ == end_ && !refill()) return '\0';
    return escape_ == Escape::kCodePoint ? without_surrogate(*at_) : *at_;
  }
  char Take() {
    if (at_ == end_ && !refill()) return '\0';
    const char c = *at_++;
    if (lone_surrogates_ && (c == '\\' || escape_ != Escape::kNone)) follow_escape(c);
    return c;
  }
  std::size_t Tell() const { return offset_ + static_cast<std::size_t>(at_ - begin_); }

  char* PutBegin() {
    string_begin_ = Tell() - 1;
    text_.clear();
    text_size_ = 0;
    last_ = '\0';
    in_string_ = true;
    return &unused_;
  }
  void Put(char c) {
    if (text_size_++ < text_limit_) text_ += c;
    if (static_cast<unsigned char>(c) >= 0xA0 && static_cast<unsigned char>(last_) == 0xED) surrogate_ = true;
    last_ = c;
  }
  // RapidJSON puts a NUL behind the string. It makes no use of the length that it asks for.
  std::size_t PutEnd(char*) {
    if (text_size_-- <= text_limit_) text_.pop_back();
    in_string_ = false;
    return 1;
  }

  bool at_end() { return at_ == end_ && !refill(); }
  // RapidJSON 1.1 takes an escaped low surrogate that stands alone. In UTF-8 it begins with ED A0 or above, which no
  // valid character does.
  bool lone_surrogate() const { return surrogate_; }
  std::uint64_t string_begin() const { return string_begin_; }
  std::string_view text() const { return text_; }
  std::uint64_t text_size() const { return text_size_; }

  // The number that ends at the current position.
  std::string_view number(std::size_t size) {
    in_string_ = false;
    return {at_ - size, size};
  }

  void set_text_limit(std::size_t bytes) { text_limit_ = bytes; }

  void begin_copy(std::uint64_t from) {
    copying_ = true;
    copy_from_ = from;
  }
  void end_copy(std::uint64_t end) {
    if (copying_) copy_up_to(end);
    copying_ = false;
  }

 private:
  // What RapidJSON takes next of an escape sequence. Followed only to hide surrogates from it.
  enum class Escape { kNone, kLetter, kCodePoint };

  // RapidJSON refuses a high surrogate that stands alone. It sees \u0xxx instead of \uDxxx.
  static char without_surrogate(char first_digit) {
    return first_digit == 'd' || first_digit == 'D' ? '0' : first_digit;
  }
  void follow_escape(char c) {
    if (escape_ == Escape::kNone) {
      escape_ = Escape::kLetter;
    } else {
      escape_ = escape_ == Escape::kLetter && c == 'u' ? Escape::kCodePoint : Escape::kNone;
    }
  }

  // These bytes stay in the buffer when the next ones are read, so that a number is always whole.
  static constexpr std::size_t kKept = kJsonNumberLimit + 1;

  static bool is_part_of_number(char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
  }

  bool refill() {
    if (ended_) return false;
    if (copying_) copy_up_to(Tell());
    const std::size_t kept = std::min(kKept, static_cast<std::size_t>(end_ - begin_));
    // A number without an end would be counted through to the end of the file. The text ends here instead, and what
    // there is of the number is too long.
    ended_ = kept == kKept && !in_string_ && std::all_of(end_ - kept, end_, is_part_of_number);
    if (ended_) return false;
    offset_ = Tell() - kept;
    std::memmove(buffer_.data(), end_ - kept, kept);
    const ssize_t got = read_some_at(fd_, std::span(buffer_).subspan(kept, block_), offset_ + kept);
    if (got < 0) throw std::system_error(errno, std::generic_category(), "reading JSON");
    begin_ = buffer_.data();
    at_ = begin_ + kept;
    end_ = at_ + got;
    ended_ = got == 0;
    return got > 0;
  }

  void copy_up_to(std::uint64_t end) {
    if (end > copy_from_) handler_.bytes({begin_ + (copy_from_ - offset_), end - copy_from_});
    copy_from_ = end;
  }

  JsonHandler& handler_;
  const char* begin_;
  const char* at_;
  const char* end_;
  std::uint64_t offset_ = 0;  // of begin_ in the input
  bool ended_ = false;        // nothing comes behind end_

  bool lone_surrogates_;
  Escape escape_ = Escape::kNone;

  std::size_t text_limit_;
  std::string text_;
  std::uint64_t text_size_ = 0;
  std::uint64_t string_begin_ = 0;
  bool in_string_ = false;
  bool surrogate_ = false;
  char last_ = '\0';
  char unused_ = '\0';

  bool copying_;
  std::uint64_t copy_from_ = 0;

  int fd_ = -1;
  std::size_t block_ = 0;
  std::vector<char> buffer_;
};

// The keys of all open objects, in little memory: whoever wrote the text chooses how many there are.
class OpenKeys {
 public:
  void open() { objects_.push_back({keys_.size(), letters_.size()}); }
  void add(std::string_view name) {
    keys_.push_back({letters_.size(), name.size()});
    letters_ += name;
  }
  // False if a key of the innermost object occurred twice.
  bool close() {
    const auto [first_key, first_letter] = objects_.back();
    objects_.pop_back();
    const auto text = [this](const Key& key) { return std::string_view(letters_).substr(key.at, key.size); };
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first_key);
    std::ranges::sort(begin, keys_.end(), {}, text);
    if (std::ranges::adjacent_find(begin, keys_.end(), {}, text) != keys_.end()) return false;
    keys_.erase(begin, keys_.end());
    letters_.resize(first_letter);
    return true;
  }

 private:
  struct Key {
    std::size_t at;
    std::size_t size;
  };
  struct Open {
    std::size_t first_key;
    std::size_t first_letter;
  };
  std::string letters_;
  std::vector<Key> keys_;
  std::vector<Open> objects_;
};

bool fits_double(std::string_view number) {
  // Without an exponent RapidJSON has refused what is too large.
  if (number.find_first_of("eE") == std::string_view::npos) return true;
  char text[kJsonNumberLimit + 1];
  *std::copy(number.begin(), number.end(), text) = '\0';
  return std::isfinite(std::strtod(text, nullptr));
}

// RapidJSON's events, checked and passed on as tokens.
class Events : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Events> {
 public:
  using Kind = JsonToken::Kind;

  Events(Stream& stream, JsonHandler& handler, const JsonOptions& options)
      : stream_(stream), handler_(handler), options_(options) {}

  std::optional<JsonError>& error() { return error_; }

  bool Null() { return value(Kind::kNull, 4); }
  bool Bool(bool is) { return is ? value(Kind::kTrue, 4) : value(Kind::kFalse, 5); }
  bool RawNumber(const char*, rapidjson::SizeType size, bool) {
    if (size > kJsonNumberLimit) return refuse(JsonError::Kind::kBadNumber, "number too long");
    const std::string_view number = stream_.number(size);
    if (!fits_double(number)) return refuse(JsonError::Kind::kBadNumber, "number out of range");
    return value(Kind::kNumber, size, number);
  }
  bool String(const char*, rapidjson::SizeType, bool) {
    return string_is_good() && value(Kind::kString, stream_.Tell() - stream_.string_begin(), stream_.text());
  }
  bool Key(const char*, rapidjson::SizeType, bool) {
    if (!string_is_good()) return false;
    const std::string_view name = stream_.text();
    if (options_.strict_keys) {
      if (name.find('\0') != std::string_view::npos) return refuse(JsonError::Kind::kBadKey, "NUL in a key");
      keys_.add(name);
    }
    return emit(Kind::kKey, stream_.string_begin(), stream_.Tell(), name);
  }
  bool StartObject() {
    if (options_.strict_keys) keys_.open();
    return open(Kind::kBeginObject);
  }
  bool EndObject(rapidjson::SizeType) {
    if (options_.strict_keys && !keys_.close()) return refuse(JsonError::Kind::kBadKey, "duplicate key");
    return close(Kind::kEndObject);
  }
  bool StartArray() { return open(Kind::kBeginArray); }
  bool EndArray(rapidjson::SizeType) { return close(Kind::kEndArray); }

 private:
  bool refuse(JsonError::Kind kind, std::string message) {
    error_ = {kind, std::move(message), stream_.Tell()};
    return false;
  }
  bool string_is_good() {
    if (!stream_.lone_surrogate()) return true;
    return refuse(JsonError::Kind::kSyntax, "syntax error at byte " + std::to_string(stream_.Tell()));
  }
  bool count() {
    if (++elements_ <= options_.limits.elements) return true;
    return refuse(JsonError::Kind::kTooManyValues, "more than " + std::to_string(options_.limits.elements) + " values");
  }
  bool value(Kind kind, std::uint64_t size, std::string_view text = {}) {
    return count() && emit(kind, stream_.Tell() - size, stream_.Tell(), text);
  }
  // RapidJSON reports brackets before it takes them.
  bool open(Kind kind) {
    if (depth_ == options_.limits.depth) {
      return refuse(JsonError::Kind::kTooDeep, "nested deeper than " + std::to_string(options_.limits.depth));
    }
    if (!count() || !emit(kind, stream_.Tell(), stream_.Tell() + 1, {})) return false;
    set_depth(depth_ + 1);
    return true;
  }
  bool close(Kind kind) {
    set_depth(depth_ - 1);
    return emit(kind, stream_.Tell(), stream_.Tell() + 1, {});
  }
  void set_depth(std::size_t depth) {
    depth_ = depth;
    stream_.set_text_limit(depth <= options_.text_depth ? options_.text_limit : 0);
  }
  bool emit(Kind kind, std::uint64_t begin, std::uint64_t end, std::string_view text) {
    switch (handler_.token({kind, depth_, begin, end, text, stream_.text_size()})) {
      case JsonNext::kContinue:
        break;
      case JsonNext::kStop:
        return refuse(JsonError::Kind::kStopped, "stopped");
      case JsonNext::kBeginCopy:
        if (!options_.copy_all) stream_.begin_copy(end);
        break;
      case JsonNext::kEndCopy:
        if (!options_.copy_all) stream_.end_copy(end);
        break;
    }
    return true;
  }

  Stream& stream_;
  JsonHandler& handler_;
  const JsonOptions& options_;
  std::size_t depth_ = 0;
  std::size_t elements_ = 0;
  OpenKeys keys_;
  std::optional<JsonError> error_;
};

JsonError syntax_error(std::uint64_t offset) {
  return {JsonError::Kind::kSyntax, "syntax error at byte " + std::to_string(offset + 1), offset};
}

// False if the text begins with a part of the mark only.
bool skip_byte_order_mark(Stream& stream) {
  if (stream.Peek() != '\xEF') return true;
  for (const char c : {'\xEF', '\xBB', '\xBF'}) {
    if (stream.Peek() != c) return false;
    stream.Take();
  }
  return true;
}

Result<void, JsonError> run(Stream& stream, JsonHandler& handler, const JsonOptions& options) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag |
                              rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (options.skip_byte_order_mark && !skip_byte_order_mark(stream)) {
    return Unexpected<JsonError>(syntax_error(stream.Tell()));
  }
  Events events(stream, handler, options);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, events);
  if (events.error()) return Unexpected<JsonError>(std::move(*events.error()));
  if (result.Code() == rapidjson::kParseErrorNumberTooBig) {
    return Unexpected<JsonError>({JsonError::Kind::kBadNumber, "number out of range", result.Offset()});
  }
  if (result.IsError()) return Unexpected<JsonError>(syntax_error(result.Offset()));
  if (!stream.at_end()) return Unexpected<JsonError>(syntax_error(stream.Tell()));  // NUL
  stream.end_copy(stream.Tell());
  return {};
}

}  // namespace

Result<void, JsonError> read_json(std::string_view text, JsonHandler& handler, const JsonOptions& options) {
  Stream stream(text, handler, options);
  return run(stream, handler, options);
}

Result<void, JsonError> read_json(int fd, JsonHandler& handler, const JsonOptions& options) {
  Stream stream(fd, handler, options);
  return run(stream, handler, options);
}

}  // namespace vbrain::base
