#include "base/json.hpp"

#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

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

class TreeBuilder final : public JsonHandler {
 public:
  JsonNext token(const JsonToken& token) override {
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

  json take() { return std::move(root_); }

 private:
  // The place of the new value. It stays valid while the value is open: its parent gets no other one meanwhile.
  json* add(json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  json root_;
  std::vector<json*> open_;
  std::string key_;
};

Result<void, std::string> read(std::string_view text, JsonHandler& handler, const JsonLimits& limits) {
  auto result = read_json(text, handler, {.limits = limits, .skip_byte_order_mark = true});
  if (!result) return Unexpected<std::string>(std::move(result.error().message));
  return {};
}

}  // namespace

Result<void, std::string> check_json(std::string_view text, const JsonLimits& limits) {
  IgnoreTokens ignore;
  return read(text, ignore, limits);
}

Result<json, std::string> parse_json(std::string_view text, const JsonLimits& limits) {
  TreeBuilder tree;
  if (auto result = read(text, tree, limits); !result) return Unexpected<std::string>(std::move(result.error()));
  return tree.take();
}

std::string quote_json(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace vbrain::base
