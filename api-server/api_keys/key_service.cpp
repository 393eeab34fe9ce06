#include "api-server/api_keys/key_service.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api-server/commands/keygen.hpp"
#include "base/log/log.hpp"
#include "base/text/digest.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::api {
namespace {

using kube::ErrorCode;
using kube::KubeResult;

constexpr int kTries = 3;
// About 60 random bits: a name that exists is one that an earlier try made.
constexpr std::size_t kIdLength = 12;

Refusal log_and_refuse(const Caller& caller, std::string_view what, const kube::Error& error) {
  base::log_error(
      what,
      {caller.ids, {"code", to_string(error.code)}, {"http_status", error.http_status}, {"error", error.message}});
  return refusal_of(error);
}

KubeResult<std::vector<job::Key>> list(const Services& services, std::string selector) {
  const auto answer = services.kube.list(job::Key::kType, services.namespace_name,
                                         {.field_selector = std::move(selector)}, services.stop);
  if (!answer) return tl::unexpected(answer.error());
  std::vector<job::Key> keys;
  const nlohmann::json* items = kube::find_member(*answer, "items");
  if (items == nullptr || !items->is_array()) return keys;
  try {
    for (const nlohmann::json& item : *items) keys.push_back(job::Key::decode(item));
  } catch (const kube::DecodeError& error) {
    return tl::unexpected(kube::malformed_error(error.what()));
  }
  return keys;
}

KubeResult<std::vector<job::Key>> keys_of_user(const Services& services, const job::Key& key) {
  return list(services, key_selector(key.tenant(), key.username));
}

// Success: it is gone.
KubeResult<void> remove(const Services& services, const job::Key& key) {
  const kube::DeleteOptions options{.preconditions = {.uid = key.meta.uid}};
  auto removed = services.kube.remove(job::Key::kType, services.namespace_name, key.meta.name, options, services.stop);
  if (!removed && removed.error().code == ErrorCode::kNotFound) return {};
  return removed;
}

// What cannot be deleted now stays for the next time: it has expired.
void remove_expired(const Services& services, const std::vector<job::Key>& keys, base::TimePoint now,
                    std::vector<std::string>& removed) {
  for (const job::Key& key : keys) {
    if (!key.is_live(now) && !key.meta.deletion_timestamp && remove(services, key)) removed.push_back(key.meta.name);
  }
}

// Creates the Key. An id that is taken is replaced. Its UID stays empty if the answer was lost and a repetition found
// the Key there. Error::maybe_done of an error: it may be there.
KubeResult<void> create(const Services& services, const job::Client& owner, MadeKey& made, NewKey& text) {
  bool may_exist = false;
  for (int turn = 1;; ++turn) {
    const nlohmann::json body = job::encode_new_key(services.namespace_name, made.key, owner);
    auto created = services.kube.create<job::Key>(services.namespace_name, body, services.stop);
    if (created) {
      made.key = std::move(*created);
      return {};
    }
    kube::Error& error = created.error();
    const bool taken = error.code == ErrorCode::kAlreadyExists;
    if (taken && may_exist) return {};
    may_exist = may_exist || may_have_been_done(error);
    error.maybe_done = may_exist;
    const bool again = taken || (is_retryable(error) && error.code != ErrorCode::kTimeout);
    if (turn == kTries || !again) return tl::unexpected(std::move(error));
    if (taken) made.key.meta.name = text.id = random_key_id(kIdLength);
  }
}

Refusal not_made(const Caller& caller, const kube::Error& error, bool may_be_there) {
  Refusal refusal = log_and_refuse(caller, "Key not made", error);
  if (may_be_there) {
    refusal.detail +=
        "; the key may have been made, and nobody knows its secret. Remedy: look at GET /api/v1/keys, delete it, and "
        "repeat the request";
  }
  return refusal;
}

// Deletes the Key that was made. The refusal is `why`, or says that the Key may still be there.
Refusal take_back(const Services& services, const Caller& caller, const MadeKey& made, Refusal why) {
  if (made.key.meta.uid.empty()) return not_made(caller, {.message = "its answer was lost"}, true);
  const auto removed = remove(services, made.key);
  return removed ? std::move(why) : not_made(caller, removed.error(), true);
}

}  // namespace

