#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kube/api/object.hpp"

// Shapes that the resources of vBrain have in common. For this folder only.
namespace vbrain::job {

// Throws kube::DecodeError without one.
inline const nlohmann::json& spec_of(const nlohmann::json& object) {
  const nlohmann::json* found = kube::find_member(object, "spec");
  if (found == nullptr) throw kube::DecodeError("no spec");
  return *found;
}

// The list that is a member of `object`; empty if there is none. Throws kube::DecodeError if it is something else.
inline const nlohmann::json& list_of(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  const nlohmann::json* member = kube::find_member(object, key);
  if (member == nullptr) return kEmpty;
  if (!member->is_array()) throw kube::DecodeError("field '" + std::string(key) + "' is not a list");
  return *member;
}

}  // namespace vbrain::job
