#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kube/api/object.hpp"

namespace vbrain::kube {

// A resource of the tests with one field, which must be a string.
struct Thing {
  ObjectMeta meta;
  std::string value;

  static inline const ResourceType kType{"example.com", "v1", "things", "Thing"};
  static Thing decode(const nlohmann::json& object) {
    Thing thing{decode_meta(object), {}};
    if (const auto* spec = find_member(object, "spec")) thing.value = get_string(*spec, "value");
    return thing;
  }
};

inline const std::string kThings = "/apis/example.com/v1/namespaces/ns/things";

inline nlohmann::json thing_json(const std::string& name, const nlohmann::json& value) {
  return {{"apiVersion", "example.com/v1"},
          {"kind", "Thing"},
          {"metadata", {{"name", name}, {"namespace", "ns"}}},
          {"spec", {{"value", value}}}};
}

// As the server would store it.
inline nlohmann::json stored_thing(const std::string& name, const nlohmann::json& value, int version,
                                   const std::string& uid = "") {
  nlohmann::json object = thing_json(name, value);
  object["metadata"]["uid"] = uid.empty() ? "uid-of-" + name : uid;
  object["metadata"]["resourceVersion"] = std::to_string(version);
  return object;
}

inline std::string list_json(int version, const std::vector<nlohmann::json>& items,
                             const std::string& continue_token = {}) {
  nlohmann::json list = {{"items", items}, {"metadata", {{"resourceVersion", std::to_string(version)}}}};
  if (!continue_token.empty()) list["metadata"]["continue"] = continue_token;
  return list.dump();
}

inline std::string event_json(const std::string& type, const nlohmann::json& object) {
  return nlohmann::json{{"type", type}, {"object", object}}.dump() + "\n";
}

inline std::string bookmark_json(int version) {
  return event_json("BOOKMARK", {{"kind", "Thing"}, {"metadata", {{"resourceVersion", std::to_string(version)}}}});
}

}  // namespace vbrain::kube
