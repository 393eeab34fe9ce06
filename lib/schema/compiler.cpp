#include "schema/compiler.hpp"

#include <cmath>
#include <functional>
#include <set>

#include "schema/checker.hpp"
#include "schema/references.hpp"
#include "schema/schema.hpp"
#include "schema/values/numbers.hpp"
#include "schema/values/words.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

class Compiler {
 public:
  explicit Compiler(Document& document) : document_(document), references_(document.json) {}

  void run() {
    check_version();
    // The references of one subschema may find others, which come at the end.
    for (std::size_t i = 0; i < references_.places().size(); ++i) {
      Node& node = node_at(i);
      const Place place = references_.places()[i];
      node.pointer = place.pointer;
      if (place.json->is_boolean()) {
        node.verdict = place.json->get<bool>();
      } else {
        read(place, node);
      }
    }
    refuse_loops();
    check_defaults();
  }

 private:
  Node& node_at(std::size_t index) {
    while (document_.nodes.size() <= index) document_.nodes.emplace_back();
    return document_.nodes[index];
  }
  const Node* node_of(const json& schema) { return &node_at(references_.index_of(&schema)); }

  void check_version() const {
    if (!document_.json.is_object()) return;
    const auto version = document_.json.find("$schema");
    if (version == document_.json.end()) return;
    const std::string name = version->is_string() ? version->get<std::string>() : "";
    if (name.find("json-schema.org/draft-07/") != std::string::npos) return;
    fail("/$schema",
         "names another version than draft 7; write http://json-schema.org/draft-07/schema#, or leave it out");
  }

  // --- The keywords of one subschema.

  void read(const Place& place, Node& node) {
    schema_ = place.json;
    pointer_ = &place.pointer;
    if (const json* reference = find("$ref")) {
      node.reference = &node_at(references_.find(place, text(*reference, "$ref")));
      return;
    }
    read_any(node);
    read_numbers(node);
    read_texts(node);
    read_arrays(node);
    read_objects(node);
    read_combinations(node);
  }

  void read_any(Node& node) {
    if (const json* type = find("type")) {
      const json list = type->is_array() ? *type : json::array({*type});
      if (list.empty()) fail(at("type"), "must name a type");
      for (const json& one : list) {
        const unsigned bit = one.is_string() ? type_of_name(one.get_ref<const std::string&>()) : 0;
        if (bit == 0) {
          fail(at("type"),
               "must be null, boolean, integer, number, string, array or object, or a list of them; it is " +
                   show(*type));
        }
        node.types |= bit;
      }
    }
    node.enumeration = find("enum");
    if (node.enumeration != nullptr && !node.enumeration->is_array()) wrong("enum", "an array");
    node.constant = find("const");
    if (node.enumeration != nullptr) node.enumeration_work = work_of_comparing(*node.enumeration);
    if (node.constant != nullptr) node.constant_work = work_of_comparing(*node.constant);
  }

  void read_numbers(Node& node) {
    node.minimum = number("minimum");
    node.maximum = number("maximum");
    node.above = number("exclusiveMinimum");
    node.below = number("exclusiveMaximum");
    node.multiple_of = number("multipleOf");
    if (node.multiple_of != nullptr && !(node.multiple_of->get<double>() > 0)) wrong("multipleOf", "a number above 0");
  }

  void read_texts(Node& node) {
    node.min_length = count("minLength");
    node.max_length = count("maxLength");
    if (const json* pattern = find("pattern")) node.pattern = compile_pattern(text(*pattern, "pattern"), at("pattern"));
    if (const json* format = find("format")) node.format = find_format(text(*format, "format"));
  }

  void read_arrays(Node& node) {
    node.min_items = count("minItems");
    node.max_items = count("maxItems");
    if (const json* unique = find("uniqueItems")) {
      if (!unique->is_boolean()) wrong("uniqueItems", "true or false");
      node.unique = unique->get<bool>();
    }
    const json* items = find("items");
    if (items != nullptr && items->is_array()) {
      for (const json& one : *items) node.tuple.push_back(node_of(one));
      node.additional_items = child("additionalItems");
    } else {
      node.items = child("items");
    }
    node.contains = child("contains");
  }

  void read_objects(Node& node) {
    node.min_properties = count("minProperties");
    node.max_properties = count("maxProperties");
    if (const json* required = find("required")) node.required = texts(*required, "required");
    if (const json* properties = members("properties")) {
      node.known_properties = properties;
      for (auto one = properties->begin(); one != properties->end(); ++one) {
        node.properties.emplace(one.key(), node_of(*one));
        const auto value = one->is_object() ? one->find("default") : one->end();
        if (value != one->end()) node.defaults.emplace_back(one.key(), &*value);
      }
    }
    if (const json* patterns = members("patternProperties")) {
      for (auto one = patterns->begin(); one != patterns->end(); ++one) {
        node.pattern_properties.emplace_back(
            compile_pattern(one.key(), at("patternProperties") + pointer_part(one.key())), node_of(*one));
      }
    }
    node.additional_properties = child("additionalProperties");
    node.names = child("propertyNames");
    if (const json* dependencies = members("dependencies")) {
      for (auto one = dependencies->begin(); one != dependencies->end(); ++one) {
        Node::Dependency& added = node.dependencies.emplace_back(Node::Dependency{.member = one.key()});
        if (one->is_array()) {
          added.required = texts(*one, "dependencies");
        } else {
          added.schema = node_of(*one);
        }
      }
    }
    // Nobody refers to them necessarily, but a mistake in them is one.
    for (const char* keyword : {"definitions", "$defs"}) members(keyword);
  }

