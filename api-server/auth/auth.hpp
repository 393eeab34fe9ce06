#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/auth/identity.hpp"
#include "api-server/errors.hpp"
#include "artifacts/store/layout.hpp"
#include "base/log/request_ids.hpp"
#include "base/time/clock.hpp"
#include "job/client.hpp"
#include "job/key.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::api {

enum class Permission {
  kCreateRepository,
  kReadRepository,
  kDeleteRepository,
  kCreateJob,
  kReadJob,
  kDeleteJob,
  kChangeJob,  // cancels, suspends, resumes
  kRetryJob,
  kReadUsage,
  kManageKeys,
};

// The table of roles and permissions (docs/api.md).
bool may(job::Role role, Permission permission);

// An authenticated sender.
struct Caller {
  artifacts::Tenant tenant;
  std::string username;
  job::Role role = job::Role::kStakeholder;
  std::string key_id;
  std::shared_ptr<const job::Key> issued = {};  // the Key that admitted the sender; null: a key of the Client
  base::RequestIds ids = {};                    // RequestContext::ids of the request
};

// An API key as sent: vb_<id>_<secret>. The views point into the text.
struct ApiKeyText {
  std::string_view id;      // 4 to 16 of [a-z0-9]
  std::string_view secret;  // 43 to 86 of [0-9A-Za-z]
};
std::optional<ApiKeyText> parse_api_key(std::string_view text);

// The id of a key, also if its secret is cut or wrong; empty if the text has no id. It is no secret and stands in logs.
std::string_view readable_key_id(std::string_view text);

// Name of the index by job::key_ids that authenticate() needs.
inline constexpr const char* kKeyIndex = "key";

// Names of the indexes of Clients and of Keys by tenant, whose only value for an object is tenant_key().
inline constexpr const char* kTenantIndex = "tenant";
inline constexpr const char* kIssuedIndex = "tenant";
std::string tenant_key(const artifacts::Tenant& tenant);
std::vector<std::string> tenant_keys(const job::Client& client);
std::vector<std::string> issued_keys(const job::Key& key);

// For how long cached keys are accepted while the Kubernetes API is silent. After that a key may have been revoked
// without our knowledge.
inline constexpr std::chrono::minutes kKeysHold{5};
// Why no key can be checked now, as constant text; empty if keys can be checked. `silence`: the time since the watch of
// Clients last received something. Pure.
std::string_view why_keys_are_unknown(bool synced, base::SteadyPoint::duration silence);

// What this server knows of the Keys, the keys that leaders make by REST.
enum class KeysState {
  kKnown,
  kStarting,   // they have not been read yet
  kSilent,     // the watch has been silent for kKeysHold
  kNotServed,  // the cluster has no definition of Key: it is older than this program
  kForbidden,  // this server has no right to read them: its Role is older than this program
};

// Why Keys can't be used or managed now, with the remedy, as constant text; empty if they can. Pure.
std::string_view why_no_issued_keys(KeysState state);

// The caches of all that admits somebody, with the indexes of above.
struct KnownKeys {
  const kube::Cache<job::Client>& clients;
  const kube::Cache<job::Key>& issued;
  KeysState state = KeysState::kKnown;  // of `issued`
};

// Who may use a Key: a member of the Client that owns it, or, if no Client owns it, of any Client of its tenant. A
// Client that is being deleted has no members.
struct Membership {
  std::shared_ptr<const job::Client> client;  // null: nobody
  const job::Member* member = nullptr;        // of `client`
};
Membership member_of(const kube::Cache<job::Client>& clients, const job::Key& key);
// The member of this name of any Client of the tenant.
Membership member_of(const kube::Cache<job::Client>& clients, const artifacts::Tenant& tenant,
                     std::string_view username);

// Authenticates the sender: there must be a Client with exactly these three names, with a member of this username, and
// for this member a key of this id that has not expired and has the hash of the secret: in the Client, or as a Key.
// Otherwise kUnknownKey; only `for_operator` says why. kUnavailable: the key may be a Key that this server cannot know
// now. The secret is hashed and compared also if the id is unknown, so that the time of an answer tells nothing.
// Thread-safe, no I/O.
Result<Caller, Refusal> authenticate(const KnownKeys& known, const Identity& identity, base::TimePoint now);

}  // namespace vbrain::api
