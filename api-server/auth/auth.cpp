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
      return role != job::Role::kStakeholder;
    case Permission::kDeleteRepository:
    case Permission::kDeleteJob:
    case Permission::kChangeJob:
    case Permission::kRetryJob:
    case Permission::kManageKeys:
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

std::string tenant_key(const artifacts::Tenant& tenant) {
  return tenant.organization + '\n' + tenant.application + '\n' + tenant.client;
}

std::vector<std::string> tenant_keys(const job::Client& client) {
  return {tenant_key({client.organization_id, client.application_id, client.client_id})};
}

std::vector<std::string> issued_keys(const job::Key& key) {
  return {tenant_key(key.tenant())};
}

std::string_view why_no_issued_keys(KeysState state) {
  switch (state) {
    case KeysState::kKnown:
      return {};
    case KeysState::kStarting:
      return "the server has not read the Keys yet. Remedy: repeat the request";
    case KeysState::kSilent:
      return "the Kubernetes API has not answered for too long: Keys may have been revoked. Remedy: repeat the request";
    case KeysState::kNotServed:
      return "the cluster does not know the kind Key. Remedy: the operator installs the definitions of this version: "
             "kubectl apply --server-side --force-conflicts -f helm/vbrain/files/crds";
    case KeysState::kForbidden:
      return "the server may not read Keys. Remedy: the operator upgrades the chart to this version, with its Roles";
  }
  return {};
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

// As above, of a Key.
std::string fault_of(const job::Key& key, const Membership& membership, const Identity& identity, base::TimePoint now,
                     bool is_right) {
  if (!is_right) return "the secret of the key is wrong";
  if (key.meta.deletion_timestamp) return "Key " + key.meta.name + " is being deleted";
  if (!key.is_live(now)) return "the key expired at " + base::format_rfc3339_seconds(*key.expires_at);
  if (key.tenant() != artifacts::Tenant{identity.organization_id, identity.application_id, identity.client_id}) {
    return "the key belongs to another tenant: organization_id '" + key.organization_id + "', application_id '" +
           key.application_id + "', client_id '" + key.client_id + "'";
  }
  if (key.username != identity.username) return "the key belongs to another user: '" + key.username + "'";
  if (membership.member == nullptr) return "the user of the key is no member of its Client any more";
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

Membership member_of(const kube::Cache<job::Client>& clients, const artifacts::Tenant& tenant,
                     std::string_view username) {
  for (auto& client : clients.by_index(kTenantIndex, tenant_key(tenant))) {
    if (client->meta.deletion_timestamp) continue;
    const auto member = std::ranges::find(client->members, username, &job::Member::username);
    if (member != client->members.end()) return {client, &*member};
  }
  return {};
}

Membership member_of(const kube::Cache<job::Client>& clients, const job::Key& key) {
  const std::string_view owner = key.owner_uid();
  for (auto& client : clients.by_index(kTenantIndex, tenant_key(key.tenant()))) {
    // A Client of the same name may have been made anew; its members did not get this key.
    if (client->meta.deletion_timestamp || (!owner.empty() && client->meta.uid != owner)) continue;
    const auto member = std::ranges::find(client->members, key.username, &job::Member::username);
    if (member != client->members.end()) return {client, &*member};
  }
  return {};
}

namespace {

// What the entries with the sent id say of the sender.
struct Search {
  const KnownKeys& known;
  const Identity& identity;
  const base::TimePoint now;
  const std::string hash;  // of the sent secret
  std::optional<Caller> caller = {};
  bool compared = false;
  std::string fault = {};  // why an entry does not admit the sender

  // Of several entries with this id the one with the right secret is the sender's.
  void note(bool is_right, std::string why_not) {
    if (fault.empty() || is_right) fault = std::move(why_not);
  }
  bool compare(std::string_view sha256) {
    compared = true;
    return base::equal_constant_time(sha256, hash);
  }
  artifacts::Tenant tenant() const { return {identity.organization_id, identity.application_id, identity.client_id}; }
};

void look_into(const job::Client& client, std::string_view id, Search& search) {
  for (const job::Member& member : client.members) {
    for (const job::ApiKey& key : member.keys) {
      if (key.id != id) continue;
      const bool right = search.compare(key.sha256);
      std::string why_not = fault_of(client, member, key, search.identity, search.now, right);
      if (why_not.empty()) {
        search.caller = Caller{search.tenant(), member.username, member.role, key.id};
      } else {
        search.note(right, std::move(why_not));
      }
    }
  }
}

void look_at(const std::shared_ptr<const job::Key>& key, Search& search) {
  const bool right = search.compare(key->sha256);
  const Membership membership = member_of(search.known.clients, *key);
  std::string why_not = fault_of(*key, membership, search.identity, search.now, right);
  if (!why_not.empty()) return search.note(right, std::move(why_not));
  if (search.caller) return;
  search.caller = Caller{search.tenant(), key->username, membership.member->role, key->meta.name, key};
}

}  // namespace

Result<Caller, Refusal> authenticate(const KnownKeys& known, const Identity& identity, base::TimePoint now) {
  const auto sent = parse_api_key(identity.api_key);
  Search search{known, identity, now, base::sha256_hex(sent ? sent->secret : std::string_view(identity.api_key))};
  if (sent) {
    for (const auto& client : known.clients.by_index(kKeyIndex, sent->id)) look_into(*client, sent->id, search);
    if (const auto key = known.issued.get(sent->id)) look_at(key, search);
  }
  if (!search.compared) static_cast<void>(base::equal_constant_time(kNoHash, search.hash));
  const auto unknown = [&] { return refuse(Problem::kUnavailable, {}, std::string(why_no_issued_keys(known.state))); };
  if (search.caller) {
    if (search.caller->issued != nullptr && known.state == KeysState::kSilent) return unknown();
    return std::move(*search.caller);
  }
  if (!sent) return refuse_key(fault_of_form(identity.api_key));
  if (search.compared) return refuse_key(std::move(search.fault));
  if (known.state == KeysState::kStarting) return unknown();
  std::string why = "no Client has a key with this id, and no Key has this name";
  if (known.state != KeysState::kKnown) why.append("; ").append(why_no_issued_keys(known.state));
  return refuse_key(std::move(why));
}

}  // namespace vbrain::api
