#include "job/key.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "job/decode.hpp"

namespace vbrain::job {

using kube::find_member;
using kube::get_string;
using nlohmann::json;

const kube::ResourceType Key::kType{"vbrain.visagio.com", "v1", "keys", "Key"};

Key Key::decode(const json& object) {
  Key key;
  key.meta = kube::decode_meta(object);
  const json& spec = spec_of(object);
  key.organization_id = get_string(spec, "organizationId");
  key.application_id = get_string(spec, "applicationId");
  key.client_id = get_string(spec, "clientId");
  key.username = get_string(spec, "username");
  key.sha256 = get_string(spec, "sha256");
  key.expires_at = kube::get_time(spec, "expiresAt");
  key.created_by = get_string(spec, "createdBy");
  key.description = get_string(spec, "description");
  if (const json* status = find_member(object, "status")) key.last_used = kube::get_time(*status, "lastUsedTime");
  return key;
}

std::string_view Key::owner_uid() const {
  const auto owner = std::ranges::find(meta.owner_references, Client::kType.kind, &kube::OwnerReference::kind);
  return owner == meta.owner_references.end() ? std::string_view() : std::string_view(owner->uid);
}

bool Key::is_live(base::TimePoint now) const {
  return !meta.deletion_timestamp && (!expires_at || now < *expires_at);
}

json encode_new_key(std::string_view namespace_name, const Key& key, const Client& owner) {
  json spec = {{"organizationId", key.organization_id},
               {"applicationId", key.application_id},
               {"clientId", key.client_id},
               {"username", key.username},
               {"sha256", key.sha256},
               {"createdBy", key.created_by}};
  if (key.expires_at) spec["expiresAt"] = base::format_rfc3339_seconds(*key.expires_at);
  if (!key.description.empty()) spec["description"] = key.description;
  // Not the controller of the Key, and nothing that holds up its owner: that would need a right to change Clients.
  const kube::OwnerReference reference{kube::api_version(Client::kType), std::string(Client::kType.kind),
                                       owner.meta.name, owner.meta.uid, false};
  return {{"apiVersion", kube::api_version(Key::kType)},
          {"kind", Key::kType.kind},
          {"metadata",
           {{"name", key.meta.name},
            {"namespace", namespace_name},
            {"ownerReferences", json::array({kube::encode(reference)})}}},
          {"spec", std::move(spec)}};
}

base::TimePoint hour_of(base::TimePoint time) {
  return std::chrono::floor<std::chrono::hours>(time);
}

json encode_last_used(const Key& key, base::TimePoint hour) {
  return {{"metadata", {{"uid", key.meta.uid}, {"resourceVersion", key.meta.resource_version}}},
          {"status", {{"lastUsedTime", base::format_rfc3339_seconds(hour)}}}};
}

}  // namespace vbrain::job
