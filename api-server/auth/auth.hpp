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
#include "base/time/clock.hpp"
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
  kChangeJob,  // cancels, suspends, resumes
  kRetryJob,
  kReadUsage,
};

// The table of roles and permissions (docs/api.md).
bool may(job::Role role, Permission permission);

// An authenticated sender.
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

// The id of a key, also if its secret is cut or wrong; empty if the text has no id. It is no secret and stands in logs.
std::string_view readable_key_id(std::string_view text);

// Name of the index by job::key_ids that authenticate() needs.
inline constexpr const char* kKeyIndex = "key";

// For how long cached keys are accepted while the Kubernetes API is silent. After that a key may have been revoked
// without our knowledge.
inline constexpr std::chrono::minutes kKeysHold{5};
// Why no key can be checked now, as constant text; empty if keys can be checked. `silence`: the time since the watch of
// Clients last received something. Pure.
std::string_view why_keys_are_unknown(bool synced, base::SteadyPoint::duration silence);

// Authenticates the sender: there must be a Client with exactly these three names, with a member of this username, with
// a key of this id that has not expired and has the hash of the secret. Otherwise kUnknownKey; only `for_operator` says
// why. The secret is hashed and compared also if the id is unknown, so that the time of an answer tells nothing.
// Thread-safe, no I/O.
Result<Caller, Refusal> authenticate(const kube::Cache<job::Client>& clients, const Identity& identity,
                                     base::TimePoint now);

}  // namespace vbrain::api
