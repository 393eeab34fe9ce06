#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/time/clock.hpp"

namespace vbrain::kube {

// The names of a kind of resource in the API. All kinds here are namespaced. `group` is empty for the core group.
struct ResourceType {
  std::string_view group;
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  // The only member of `spec` that decode() reads; empty: it may read all of them.
  std::string_view spec_member = {};
};

// "v1" or "batch/v1".
std::string api_version(const ResourceType& type);

// An object of the API server does not have the form of its kind.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;

  bool operator==(const OwnerReference&) const = default;
};

// The part of metav1.ObjectMeta that the rules need. Decoding drops managedFields and annotations, which are most of an
// object's bytes, because the caches keep every object.
struct ObjectMeta {
  std::string name;
  std::string namespace_name;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  std::map<std::string, std::string> labels;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owner_references;
  base::TimePoint creation_timestamp{};
  std::optional<base::TimePoint> deletion_timestamp;
  std::int64_t deletion_grace_seconds = 0;  // included in deletion_timestamp; 0 without one

  bool has_finalizer(std::string_view finalizer) const;
  // The owner with `controller: true`, or null.
  const OwnerReference* controller_owner() const;
};

// metav1.Condition.
struct Condition {
  std::string type;
  std::string status;  // "True", "False" or "Unknown"
  std::string reason;
  std::string message;
  base::TimePoint last_transition_time{};
  std::int64_t observed_generation = 0;  // 0: absent

  bool operator==(const Condition&) const = default;
};

// Reads `object["metadata"]`. Throws DecodeError if name, uid or resourceVersion is missing or has the wrong type.
ObjectMeta decode_meta(const nlohmann::json& object);

// Whether the resourceVersion `left` is older than `right`. Both are decimal numbers of any length (KEP-5504).
bool is_older_version(std::string_view left, std::string_view right);

// Reads one metav1.Condition; throws DecodeError if it has no type or status.
Condition decode_condition(const nlohmann::json& condition);
nlohmann::json encode(const Condition& condition);
// status.conditions of an object; none if it has no status.
std::vector<Condition> decode_conditions(const nlohmann::json& object);
nlohmann::json encode(const OwnerReference& owner);

// Field access for decoders. Absent and null count as nothing. A value of a wrong type throws a DecodeError that names
// the key.
const nlohmann::json* find_member(const nlohmann::json& object, std::string_view key);
std::string get_string(const nlohmann::json& object, std::string_view key, std::string_view fallback = {});
std::int64_t get_int(const nlohmann::json& object, std::string_view key, std::int64_t fallback = 0);
bool get_bool(const nlohmann::json& object, std::string_view key, bool fallback = false);
std::optional<std::int64_t> get_optional_int(const nlohmann::json& object, std::string_view key);
std::optional<base::TimePoint> get_time(const nlohmann::json& object, std::string_view key);
std::vector<std::string> get_strings(const nlohmann::json& object, std::string_view key);

// Field access without exceptions, for JSON of any form, such as pod templates. A member that is absent is null, also
// if `object` is no object. A value that is no text is an empty text.
const nlohmann::json& member_or_null(const nlohmann::json& object, std::string_view key);
std::string text_or_empty(const nlohmann::json& object, std::string_view key);
// metadata.<key>.
std::string meta_text(const nlohmann::json& object, std::string_view key);

}  // namespace vbrain::kube
