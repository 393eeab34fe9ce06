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
#include "base/clock.hpp"
#include "job/client.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::api {

enum class Permission {
  kCreateRepository,
  kReadRepository,
  kDeleteRepository,
  kCreateJob,
  kReadJob,
  kDeleteJob,
};

// The contract's table of roles.
bool may(job::Role role, Permission permission);

// Somebody whose key was right.
struct Caller {
  artifacts::Tenant tenant;
  std::string username;
  job::Role role = job::Role::kStakeholder;
  std::string key_id;
};

// An API key as sent: vb_<id>_<secret>. The views point into the text.
struct ApiKeyText {
  std::string_view id;      // 4 to 16 of [a-z0-9]
  std::string_view secret;  // 43 to 86 of [0-9A-Za-z]
};
std::optional<ApiKeyText> parse_api_key(std::string_view text);

// Name of the index that authenticate() needs, and its function: the ids of all keys of a Client.
inline constexpr const char* kKeyIndex = "key";
std::vector<std::string> key_ids(const job::Client& client);

// For how long keys that were read from the Kubernetes API are believed without a word from it: one of them may have
// been revoked.
inline constexpr std::chrono::minutes kKeysHold{5};
// Why nobody's key can be checked now, as constant text; empty if it can. `silence`: since the API's last word on
// Clients. Pure.
std::string_view why_keys_are_unknown(bool synced, base::SteadyPoint::duration silence);

// Who the sender is. kUnknownKey, with nothing said about what was wrong, unless a key of that id exists whose hash is
// that of the secret, not expired, of a member with this username, in a Client with exactly these three names. The
// secret is hashed and compared also when the id is unknown, so that time tells nothing. Thread-safe, no I/O.
Result<Caller, Refusal> authenticate(const kube::Cache<job::Client>& clients, const Identity& identity,
                                     base::TimePoint now);

}  // namespace vbrain::api