  void read_combinations(Node& node) {
    for (const auto& [keyword, list] :
         {std::pair{"allOf", &node.all_of}, std::pair{"anyOf", &node.any_of}, std::pair{"oneOf", &node.one_of}}) {
      const json* found = find(keyword);
      if (found == nullptr) continue;
      if (!found->is_array() || found->empty()) wrong(keyword, "a list of schemas");
      for (const json& one : *found) list->push_back(node_of(one));
    }
    node.not_of = child("not");
    node.condition = child("if");
    if (node.condition == nullptr) return;
    node.consequence = child("then");
    node.alternative = child("else");
  }

  // --- Values of keywords of the present subschema.

  std::string at(std::string_view keyword) const { return *pointer_ + pointer_part(keyword); }
  const json* find(const char* keyword) const {
    const auto found = schema_->find(keyword);
    return found == schema_->end() ? nullptr : &*found;
  }
  [[noreturn]] void wrong(const char* keyword, const std::string& form) const {
    fail(at(keyword), "must be " + form + "; it is " + show(*find(keyword)));
  }
  const Node* child(const char* keyword) {
    const json* found = find(keyword);
    if (found == nullptr) return nullptr;
    if (!found->is_object() && !found->is_boolean()) wrong(keyword, "a schema");
    return node_of(*found);
  }
  const json* members(const char* keyword) const {
    const json* found = find(keyword);
    if (found != nullptr && !found->is_object()) wrong(keyword, "an object");
    return found;
  }
  const json* number(const char* keyword) const {
    const json* found = find(keyword);
    if (found != nullptr && !found->is_number()) wrong(keyword, "a number");
    return found;
  }
  std::optional<std::uint64_t> count(const char* keyword) const {
    const json* found = number(keyword);
    if (found == nullptr) return std::nullopt;
    const double value = found->get<double>();
    if (value < 0 || value > 1e15 || std::trunc(value) != value) wrong(keyword, "a whole number from 0");
    return static_cast<std::uint64_t>(value);
  }
  std::string text(const json& value, const char* keyword) const {
    if (!value.is_string()) wrong(keyword, "a string");
    return value.get<std::string>();
  }
  std::vector<std::string> texts(const json& value, const char* keyword) const {
    if (!value.is_array()) wrong(keyword, "a list of strings");
    std::vector<std::string> list;
    for (const json& one : value) {
      if (!one.is_string()) wrong(keyword, "a list of strings");
      list.push_back(one.get<std::string>());
    }
    return list;
  }

  const Pattern* compile_pattern(const std::string& expression, const std::string& pointer) {
    if (document_.patterns.size() == kMostPatterns) {
      fail("", "has more than " + std::to_string(kMostPatterns) + " regular expressions");
    }
    auto pattern = Pattern::compile(expression);
    if (!pattern) fail(pointer, "is a regular expression that " + pattern.error());
    document_.patterns.push_back(std::move(*pattern));
    return document_.patterns.back().get();
  }

  // --- The whole.

  // The schemas that are applied to the same value.
  static std::vector<const Node*> in_place(const Node& node) {
    if (node.reference != nullptr) return {node.reference};
    std::vector<const Node*> all;
    for (const auto* list : {&node.all_of, &node.any_of, &node.one_of}) {
      all.insert(all.end(), list->begin(), list->end());
    }
    for (const Node* one : {node.not_of, node.condition, node.consequence, node.alternative}) {
      if (one != nullptr) all.push_back(one);
    }
    for (const Node::Dependency& dependency : node.dependencies) {
      if (dependency.schema != nullptr) all.push_back(dependency.schema);
    }
    return all;
  }

  // Such a schema would be applied to the same value again and again. All other recursion goes deeper into the value,
  // and so ends. Depth first, without recursion.
  void refuse_loops() const {
    std::set<const Node*> done;
    std::set<const Node*> open;
    struct Step {
      const Node* node;
      std::vector<const Node*> next;
    };
    for (const Node& root : document_.nodes) {
      if (done.contains(&root)) continue;
      std::vector<Step> path{{&root, in_place(root)}};
      open.insert(&root);
      while (!path.empty()) {
        Step& step = path.back();
        if (step.next.empty()) {
          open.erase(step.node);
          done.insert(step.node);
          path.pop_back();
          continue;
        }
        const Node* next = step.next.back();
        step.next.pop_back();
        if (open.contains(next)) fail(next->pointer, "refers to itself without going into a member or an element");
        if (done.contains(next)) continue;
        open.insert(next);
        path.push_back({next, in_place(*next)});
      }
    }
  }

  // A default that does not match would make every request fail that relies on it.
  void check_defaults() const {
    Work work;
    for (const Node& node : document_.nodes) {
      for (const auto& [name, value] : node.defaults) {
        const Violations violations = check_value(*node.properties.at(name), *value, work);
        if (violations.empty()) continue;
        fail(node.pointer + "/properties" + pointer_part(name) + "/default",
             "does not match its own schema: " + in_words(violations, 100));
      }
    }
  }

  Document& document_;
  References references_;
  const json* schema_ = nullptr;          // the present subschema
  const std::string* pointer_ = nullptr;  // and where it is
};

}  // namespace

std::optional<std::string> compile(Document& document) {
  try {
    Compiler(document).run();
    return std::nullopt;
  } catch (const Fault& fault) {
    return fault.text;
  }
}

}  // namespace vbrain::schema
