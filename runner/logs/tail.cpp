#include "runner/logs/tail.hpp"

#include <algorithm>

#include "artifacts/archive/utf8.hpp"

namespace vbrain::runner {
namespace {

bool is_between(char c, unsigned char low, unsigned char high) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

void skip_between(std::string_view& text, unsigned char low, unsigned char high) {
  while (!text.empty() && is_between(text[0], low, high)) text.remove_prefix(1);
}

// Removes an escape sequence behind its ESC (ECMA-48): a control sequence, a string with its end, or a short one.
void skip_escape_sequence(std::string_view& text) {
  if (text.empty()) return;
  const char kind = text[0];
  if (kind == '[') {
    text.remove_prefix(1);
    skip_between(text, 0x30, 0x3F);
    skip_between(text, 0x20, 0x2F);
  } else if (std::string_view("]PX^_").find(kind) != std::string_view::npos) {
    // Ends with BEL or ESC \. Without an end in the same line only the introducer goes.
    const std::size_t end = text.find_first_of("\a\x1B\n");
    if (end == text.npos || text[end] == '\n') {
      text.remove_prefix(1);
    } else {
      text.remove_prefix(text[end] == '\a' ? end + 1 : std::min(end + 2, text.size()));
    }
    return;
  } else {
    skip_between(text, 0x20, 0x2F);
  }
  if (!text.empty() && is_between(text[0], 0x30, 0x7E)) text.remove_prefix(1);
}

std::string without_escape_sequences(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c == '\x1B') {
      skip_escape_sequence(text);
    } else if (c == '\b') {
      if (!plain.empty() && plain.back() != '\n') plain.pop_back();
    } else if (c == '\t') {
      plain += ' ';
    } else if (c == '\n' || c == '\r' || !(is_between(c, 0x00, 0x1F) || c == '\x7F')) {
      plain += c;
    }
  }
  return plain;
}

// What a terminal shows of a line in which CR returns to its beginning. Without blanks at both ends.
std::string_view visible_part(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  if (const auto at = line.rfind('\r'); at != line.npos) line.remove_prefix(at + 1);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

}  // namespace

void Tail::add(std::string_view bytes) {
  if (bytes.size() >= capacity_) {
    ring_ = bytes.substr(bytes.size() - capacity_);
    begin_ = 0;
    return;
  }
  if (ring_.empty()) ring_.reserve(capacity_);
  const std::size_t fits = std::min(bytes.size(), capacity_ - ring_.size());
  ring_.append(bytes.substr(0, fits));
  for (bytes.remove_prefix(fits); !bytes.empty();) {
    const std::size_t piece = std::min(bytes.size(), capacity_ - begin_);
    std::copy_n(bytes.begin(), piece, ring_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = (begin_ + piece) % capacity_;
    bytes.remove_prefix(piece);
  }
}

std::string Tail::text() const {
  return ring_.substr(begin_) + ring_.substr(0, begin_);
}

std::string clean_tail(std::string_view text, std::size_t limit) {
  constexpr std::string_view kSeparator = " | ";
  const std::string plain = without_escape_sequences(text);
  std::string_view rest = plain;
  std::string joined;
  while (!rest.empty()) {
    const auto at = rest.rfind('\n');
    const std::string_view line = visible_part(at == rest.npos ? rest : rest.substr(at + 1));
    rest = at == rest.npos ? std::string_view() : rest.substr(0, at);
    if (line.empty()) continue;
    const std::string shown = artifacts::printable(line, line.size() * 3);
    if (joined.empty()) {
      joined = artifacts::printable(shown, limit);
    } else if (shown.size() + kSeparator.size() + joined.size() <= limit) {
      joined.insert(0, shown + std::string(kSeparator));
    } else {
      break;
    }
  }
  return joined;
}

}  // namespace vbrain::runner
