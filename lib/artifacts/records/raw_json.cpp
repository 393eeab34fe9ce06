#include "artifacts/records/raw_json.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace vbrain::artifacts {
namespace {

using base::JsonNext;
using base::JsonToken;

class MemberSplitter final : public base::JsonHandler {
 public:
  explicit MemberSplitter(std::string_view text) : text_(text) {}

  JsonNext token(const JsonToken& token) override {
    if (token.depth == 0) is_object_ = token.kind == JsonToken::Kind::kEndObject;
    if (token.depth != 1) return JsonNext::kContinue;
    if (token.kind == JsonToken::Kind::kKey) {
      members_.emplace_back(token.text, std::string_view());
    } else if (token.is_begin()) {
      begin_ = token.begin;
    } else if (!members_.empty()) {
      const auto begin = token.is_end() ? begin_ : token.begin;
      members_.back().second = text_.substr(begin, token.end - begin);
    }
    return JsonNext::kContinue;
  }

  bool is_object() const { return is_object_; }
  RawMembers take() { return std::move(members_); }

 private:
  std::string_view text_;
  bool is_object_ = false;
  std::uint64_t begin_ = 0;  // of the nested value
  RawMembers members_;
};

class ElementSplitter final : public base::JsonHandler {
 public:
  explicit ElementSplitter(std::string_view text) : text_(text) {}

  JsonNext token(const JsonToken& token) override {
    if (token.depth == 0) is_array_ = token.kind == JsonToken::Kind::kEndArray;
    if (token.depth != 1 || token.kind == JsonToken::Kind::kKey) return JsonNext::kContinue;
    if (token.is_begin()) {
      begin_ = token.begin;
    } else {
      const auto begin = token.is_end() ? begin_ : token.begin;
      elements_.push_back(text_.substr(begin, token.end - begin));
    }
    return JsonNext::kContinue;
  }

  bool is_array() const { return is_array_; }
  std::vector<std::string_view> take() { return std::move(elements_); }

 private:
  std::string_view text_;
  bool is_array_ = false;
  std::uint64_t begin_ = 0;  // of the nested element
  std::vector<std::string_view> elements_;
};

// The message with byte and line. That of a syntax error has the byte already.
std::string with_place(const base::JsonError& error, std::string_view text) {
  std::string message = error.message;
  if (error.kind != base::JsonError::Kind::kSyntax) message += " near byte " + std::to_string(error.offset);
  const auto lines = std::ranges::count(text.substr(0, error.offset), '\n');
  return message + " (line " + std::to_string(lines + 1) + ")";
}

}  // namespace

Result<RawMembers, std::string> split_object(std::string_view text, const base::JsonLimits& limits) {
  MemberSplitter splitter(text);
  if (auto read = base::read_json(text, splitter, {.limits = limits}); !read) {
    return Unexpected<std::string>(with_place(read.error(), text));
  }
  if (!splitter.is_object()) return Unexpected<std::string>("not a JSON object");
  return splitter.take();
}

Result<std::vector<std::string_view>, std::string> split_array(std::string_view text, const base::JsonLimits& limits) {
  ElementSplitter splitter(text);
  if (auto read = base::read_json(text, splitter, {.limits = limits}); !read) {
    return Unexpected<std::string>(with_place(read.error(), text));
  }
  if (!splitter.is_array()) return Unexpected<std::string>("not a JSON array");
  return splitter.take();
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
  result->reserve(result->size() + over->size());  // the map below points to the names
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
