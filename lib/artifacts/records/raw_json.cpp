#include "artifacts/records/raw_json.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>

namespace vbrain::artifacts {
namespace {

using nlohmann::json;

// Walks over text that check_json has accepted, so every step is known to succeed.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  }
  char peek() const { return text_[at_]; }
  void next() { ++at_; }
  std::string_view take_string() {
    const std::size_t start = at_++;
    while (peek() != '"') at_ += peek() == '\\' ? 2 : 1;
    ++at_;
    return text_.substr(start, at_ - start);
  }
  std::string_view take_value() {
    const std::size_t start = at_;
    if (peek() == '"') return take_string();
    if (peek() == '{' || peek() == '[') {
      take_nested();
    } else {
      while (std::string_view(",}] \t\n\r").find(peek()) == std::string_view::npos) ++at_;
    }
    return text_.substr(start, at_ - start);
  }

 private:
  void take_nested() {
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        take_string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    } while (depth > 0);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<RawMembers, std::string> split_object(std::string_view text, const base::JsonLimits& limits) {
  // nlohmann passes over a byte order mark. Written into another text, as the values and the whole are, it is an error
  // there: who takes one from a client takes it off.
  if (text.starts_with("\xEF\xBB\xBF")) return Unexpected<std::string>("syntax error at byte 1");
  if (auto checked = base::check_json(text, limits); !checked) {
    return Unexpected<std::string>(std::move(checked.error()));
  }
  Scanner scan(text);
  scan.skip_space();
  if (scan.peek() != '{') return Unexpected<std::string>("not a JSON object");
  RawMembers members;
  scan.next();
  for (scan.skip_space(); scan.peek() != '}'; scan.skip_space()) {
    if (scan.peek() == ',') {
      scan.next();
      scan.skip_space();
    }
    const std::string_view key = scan.take_string();
    scan.skip_space();
    scan.next();  // the colon
    scan.skip_space();
    const bool plain = key.find('\\') == std::string_view::npos;
    members.emplace_back(plain ? std::string(key.substr(1, key.size() - 2)) : json::parse(key).get<std::string>(),
                         scan.take_value());
  }
  return members;
}

std::string join_object(const RawMembers& members) {
  std::string text = "{";
  for (const auto& [key, value] : members) {
    if (text.size() > 1) text += ',';
    text += base::quote_json(key);
    text += ':';
    text += value;
  }
  return text + "}";
}

std::string overlay_object(std::string_view below, std::string_view above) {
  auto result = split_object(below);
  const auto over = split_object(above);
  if (!result || !over) throw std::invalid_argument("not a JSON object");
  result->reserve(result->size() + over->size());  // so that the names stay where the map looks for them
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < result->size(); ++i) places.emplace((*result)[i].first, i);
  for (const auto& [key, value] : *over) {
    const auto place = places.find(key);
    if (place != places.end()) {
      (*result)[place->second].second = value;
    } else {
      result->emplace_back(key, value);
    }
  }
  return join_object(*result);
}

}  // namespace vbrain::artifacts
