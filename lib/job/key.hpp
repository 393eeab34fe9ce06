#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/tenant.hpp"
#include "base/time/clock.hpp"
#include "job/client.hpp"
#include "kube/api/object.hpp"

namespace vbrain::job {

// The Key custom resource: the hash of one API key that a leader made by REST. metadata.name is the id of the key. It
// gives no role: the members of the Client do. All but last_used cannot be changed.
struct Key {
  static const kube::ResourceType kType;

  kube::ObjectMeta meta;
  std::string organization_id;
  std::string application_id;
  std::string client_id;
  std::string username;
  std::string sha256;  // lower-case hex of the secret part
  std::optional<base::TimePoint> expires_at;
  std::string created_by;
  std::string description;
  std::optional<base::TimePoint> last_used;  // of its status: the beginning of an hour

  // Throws kube::DecodeError for an object that does not match the CRD's schema.
  static Key decode(const nlohmann::json& object);

  base::Tenant tenant() const { return {organization_id, application_id, client_id}; }
  // The UID of the Client that owns it; empty if none does, as after a restore from a copy of the objects. Points into
  // the Key.
  std::string_view owner_uid() const;
  // It is not being deleted and has not expired.
  bool is_live(base::TimePoint now) const;
};

// The object to create for `key`: what Key::meta has but the name is not read. `owner` becomes its owner, so that
// Kubernetes deletes it after the Client.
nlohmann::json encode_new_key(std::string_view namespace_name, const Key& key, const Client& owner);

// The beginning of the hour, in UTC.
base::TimePoint hour_of(base::TimePoint time);

// The merge patch of the status subresource that sets last_used. It fails (kConflict) if `key` is not the newest
// version of this object.
nlohmann::json encode_last_used(const Key& key, base::TimePoint hour);

}  // namespace vbrain::job
