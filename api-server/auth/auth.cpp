#include "api-server/auth/auth.hpp"

#include <algorithm>

#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

constexpr std::size_t kSecretLength = 43;
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
    case Permission::kReadUsage:
      return true;
    case Permission::kCreateRepository:
    case Permission::kReadJob:
    case Permission::kRetryJob:
      return role != job::Role::kStakeholder;
    case Permission::kDeleteRepository:
    case Permission::kDeleteJob:
    case Permission::kChangeJob:
      return role == job::Role::kLeader;
  }
  return false;
}

std::optional<ApiKeyText> parse_api_key(std::string_view text) {
  const std::string_view id = readable_key_id(text);
  if (id.empty()) return std::nullopt;
  const ApiKeyText key{id, text.substr(std::string_view("vb__").size() + id.size())};
  if (key.secret.size() < kSecretLength || key.secret.size() > 86 ||
      !std::ranges::all_of(key.secret, is_alphanumeric)) {
    return std::nullopt;
  }
  return key;
}

std::string_view why_keys_are_unknown(bool synced, base::SteadyPoint::duration silence) {
  if (!synced) return "starting";
  return silence > kKeysHold ? "the Kubernetes API has not answered for too long: keys may have been revoked" : "";
}

namespace {

// Why an entry with the sent id does not admit the sender; empty: it does. For the log.
std::string fault_of(const job::Client& client, const job::Member& member, const job::ApiKey& key,
                     const Identity& identity, base::TimePoint now, bool is_right) {
  if (!is_right) return "the secret of the key is wrong";
  if (client.meta.deletion_timestamp) return "Client " + client.meta.name + " is being deleted";
  if (key.expires_at && now >= *key.expires_at) {
    return "the key expired at " + base::format_rfc3339_seconds(*key.expires_at);
  }
  if (!is_tenant_of(client, identity)) {
    return "the key belongs to another tenant: Client " + client.meta.name + " with organization_id '" +
           client.organization_id + "', application_id '" + client.application_id + "', client_id '" +
           client.client_id + "'";
  }
  if (member.username != identity.username) return "the key belongs to another user: '" + member.username + "'";
  return {};
}

// Why a text is no API key at all. For the log.
std::string fault_of_form(std::string_view text) {
  const std::string_view id = readable_key_id(text);
  if (id.empty()) return "the key does not have the form vb_<id>_<secret>";
  const std::string_view secret = text.substr(std::string_view("vb__").size() + id.size());
  if (!std::ranges::all_of(secret, is_alphanumeric)) return "the secret of the key has characters that no key has";
  return "the secret of the key has " + std::to_string(secret.size()) + " characters instead of " +
         std::to_string(kSecretLength) + " or more: the key was cut";
}

Unexpected<Refusal> refuse_key(std::string why) {
  return Unexpected<Refusal>(Refusal{.problem = Problem::kUnknownKey, .for_operator = std::move(why)});
}

}  // namespace

std::string_view readable_key_id(std::string_view text) {
  if (!text.starts_with("vb_")) return {};
  text.remove_prefix(3);
  const std::string_view id = text.substr(0, text.find('_'));
  const bool is_id =
      id.size() < text.size() && id.size() >= 4 && id.size() <= 16 && std::ranges::all_of(id, is_lower_or_digit);
  return is_id ? id : std::string_view();
}

Result<Caller, Refusal> authenticate(const kube::Cache<job::Client>& clients, const Identity& identity,
                                     base::TimePoint now) {
  const auto sent = parse_api_key(identity.api_key);
  const std::string hash = base::sha256_hex(sent ? sent->secret : std::string_view(identity.api_key));
  std::optional<Caller> caller;
  bool compared = false;
  std::string fault;
  if (sent) {
    for (const auto& client : clients.by_index(kKeyIndex, sent->id)) {
      for (const job::Member& member : client->members) {
        for (const job::ApiKey& key : member.keys) {
          if (key.id != sent->id) continue;
          compared = true;
          const bool right = base::equal_constant_time(key.sha256, hash);
          std::string why_not = fault_of(*client, member, key, identity, now, right);
          if (!why_not.empty()) {
            // Of several entries with this id the one with the right secret is the sender's.
            if (fault.empty() || right) fault = std::move(why_not);
            continue;
          }
          caller = Caller{{identity.organization_id, identity.application_id, identity.client_id},
                          member.username,
                          member.role,
                          key.id};
        }
      }
    }
  }
  if (!compared) static_cast<void>(base::equal_constant_time(kNoHash, hash));
  if (!caller && !sent) return refuse_key(fault_of_form(identity.api_key));
  if (!caller) return refuse_key(compared ? std::move(fault) : "no Client has a key with this id");
  return std::move(*caller);
}

}  // namespace vbrain::api
