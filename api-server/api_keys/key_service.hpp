#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api-server/api_keys/key_rules.hpp"
#include "api-server/errors.hpp"
#include "api-server/services.hpp"

namespace vbrain::api {

// A Key that was made, and its whole text, which is nowhere else.
struct MadeKey {
  job::Key key;
  std::string text;
};

// Makes a Key for a member of the tenant, unless the user has kMostLiveKeys. Two requests at once, on any servers,
// never leave more: each looks again after it has made its own, and takes it back if there are too many; both may then
// be refused. Deletes Keys of the user that have expired; `expired` gets their names. Blocks on the Kubernetes API.
Result<MadeKey, Refusal> make_issued_key(const Services& services, const Caller& caller, const KeyWish& wish,
                                         std::vector<std::string>& expired);

// Deletes a Key of the tenant, unless `refused` says why not; then that is the answer. One of another tenant does not
// exist. The API server is asked, not the cache, so that a Key that was made just now is found. Blocks on the
// Kubernetes API.
Result<void, Refusal> delete_issued_key(const Services& services, const Caller& caller, std::string_view id,
                                        const std::optional<Refusal>& refused);

// The answer of GET /keys for the tenant, from the caches. No I/O.
std::string list_keys(const Services& services, const base::Tenant& tenant);

}  // namespace vbrain::api
