#include "artifacts/archive/utf8.hpp"

namespace vbrain::artifacts {

std::optional<char32_t> take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  // 0x80..0xC1 are continuation bytes and overlong lead bytes; lead bytes above 0xF4 exceed U+10FFFF.
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return std::nullopt;
  char32_t point = lead & (0x7F >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    point = (point << 6) | (byte(i) & 0x3F);
  }
  const char32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
  text.remove_prefix(length);
  return point;
}

void append_utf8(std::string& text, char32_t point) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xC0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xE0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_control(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      text.remove_prefix(1);
    } else if (!take_code_point(text)) {
      return false;
    }
  }
  return true;
}

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) append_utf8(text, byte);
  return text;
}

std::string printable(std::string_view text, std::size_t bytes) {
  std::string result;
  while (!text.empty()) {
    const std::string_view before = text;
    const auto point = take_code_point(text);
    std::string_view piece = before.substr(0, before.size() - text.size());
    if (!point) {
      piece = "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else if (is_control(*point)) {
      piece = " ";
    }
    if (result.size() + piece.size() > bytes) break;
    result += piece;
  }
  return result;
}

}  // namespace vbrain::artifacts
