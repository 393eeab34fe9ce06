#include "base/json/json_tree.hpp"

#include <charconv>
#include <cstdlib>
#include <utility>

namespace vbrain::base {
namespace {

using nlohmann::json;

// A whole number that fits 64 bits keeps every digit; any other becomes a double.
json number(std::string_view text) {
  const auto whole = [text](auto value) -> json {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    return problem == std::errc() && end == text.data() + text.size() ? json(value) : json();
  };
  json value = text.starts_with('-') ? whole(std::int64_t()) : whole(std::uint64_t());
  return value.is_null() ? json(std::strtod(std::string(text).c_str(), nullptr)) : value;
}

}  // namespace

JsonNext JsonTree::token(const JsonToken& token) {
  using Kind = JsonToken::Kind;
  switch (token.kind) {
    case Kind::kNull:
      add(nullptr);
      break;
    case Kind::kFalse:
    case Kind::kTrue:
      add(token.kind == Kind::kTrue);
      break;
    case Kind::kNumber:
      add(number(token.text));
      break;
    case Kind::kString:
      add(std::string(token.text));
      break;
    case Kind::kKey:
      key_ = token.text;
      break;
    case Kind::kBeginObject:
      open_.push_back(add(json::object()));
      break;
    case Kind::kBeginArray:
      open_.push_back(add(json::array()));
      break;
    case Kind::kEndObject:
    case Kind::kEndArray:
      open_.pop_back();
      break;
  }
  return JsonNext::kContinue;
}

// The place of the new value. It stays valid while the value is open: its parent gets no other one meanwhile.
json* JsonTree::add(json value) {
  if (open_.empty()) return &(root_ = std::move(value));
  json& parent = *open_.back();
  if (parent.is_object()) return &(parent[key_] = std::move(value));
  parent.push_back(std::move(value));
  return &parent.back();
}

}  // namespace vbrain::base
