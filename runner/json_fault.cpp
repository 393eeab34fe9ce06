#include "runner/json_fault.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "artifacts/archive/utf8.hpp"
#include "base/files/io.hpp"
#include "base/json/json.hpp"

namespace vbrain::runner {
namespace {

using base::JsonToken;

constexpr std::size_t kWindow = 64;
constexpr std::size_t kShownKey = 60;
constexpr std::size_t kShownPointer = 240;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string read_piece(int fd, std::uint64_t from, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = base::read_full_at(fd, bytes, from);
  if (got < 0) throw std::system_error(errno, std::generic_category(), "read JSON again");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

// One part of a pointer. `quoted` is a key as it stands in the file.
std::string pointer_part(std::string_view quoted) {
  const auto parsed = base::parse_json(quoted);
  // A key that was cut, or that has an escape without a UTF-8 form, is shown as it is written.
  const std::string key = parsed && parsed->is_string() ? parsed->get<std::string>() : std::string(quoted.substr(1));
  std::string part;
  for (const char c : artifacts::printable(key, kShownKey)) {
    if (c == '~') {
      part += "~0";
    } else if (c == '/') {
      part += "~1";
    } else {
      part += c;
    }
  }
  return part;
}

struct Position {
  std::uint64_t line = 1;
  std::uint64_t column = 1;  // in characters
};

Position find_position(int fd, std::uint64_t offset) {
  Position position;
  for (std::uint64_t at = 0; at < offset;) {
    const std::string block =
        read_piece(fd, at, static_cast<std::size_t>(std::min<std::uint64_t>(64U << 10, offset - at)));
    if (block.empty()) break;
    for (const char c : block) {
      if (c == '\n') {
        ++position.line;
        position.column = 1;
      } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
        ++position.column;
      }
    }
    at += block.size();
  }
  return position;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '+' || c == '-';
}

char last_visible(std::string_view text) {
  const auto at = text.find_last_not_of(" \t\r\n");
  return at == text.npos ? '\0' : text[at];
}

std::string hex_byte(char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

struct KnownWord {
  std::string_view word;  // in lower case, without a sign
  std::string_view remedy;
};

// What the programming languages write where JSON has another word, or none.
constexpr std::array<KnownWord, 8> kWords = {{
    {"nan", "JSON has no NaN: write null or a string"},
    {"inf", "JSON has no infinity: write null or a string"},
    {"infinity", "JSON has no infinity: write null or a string"},
    {"none", "write null"},
    {"undefined", "write null"},
    {"null", "write null in lower case"},
    {"true", "write true in lower case"},
    {"false", "write false in lower case"},
}};

// Removes digits from the beginning; false if there are none.
bool take_digits(std::string_view& text) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(end);
  return end > 0;
}

// True for true, false, null, and for a number as in RFC 8259, section 6.
bool is_json_word(std::string_view word) {
  if (word == "true" || word == "false" || word == "null") return true;
  if (word.starts_with('-')) word.remove_prefix(1);
  const bool zero = word.starts_with('0');
  if (zero) word.remove_prefix(1);
  if (!zero && !take_digits(word)) return false;
  if (word.starts_with('.')) {
    word.remove_prefix(1);
    if (!take_digits(word)) return false;
  }
  if (word.starts_with('e') || word.starts_with('E')) {
    word.remove_prefix(1);
    if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
    if (!take_digits(word)) return false;
  }
  return word.empty();
}

std::string remedy_for(std::string_view word) {
  if (is_json_word(word)) return "a comma or a colon is missing before it";
  std::string plain(word.substr(std::min(word.find_first_not_of("+-"), word.size())));
  std::ranges::transform(plain, plain.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto known = std::ranges::find(kWords, plain, &KnownWord::word);
  if (known != kWords.end()) return std::string(known->remedy);
  const bool number = !plain.empty() && ((plain[0] >= '0' && plain[0] <= '9') || plain[0] == '.');
  return number ? "JSON does not write numbers like this" : "texts need double quotes";
}

JsonFault fault_of_byte(std::string_view before, std::string_view at) {
  const char c = at[0];
  const std::string shown = std::string("'") + c + "'";
  if (c == '\'') return {0, "a single quote", "texts need double quotes"};
  if (c == '/' || c == '#') return {0, shown, "JSON has no comments"};
  if (c == '\\') return {0, artifacts::printable(at.substr(0, 2), 8), "JSON has no such escape sequence"};
  const char last = last_visible(before);
  if ((c == ']' || c == '}') && last == ',') return {0, shown + " after a comma", "remove the comma"};
  if (c == '"' || c == '{' || c == '[') return {0, shown, "a comma or a colon is missing before it"};
  return {0, shown, ""};
}

}  // namespace

void JsonPath::follow(const JsonToken& token) {
  if (token.kind == JsonToken::Kind::kKey) {
    open_.back().key_begin = token.begin;
    open_.back().key_end = token.end;
    return;
  }
  if (token.is_begin()) {
    open_.push_back({.is_array = token.kind == JsonToken::Kind::kBeginArray});
    return;
  }
  if (token.is_end()) open_.pop_back();
  if (open_.empty()) {
    complete_ = true;
    return;
  }
  Open& parent = open_.back();
  ++parent.index;
  parent.key_end = parent.key_begin;
}

std::string JsonPath::pointer(int fd) const {
  std::string text;
  for (const Open& open : open_) {
    if (open.is_array) {
      text += "/" + std::to_string(open.index);
    } else if (open.key_end > open.key_begin) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(open.key_end - open.key_begin, 256));
      text += "/" + pointer_part(read_piece(fd, open.key_begin, size));
    }
  }
  if (text.size() <= kShownPointer) return text;
  const std::string_view end = std::string_view(text).substr(text.size() - kShownPointer / 2);
  return artifacts::printable(text, kShownPointer / 2) + "…" +
         std::string(end.substr(std::min(end.find('/'), end.size())));
}

