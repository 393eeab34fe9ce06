#include "api-server/auth/auth.hpp"

#include <algorithm>

#include "base/digest.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kNoHash = "0000000000000000000000000000000000000000000000000000000000000000";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alphanumeric(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

bool is_tenant_of(const job::Client& client, const Identity& identity) {
  return client.organization_id == identity.organization_id && client.application_id == identity.application_id &&
         client.client_id == identity.client_id;
}

}  // namespace

bool may(job::Role role, Permission permission) {
  switch (permission) {
    case Permission::kReadRepository:
    case Permission::kCreateJob:
      return true;
    case Permission::kCreateRepository:
    case Permission::kReadJob:
      return role != job::Role::kStakeholder;
    case Permission::kDeleteRepository:
    case Permission::kDeleteJob:
      return role == job::Role::kLeader;
  }
  return false;
}

std::optional<ApiKeyText> parse_api_key(std::string_view text) {
  if (!text.starts_with("vb_")) return std::nullopt;
  text.remove_prefix(3);
  const auto end = text.find('_');
  if (end == std::string_view::npos) return std::nullopt;
  const ApiKeyText key{text.substr(0, end), text.substr(end + 1)};
  if (key.id.size() < 4 || key.id.size() > 16 || !std::ranges::all_of(key.id, is_lower_or_digit)) return std::nullopt;
  if (key.secret.size() < 43 || key.secret.size() > 86 || !std::ranges::all_of(key.secret, is_alphanumeric)) {
    return std::nullopt;
  }
  return key;
}

std::vector<std::string> key_ids(const job::Client& client) {
  std::vector<std::string> ids;
  for (const job::Member& member : client.members) {
    for (const job::ApiKey& key : member.keys) ids.push_back(key.id);
  }
  return ids;
}

std::string_view why_keys_are_unknown(bool synced, base::SteadyPoint::duration silence) {
  if (!synced) return "starting";
  return silence > kKeysHold ? "the Kubernetes API has not answered for too long: keys may have been revoked" : "";
}

Result<Caller, Refusal> authenticate(const kube::Cache<job::Client>& clients, const Identity& identity,
                                     base::TimePoint now) {
  const auto sent = parse_api_key(identity.api_key);
  const std::string hash = base::sha256_hex(sent ? sent->secret : std::string_view(identity.api_key));
  std::optional<Caller> caller;
  bool compared = false;
  if (sent) {
    for (const auto& client : clients.by_index(kKeyIndex, sent->id)) {
      for (const job::Member& member : client->members) {
        for (const job::ApiKey& key : member.keys) {
          if (key.id != sent->id) continue;
          compared = true;
          const bool right = base::equal_constant_time(key.sha256, hash);
          const bool alive = !key.expires_at || now < *key.expires_at;
          const bool theirs = is_tenant_of(*client, identity) && member.username == identity.username;
          if (!right || !alive || !theirs || client->meta.deletion_timestamp) continue;
          caller = Caller{{identity.organization_id, identity.application_id, identity.client_id},
                          member.username,
                          member.role,
                          key.id};
        }
      }
    }
  }
  if (!compared) static_cast<void>(base::equal_constant_time(kNoHash, hash));
  if (!caller) return refuse(Problem::kUnknownKey);
  return std::move(*caller);
}

}  // namespace vbrain::api
