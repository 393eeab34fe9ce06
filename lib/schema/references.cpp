#include "schema/references.hpp"

#include <algorithm>
#include <array>

#include "base/text/percent.hpp"
#include "schema/schema.hpp"
#include "schema/uri.hpp"
#include "schema/values/words.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

// The keywords whose value is a schema, a list of schemas, or an object of schemas.
constexpr std::array<std::string_view, 9> kSchema{
    "items", "additionalItems", "contains", "additionalProperties", "propertyNames", "if", "then", "else", "not"};
constexpr std::array<std::string_view, 4> kList{"items", "allOf", "anyOf", "oneOf"};
constexpr std::array<std::string_view, 5> kMembers{"properties", "patternProperties", "definitions", "$defs",
                                                   "dependencies"};

constexpr std::size_t kLongestUri = 500;  // bytes; also of a pointer

// Calls `found(schema, pointer)` for each subschema. A keyword with a value of another form is left to the compiler.
template <class F>
void for_each_subschema(const json& schema, const std::string& pointer, const F& found) {
  for (auto member = schema.begin(); member != schema.end(); ++member) {
    const auto is_in = [&](const auto& keywords) {
      return std::find(keywords.begin(), keywords.end(), member.key()) != keywords.end();
    };
    const std::string at = pointer + pointer_part(member.key());
    if (member->is_array()) {
      if (!is_in(kList)) continue;
      for (std::size_t i = 0; i < member->size(); ++i) found((*member)[i], at + "/" + std::to_string(i));
    } else if (is_in(kSchema)) {
      found(*member, at);
    } else if (is_in(kMembers) && member->is_object()) {
      for (auto one = member->begin(); one != member->end(); ++one) {
        if (member.key() == "dependencies" && one->is_array()) continue;
        found(*one, at + pointer_part(one.key()));
      }
    }
  }
}

// The value that the JSON Pointer means; null if there is none.
const json* follow(const json& from, std::string_view pointer) {
  const json* at = &from;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // the slash
    std::string key;
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    for (std::size_t i = 0; i < end; ++i) {
      const bool escape = pointer[i] == '~' && i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
      key += !escape ? pointer[i] : pointer[i + 1] == '0' ? '~' : '/';
      if (escape) ++i;
    }
    pointer.remove_prefix(end);
    if (at->is_object()) {
      const auto found = at->find(key);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array()) {
      if (key.empty() || key.size() > 6 || key.find_first_not_of("0123456789") != std::string::npos) return nullptr;
      const std::size_t index = std::stoul(key);
      if (index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

}  // namespace

void fail(std::string_view pointer, std::string_view text) {
  throw Fault{(pointer.empty() ? std::string("the schema") : cut_text(std::string(pointer), 200)) + " " +
              std::string(text)};
}

References::References(const json& document) : document_(document) {
  note(&document, "", "");
  explore();
}

void References::note(const json* json, std::string pointer, const std::string& base) {
  if (!json->is_object() && !json->is_boolean()) {
    fail(pointer, "must be a schema: an object, true or false; it is " + std::string(name_type(*json)));
  }
  if (!indexes_.emplace(json, places_.size()).second) return;
  if (places_.size() == kMostSubschemas) {
    fail("", "has more than " + std::to_string(kMostSubschemas) + " subschemas");
  }
  // Long keys must not be kept for each subschema below them.
  places_.push_back({json, cut_text(std::move(pointer), kLongestUri), base});
}

void References::explore() {
  for (; explored_ < places_.size(); ++explored_) {
    const json& schema = *places_[explored_].json;
    if (!schema.is_object() || schema.contains("$ref")) continue;
    const std::string pointer = places_[explored_].pointer;
    std::string base = places_[explored_].base;
    const auto id = schema.find("$id");
    if (id != schema.end() && !id->is_string()) fail(pointer + "/$id", "must be a string");
    if (id != schema.end()) {
      const auto& text = id->get_ref<const std::string&>();
      std::string uri = resolve_uri(base, text);
      if (uri.size() > kLongestUri) fail(pointer + "/$id", "is too long");
      if (uri.ends_with('#')) uri.pop_back();
      // A name only, such as "#item", leaves the base as it is.
      if (!text.starts_with('#')) base = without_fragment(uri);
      ids_.emplace(std::move(uri), &schema);
      places_[explored_].base = base;
    }
    for_each_subschema(schema, pointer, [&](const json& child, std::string at) { note(&child, std::move(at), base); });
  }
}

std::size_t References::find(const Place& from, const std::string& reference) {
  const std::string pointer = from.pointer + "/$ref";
  const std::string uri = resolve_uri(from.base, reference);
  const std::string file(without_fragment(uri));
  const std::string words = "refers to " + show(json(reference), 100) + ", which is not in this schema";
  const json* root = nullptr;
  if (file.empty() || file == places_.front().base) {
    root = &document_;
  } else if (const auto known = ids_.find(file); known != ids_.end()) {
    root = known->second;
  } else {
    fail(pointer, words + "; other documents are never fetched, so write it below definitions");
  }
  std::string fragment = uri.size() > file.size() ? uri.substr(file.size() + 1) : std::string();
  const json* target = root;
  if (fragment.starts_with('/')) {
    target = follow(*root, base::percent_decode(fragment).value_or(fragment));
  } else if (!fragment.empty()) {
    const auto known = ids_.find(uri);
    target = known == ids_.end() ? nullptr : known->second;
  }
  if (target == nullptr) fail(pointer, words);
  // It may stand where no keyword leads.
  if (!indexes_.contains(target)) {
    note(target, root == &document_ && fragment.starts_with('/') ? fragment : pointer, file);
    explore();
  }
  return indexes_.at(target);
}

}  // namespace vbrain::schema
