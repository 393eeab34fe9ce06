#include "base/json/yaml.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace vbrain::base {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 100'000;

json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  // yaml-cpp gives quoted scalars the tag "!" and plain ones "?".
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return text;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  std::int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (const auto [last, error] = std::from_chars(text.data(), end, integer); error == std::errc{} && last == end) {
    return integer;
  }
  double real = 0;
  const bool number_like = text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (const auto [last, error] = std::from_chars(text.data(), end, real);
      number_like && error == std::errc{} && last == end) {
    return real;
  }
  return text;
}

class Walker {
 public:
  json walk(const YAML::Node& node, std::size_t depth) {
    if (depth > kMaxDepth) throw std::length_error("nested deeper than 64 levels");
    if (++nodes_ > kMaxNodes) throw std::length_error("more than 100000 nodes");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence: {
        json array = json::array();
        for (const auto& item : node) array.push_back(walk(item, depth + 1));
        return array;
      }
      case YAML::NodeType::Map: {
        json object = json::object();
        for (const auto& item : node) {
          const std::string key = item.first.as<std::string>();
          if (object.contains(key)) throw std::invalid_argument("key '" + key + "' appears twice");
          object[key] = walk(item.second, depth + 1);
        }
        return object;
      }
      default:
        return nullptr;
    }
  }

 private:
  std::size_t nodes_ = 0;
};

}  // namespace

Result<json, std::string> parse_yaml(std::string_view text) {
  if (text.size() > kMaxBytes) return Unexpected<std::string>("more than 1 MiB of YAML");
  try {
    return Walker().walk(YAML::Load(std::string(text)), 0);
  } catch (const std::exception& problem) {
    return Unexpected<std::string>(problem.what());
  }
}

}  // namespace vbrain::base
