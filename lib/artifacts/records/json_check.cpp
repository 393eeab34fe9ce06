#include "artifacts/records/json_check.hpp"

#include <cmath>
#include <cstdlib>

#include "artifacts/archive/utf8.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kNumberLimit = 1100;  // the longest double written out in full, with room

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void skip_digits(std::string_view& text) {
  while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
}

}  // namespace

bool JsonCheck::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (!step(c)) {
      state_ = State::kBad;
      return false;
    }
  }
  return state_ != State::kBad;
}

bool JsonCheck::finish() {
  // A number at the top level ends where the text ends.
  if (state_ == State::kNumber && !(number_is_good() && end_value())) return false;
  return done_ && state_ == State::kAfter;
}

bool JsonCheck::step(char c) {
  switch (state_) {
    case State::kString:
    case State::kEscape:
    case State::kHex:
      return in_string(c);
    case State::kNumber:
      if (is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-') {
        token_ += c;
        return token_.size() <= kNumberLimit;
      }
      if (!number_is_good() || !end_value()) return false;
      return step(c);
    case State::kWord:
      token_ += c;
      if (token_ == "true" || token_ == "false" || token_ == "null") return end_value();
      return std::string_view("true").starts_with(token_) || std::string_view("false").starts_with(token_) ||
             std::string_view("null").starts_with(token_);
    case State::kBad:
      return false;
    default:
      break;
  }
  if (is_space(c)) return true;
  switch (state_) {
    case State::kValue:
      return start_value(c);
    case State::kFirstElement:
      return c == ']' ? close(c) : start_value(c);
    case State::kFirstKey:
      if (c == '}') return close(c);
      [[fallthrough]];
    case State::kKey:
      if (c != '"') return false;
      key_ = true;
      state_ = State::kString;
      return true;
    case State::kColon:
      state_ = State::kValue;
      return c == ':';
    default:  // kAfter
      if (done_) return false;
      if (c != ',') return close(c);
      state_ = objects_.back() ? State::kKey : State::kValue;
      return true;
  }
}

bool JsonCheck::start_value(char c) {
  if (c == '{' || c == '[') return open(c);
  token_ = c;
  if (c == '"') {
    key_ = false;
    state_ = State::kString;
    return true;
  }
  if (c == '-' || is_digit(c)) {
    state_ = State::kNumber;
    return true;
  }
  state_ = State::kWord;
  return c == 't' || c == 'f' || c == 'n';
}

bool JsonCheck::open(char c) {
  too_deep_ = objects_.size() == limit_;
  if (too_deep_) return false;
  objects_.push_back(c == '{');
  state_ = c == '{' ? State::kFirstKey : State::kFirstElement;
  return true;
}

bool JsonCheck::close(char c) {
  if (objects_.empty() || c != (objects_.back() ? '}' : ']')) return false;
  objects_.pop_back();
  return end_value();
}

bool JsonCheck::end_value() {
  done_ = objects_.empty();
  state_ = State::kAfter;
  return true;
}

bool JsonCheck::in_string(char c) {
  if (state_ == State::kEscape) {
    state_ = c == 'u' ? State::kHex : State::kString;
    hex_left_ = 4;
    return std::string_view("\"\\/bfnrtu").find(c) != std::string_view::npos;
  }
  if (state_ == State::kHex) {
    if (--hex_left_ == 0) state_ = State::kString;
    return is_hex(c);
  }
  const auto byte = static_cast<unsigned char>(c);
  if (!sequence_.empty() || byte >= 0x80) {
    if (sequence_.empty()) sequence_size_ = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    sequence_ += c;
    if (sequence_.size() < sequence_size_) return true;
    std::string_view whole = sequence_;
    const bool good = take_code_point(whole).has_value() && whole.empty();
    sequence_.clear();
    return good;
  }
  if (c == '\\') {
    state_ = State::kEscape;
    return true;
  }
  if (c != '"') return byte >= 0x20;
  if (!key_) return end_value();
  state_ = State::kColon;
  return true;
}

// RFC 8259 section 6.
bool JsonCheck::number_is_good() const {
  std::string_view text = token_;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return false;
  if (text.front() == '0') {
    text.remove_prefix(1);
  } else {
    skip_digits(text);
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return false;
    skip_digits(text);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return false;
    skip_digits(text);
  }
  return text.empty() && std::isfinite(std::strtod(token_.c_str(), nullptr));
}

}  // namespace vbrain::artifacts
