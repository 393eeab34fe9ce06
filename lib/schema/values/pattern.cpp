#include "schema/values/pattern.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>

namespace vbrain::schema {
namespace {

// White space and line ends of ECMA-262, within a class.
constexpr std::string_view kSpace =
    R"(\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";

std::optional<unsigned> hex_value(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                                  : 16;
    if (digit == 16) return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

std::string code_point(unsigned value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\\x{";
  for (int shift = 20; shift >= 0; shift -= 4) text += kDigits[(value >> shift) & 15U];
  return text + "}";
}

class Translation {
 public:
  explicit Translation(std::string_view text) : rest_(text) {}

  Result<std::string, std::string> run() {
    while (!rest_.empty() && error_.empty()) step();
    if (!error_.empty()) return Unexpected<std::string>(error_);
    return std::move(out_);
  }

 private:
  void step() {
    if (rest_.starts_with('\\')) return escape();
    if (in_class_) {
      if (rest_[0] == ']') in_class_ = false;
      // For RE2 "[:" begins the name of a class of POSIX.
      if (rest_.starts_with("[:")) out_ += '\\';
      return take(1);
    }
    if (rest_.starts_with("[]") || rest_.starts_with("[^]")) {
      error_ = "has an empty class []";
      return;
    }
    if (rest_[0] == '[') in_class_ = true;
    for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"}) {
      if (rest_.starts_with(look)) error_ = "uses look-ahead or look-behind, which takes unlimited time";
    }
    if (!error_.empty()) return;
    if (rest_.starts_with("(?<")) {
      out_ += "(?P<";
      rest_.remove_prefix(3);
      return;
    }
    take(1);
  }

  void take(std::size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(std::min(bytes, rest_.size()));
  }

  void escape() {
    const char c = rest_.size() > 1 ? rest_[1] : '\0';
    if (c == 'u') return unicode();
    if (c == 'c' && rest_.size() > 2) {
      out_ += code_point(static_cast<unsigned char>(rest_[2]) & 31U);
      rest_.remove_prefix(3);
      return;
    }
    if (c == 's' || (c == 'S' && !in_class_)) {
      out_ += in_class_ ? "" : c == 's' ? "[" : "[^";
      out_ += kSpace;
      out_ += in_class_ ? "" : "]";
      rest_.remove_prefix(2);
      return;
    }
    if (c == '0') {
      out_ += code_point(0);
      rest_.remove_prefix(2);
      return;
    }
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter && std::string_view("dDwWbBSfnrtvxpP").find(c) == std::string_view::npos) {
      error_ =
          c == 'k' ? "uses a back reference, which takes unlimited time" : std::string("has the unknown escape \\") + c;
      return;
    }
    if (c >= '1' && c <= '9') {
      error_ = "uses a back reference, which takes unlimited time";
      return;
    }
    take(2);
  }

  void unicode() {
    rest_.remove_prefix(2);
    std::optional<unsigned> value;
    if (rest_.starts_with('{')) {
      const std::size_t end = std::min(rest_.find('}'), rest_.size());
      if (end > 1 && end <= 7) value = hex_value(rest_.substr(1, end - 1));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    } else if (rest_.size() >= 4) {
      value = hex_value(rest_.substr(0, 4));
      rest_.remove_prefix(4);
      // The two halves of a code point beyond U+FFFF.
      if (value && *value >= 0xD800 && *value < 0xDC00 && rest_.size() >= 6 && rest_.starts_with("\\u")) {
        const auto low = hex_value(rest_.substr(2, 4));
        if (low && *low >= 0xDC00 && *low < 0xE000) {
          value = 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00);
          rest_.remove_prefix(6);
        }
      }
    }
    if (!value || *value > 0x10FFFF || (*value >= 0xD800 && *value < 0xE000)) {
      error_ = "has a \\u that is no code point";
      return;
    }
    out_ += code_point(*value);
  }

  std::string_view rest_;
  std::string out_;
  std::string error_;
  bool in_class_ = false;
};

}  // namespace

Result<std::string, std::string> to_re2(std::string_view text) {
  return Translation(text).run();
}

Pattern::Pattern(std::string text, std::unique_ptr<re2::RE2> program)
    : text_(std::move(text)), program_(std::move(program)) {}

Pattern::~Pattern() = default;

Result<std::unique_ptr<const Pattern>, std::string> Pattern::compile(std::string_view text) {
  if (text.size() > kLongest) {
    return Unexpected<std::string>("has more than " + std::to_string(kLongest) + " bytes");
  }
  const auto translated = to_re2(text);
  if (!translated) return Unexpected<std::string>(translated.error());
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMemory);
  auto program = std::make_unique<re2::RE2>(*translated, options);
  if (!program->ok()) {
    const bool large = program->error_code() == re2::RE2::ErrorPatternTooLarge;
    return Unexpected<std::string>(large ? "is too large" : "is not valid: " + program->error());
  }
  if (program->ProgramSize() > kLargestProgram) return Unexpected<std::string>("is too large");
  return std::unique_ptr<const Pattern>(new Pattern(std::string(text), std::move(program)));
}

bool Pattern::matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *program_);
}

// RE2 looks at one byte in some nanoseconds; in the worst case, without its automaton, at each instruction for each
// byte.
std::uint64_t Pattern::cost(std::size_t bytes) const {
  return 1 + bytes * (8 + static_cast<std::uint64_t>(program_->ProgramSize())) / 128;
}

}  // namespace vbrain::schema