JsonFault name_json_fault(std::string_view before, std::string_view at, bool is_complete) {
  const auto byte = static_cast<unsigned char>(at[0]);
  if (byte == 0) return {0, "a NUL byte", "is it UTF-16 or binary? Write UTF-8"};
  if (at.starts_with("\xFF\xFE") || at.starts_with("\xFE\xFF")) return {0, "UTF-16", "write UTF-8"};
  if (at.starts_with(kByteOrderMark)) return {0, "a byte order mark", "only one is taken, at the beginning"};
  std::string_view rest = at;
  const auto point = artifacts::take_code_point(rest);
  if (!point) return {0, "the byte " + hex_byte(at[0]) + " (not UTF-8)", "write UTF-8"};
  if (artifacts::is_control(*point)) {
    if (at[0] == '\n') return {0, "a line break in a string", "write it as an escape sequence"};
    // Those of C1 have two bytes; the second one is the number.
    const char number = byte < 0x80 ? at[0] : at[1];
    return {0, "the control character " + hex_byte(number), "remove it, or write it as an escape sequence in a string"};
  }
  if (is_complete) return {0, "more text after the end of the value", "the file must hold one value"};
  if (is_word(at[0]) || (!before.empty() && is_word(before.back()))) {
    const auto begin = std::find_if_not(before.rbegin(), before.rend(), is_word);
    const auto back = static_cast<std::size_t>(begin - before.rbegin());
    const auto end = std::find_if_not(at.begin(), at.end(), is_word);
    std::string word(before.substr(before.size() - back));
    word.append(at.begin(), end);
    const bool known = end != at.begin() || word.find_first_not_of("0123456789") != word.npos;
    if (known) return {back, word, remedy_for(word)};
  }
  if (byte < 0x80) return fault_of_byte(before, at);
  return {0, "'" + std::string(at.substr(0, at.size() - rest.size())) + "'", "texts need double quotes"};
}

std::string explain_json_error(int fd, const base::JsonError& error, const JsonPath& path) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) throw std::system_error(errno, std::generic_category(), "stat JSON");
  std::uint64_t offset = error.offset;
  const std::uint64_t from = offset - std::min<std::uint64_t>(offset, kWindow);
  const std::string window = read_piece(fd, from, kWindow * 2);
  const std::string_view before = std::string_view(window).substr(0, static_cast<std::size_t>(offset - from));
  const std::string_view at = std::string_view(window).substr(std::min(before.size(), window.size()));

  std::string what, remedy;
  if (at.empty() && error.kind != base::JsonError::Kind::kBadNumber) {
    if (status.st_size == 0 || (status.st_size == 3 && window == kByteOrderMark)) return "it is empty";
    what = "it is not JSON: it ends early";
    remedy = "the text is not complete";
  } else if (error.kind == base::JsonError::Kind::kSyntax) {
    JsonFault fault = name_json_fault(before, at, path.is_complete());
    what = "it is not JSON: " + fault.what;
    remedy = std::move(fault.remedy);
    offset -= fault.back;
  } else if (error.kind == base::JsonError::Kind::kTooDeep) {
    what = "it is " + error.message;
  } else {
    what = "it is not JSON: " + error.message;
  }
  const Position position = find_position(fd, offset);
  std::string sentence = what + " at byte " + std::to_string(offset + 1) + " (line " + std::to_string(position.line) +
                         ", column " + std::to_string(position.column) + ")";
  if (const std::string pointer = path.pointer(fd); !pointer.empty()) sentence += ", JSON Pointer " + pointer;
  if (!remedy.empty()) sentence += "; " + remedy;
  return sentence;
}

}  // namespace vbrain::runner