Result<MadeKey, Refusal> make_issued_key(const Services& services, const Caller& caller, const KeyWish& wish,
                                         std::vector<std::string>& expired) {
  const base::TimePoint now = services.clock.now();
  const Membership user = member_of(services.clients, caller.tenant, wish.username);
  if (user.member == nullptr) {
    return refuse(Problem::kInvalid, "username",
                  "no member of the client has this name. Remedy: correct it, or ask the operator to add the member to "
                  "the Client (kubectl edit vclient)");
  }
  NewKey text = make_key(random_key_id(kIdLength));
  MadeKey made;
  made.key.meta.name = text.id;
  made.key.organization_id = caller.tenant.organization;
  made.key.application_id = caller.tenant.application;
  made.key.client_id = caller.tenant.client;
  made.key.username = wish.username;
  made.key.sha256 = base::sha256_hex(text.secret);
  made.key.expires_at = wish.expires_at;
  made.key.created_by = caller.username;
  made.key.description = wish.description;

  const auto before = keys_of_user(services, made.key);
  if (!before) return Unexpected<Refusal>(log_and_refuse(caller, "Keys not listed", before.error()));
  if (auto refused = refuse_more_keys(*before, now)) return Unexpected<Refusal>(std::move(*refused));
  remove_expired(services, *before, now, expired);

  const auto created = create(services, *user.client, made, text);
  if (!created) return Unexpected<Refusal>(not_made(caller, created.error(), created.error().maybe_done));
  const auto after = keys_of_user(services, made.key);
  if (!after)
    return Unexpected<Refusal>(
        take_back(services, caller, made, log_and_refuse(caller, "Keys not listed", after.error())));
  const auto own = std::ranges::find(*after, made.key.sha256, &job::Key::sha256);
  if (own == after->end()) {
    return refuse(Problem::kUnavailable, {}, "the key was deleted while it was being made. Remedy: repeat the request");
  }
  made.key = *own;
  made.text = text.text();
  const auto live = std::ranges::count_if(*after, [&](const job::Key& key) { return key.is_live(now); });
  if (live <= static_cast<std::ptrdiff_t>(kMostLiveKeys)) return made;
  return Unexpected<Refusal>(take_back(
      services, caller, made,
      {.problem = Problem::kTooManyKeys,
       .detail = "other requests made keys for the same user at the same time, and a user has two live keys at most. "
                 "Remedy: look at GET /api/v1/keys, and repeat the request if there is room"}));
}

Result<void, Refusal> delete_issued_key(const Services& services, const Caller& caller, std::string_view id,
                                        const std::optional<Refusal>& refused) {
  // What is no id of a key is the name of no Key.
  if (readable_key_id("vb_" + std::string(id) + "_") != id) return refuse(Problem::kNoKey);
  const auto found = list(services, "metadata.name=" + std::string(id));
  if (!found) return Unexpected<Refusal>(log_and_refuse(caller, "Key not deleted", found.error()));
  for (const job::Key& key : *found) {
    if (key.meta.name != id || key.tenant() != caller.tenant) continue;
    if (refused) return Unexpected<Refusal>(*refused);
    const auto removed = remove(services, key);
    if (!removed) return Unexpected<Refusal>(log_and_refuse(caller, "Key not deleted", removed.error()));
    return {};
  }
  for (const auto& client : services.clients.by_index(kKeyIndex, id)) {
    if (tenant_keys(*client).front() != tenant_key(caller.tenant)) continue;
    return refuse(Problem::kKeyOfClient, {},
                  "the key stands in the Client resource, which only operators change. Remedy: ask the operator to "
                  "remove it there (kubectl edit vclient)");
  }
  return refuse(Problem::kNoKey);
}

std::string list_keys(const Services& services, const base::Tenant& tenant) {
  std::vector<ListedKey> keys;
  std::vector<Membership> members;  // they hold the Clients that the list points into
  for (auto& key : services.issued_keys.by_index(kIssuedIndex, tenant_key(tenant))) {
    members.push_back(member_of(services.clients, *key));
    keys.push_back({std::move(key), members.back().member});
  }
  return render_keys(services.clients.by_index(kTenantIndex, tenant_key(tenant)), keys, services.clock.now());
}

}  // namespace vbrain::api
