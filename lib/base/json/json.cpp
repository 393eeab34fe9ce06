#include "base/json/json.hpp"

#include <nlohmann/json.hpp>

#include "base/json/json_tree.hpp"

namespace vbrain::base {
namespace {

using nlohmann::json;

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
  JsonTree tree;
  if (auto result = read(text, tree, limits); !result) return Unexpected<std::string>(std::move(result.error()));
  return tree.take();
}

std::string quote_json(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace vbrain::base
