#include "kube/api/object.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(std::string_view key, std::string_view wanted) {
  throw DecodeError("field '" + std::string(key) + "' is not " + std::string(wanted));
}

const json* find_array(const json& object, std::string_view key) {
  const json* member = find_member(object, key);
  if (member != nullptr && !member->is_array()) refuse(key, "a list");
  return member;
}

std::string require_string(const json& object, std::string_view key) {
  std::string value = get_string(object, key);
  if (value.empty()) throw DecodeError("field '" + std::string(key) + "' is missing");
  return value;
}

std::map<std::string, std::string> get_labels(const json& meta) {
  std::map<std::string, std::string> labels;
  const json* member = find_member(meta, "labels");
  if (member == nullptr) return labels;
  if (!member->is_object()) refuse("labels", "an object");
  for (const auto& [key, value] : member->items()) {
    if (!value.is_string()) refuse("labels", "an object of strings");
    labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

OwnerReference decode_owner(const json& owner) {
  return {get_string(owner, "apiVersion"), get_string(owner, "kind"), get_string(owner, "name"),
          get_string(owner, "uid"), get_bool(owner, "controller")};
}

}  // namespace

std::string api_version(const ResourceType& type) {
  return type.group.empty() ? std::string(type.version) : std::string(type.group) + "/" + std::string(type.version);
}

bool ObjectMeta::has_finalizer(std::string_view finalizer) const {
  return std::ranges::find(finalizers, finalizer) != finalizers.end();
}

const OwnerReference* ObjectMeta::controller_owner() const {
  const auto found = std::ranges::find(owner_references, true, &OwnerReference::controller);
  return found == owner_references.end() ? nullptr : &*found;
}

bool is_older_version(std::string_view left, std::string_view right) {
  return left.size() != right.size() ? left.size() < right.size() : left < right;
}

ObjectMeta decode_meta(const json& object) {
  const json* found = find_member(object, "metadata");
  if (found == nullptr || !found->is_object()) throw DecodeError("no metadata");
  const json& source = *found;
  ObjectMeta meta;
  meta.name = require_string(source, "name");
  meta.namespace_name = get_string(source, "namespace");
  meta.uid = require_string(source, "uid");
  meta.resource_version = require_string(source, "resourceVersion");
  meta.generation = get_int(source, "generation");
  meta.labels = get_labels(source);
  meta.finalizers = get_strings(source, "finalizers");
  if (const json* owners = find_array(source, "ownerReferences")) {
    for (const json& owner : *owners) meta.owner_references.push_back(decode_owner(owner));
  }
  meta.creation_timestamp = get_time(source, "creationTimestamp").value_or(base::TimePoint{});
  meta.deletion_timestamp = get_time(source, "deletionTimestamp");
  meta.deletion_grace_seconds = get_int(source, "deletionGracePeriodSeconds");
  return meta;
}

Condition decode_condition(const json& source) {
  Condition condition;
  condition.type = require_string(source, "type");
  condition.status = require_string(source, "status");
  condition.reason = get_string(source, "reason");
  condition.message = get_string(source, "message");
  condition.last_transition_time = get_time(source, "lastTransitionTime").value_or(base::TimePoint{});
  condition.observed_generation = get_int(source, "observedGeneration");
  return condition;
}

std::vector<Condition> decode_conditions(const json& object) {
  std::vector<Condition> conditions;
  const json* status = find_member(object, "status");
  const json* list = status == nullptr ? nullptr : find_member(*status, "conditions");
  if (list == nullptr) return conditions;
  if (!list->is_array()) throw DecodeError("field 'conditions' is not a list");
  for (const json& item : *list) conditions.push_back(decode_condition(item));
  return conditions;
}

json encode(const Condition& condition) {
  json target = {{"type", condition.type},
                 {"status", condition.status},
                 {"reason", condition.reason},
                 {"message", condition.message},
                 {"lastTransitionTime", base::format_rfc3339_seconds(condition.last_transition_time)}};
  if (condition.observed_generation != 0) target["observedGeneration"] = condition.observed_generation;
  return target;
}

json encode(const OwnerReference& owner) {
  return {{"apiVersion", owner.api_version},
          {"kind", owner.kind},
          {"name", owner.name},
          {"uid", owner.uid},
          {"controller", owner.controller}};
}

const json* find_member(const json& object, std::string_view key) {
  if (!object.is_object()) throw DecodeError("expected an object around '" + std::string(key) + "'");
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string get_string(const json& object, std::string_view key, std::string_view fallback) {
  const json* member = find_member(object, key);
  if (member == nullptr) return std::string(fallback);
  if (!member->is_string()) refuse(key, "text");
  return member->get<std::string>();
}

std::optional<std::int64_t> get_optional_int(const json& object, std::string_view key) {
  const json* member = find_member(object, key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer()) refuse(key, "a whole number");
  return member->get<std::int64_t>();
}

std::int64_t get_int(const json& object, std::string_view key, std::int64_t fallback) {
  return get_optional_int(object, key).value_or(fallback);
}

bool get_bool(const json& object, std::string_view key, bool fallback) {
  const json* member = find_member(object, key);
  if (member == nullptr) return fallback;
  if (!member->is_boolean()) refuse(key, "true or false");
  return member->get<bool>();
}

std::optional<base::TimePoint> get_time(const json& object, std::string_view key) {
  const std::string text = get_string(object, key);
  if (text.empty()) return std::nullopt;
  const auto time = base::parse_rfc3339(text);
  if (!time) refuse(key, "an RFC 3339 time");
  return time;
}

std::vector<std::string> get_strings(const json& object, std::string_view key) {
  std::vector<std::string> values;
  if (const json* array = find_array(object, key)) {
    for (const json& value : *array) {
      if (!value.is_string()) refuse(key, "a list of texts");
      values.push_back(value.get<std::string>());
    }
  }
  return values;
}

const json& member_or_null(const json& object, std::string_view key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string text_or_empty(const json& object, std::string_view key) {
  const json& value = member_or_null(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string meta_text(const json& object, std::string_view key) {
  return text_or_empty(member_or_null(object, "metadata"), key);
}

}  // namespace vbrain::kube
