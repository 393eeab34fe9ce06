#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/values/format.hpp"
#include "schema/values/pattern.hpp"

namespace vbrain::schema {

// One schema or subschema, read. Null and empty: it does not have the keyword. Pointers to JSON point into
// Document::json.
struct Node {
  using Json = nlohmann::json;

  std::string pointer{};            // where it is in the document
  std::optional<bool> verdict{};    // of the schemas `true` and `false`
  const Node* reference = nullptr;  // `$ref`: then nothing else counts

  unsigned types = 0;  // bits of Type; 0: any
  const Json* enumeration = nullptr;
  const Json* constant = nullptr;
  std::uint64_t enumeration_work = 0;  // of comparing a value with all of them
  std::uint64_t constant_work = 0;

  const Json* minimum = nullptr;
  const Json* maximum = nullptr;
  const Json* above = nullptr;  // exclusiveMinimum
  const Json* below = nullptr;  // exclusiveMaximum
  const Json* multiple_of = nullptr;

  std::optional<std::uint64_t> min_length{};
  std::optional<std::uint64_t> max_length{};
  const Pattern* pattern = nullptr;
  const Format* format = nullptr;

  std::optional<std::uint64_t> min_items{};
  std::optional<std::uint64_t> max_items{};
  bool unique = false;
  const Node* items = nullptr;
  std::vector<const Node*> tuple{};  // `items` as a list
  const Node* additional_items = nullptr;
  const Node* contains = nullptr;

  std::optional<std::uint64_t> min_properties{};
  std::optional<std::uint64_t> max_properties{};
  std::vector<std::string> required{};
  std::map<std::string, const Node*, std::less<>> properties{};
  const Json* known_properties = nullptr;  // the object `properties`
  std::vector<std::pair<const Pattern*, const Node*>> pattern_properties{};
  const Node* additional_properties = nullptr;
  const Node* names = nullptr;
  struct Dependency {
    std::string member;
    std::vector<std::string> required{};
    const Node* schema = nullptr;
  };
  std::vector<Dependency> dependencies{};
  std::vector<std::pair<std::string, const Json*>> defaults{};  // of `properties`, in their order

  std::vector<const Node*> all_of{};
  std::vector<const Node*> any_of{};
  std::vector<const Node*> one_of{};
  const Node* not_of = nullptr;
  const Node* condition = nullptr;
  const Node* consequence = nullptr;
  const Node* alternative = nullptr;
};

// A schema with all its subschemas. Addresses stay the same.
struct Document {
  nlohmann::json json;
  std::deque<Node> nodes;  // the first is the root
  std::vector<std::unique_ptr<const Pattern>> patterns;
};

}  // namespace vbrain::schema
