#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/errors.hpp"
#include "base/time/clock.hpp"
#include "job/client.hpp"
#include "job/key.hpp"

namespace vbrain::api {

// Live Keys of one user: the old one and the new one while a key is being replaced. Keys in the Client do not count:
// leaders can't remove them, so they could be locked out.
inline constexpr std::size_t kMostLiveKeys = 2;
inline constexpr std::size_t kMostKeyBody = 16 << 10;             // bytes
inline constexpr std::size_t kMostKeyDescription = 200;           // bytes
inline constexpr std::chrono::seconds kLongestLife{315'360'000};  // ten years of 365 days

// The body of POST /keys.
struct KeyWish {
  std::string username;
  std::optional<base::TimePoint> expires_at;  // whole seconds, after now; nothing: never
  std::string description;
};

// Reads {"username", "expires_in" or "expires_at", "description"}. A fraction of a second is rounded up. Pure.
Result<KeyWish, Refusal> read_key_wish(std::string_view body, base::TimePoint now);

// The refusal (409) of a further Key for a user who has these; nothing if there is room. Pure.
std::optional<Refusal> refuse_more_keys(const std::vector<job::Key>& keys, base::TimePoint now);

// The selector of the Keys of one user of a tenant (fields of the definition that are selectable). Pure.
std::string key_selector(const base::Tenant& tenant, std::string_view username);

// A Key of a tenant, and the member that it counts for.
struct ListedKey {
  std::shared_ptr<const job::Key> key;
  const job::Member* member = nullptr;  // null: the user is no member any more
};

// The answer of GET /keys: the keys of all members in these Clients, and these Keys, by user and time; never a secret
// or a hash. Pure.
std::string render_keys(const std::vector<std::shared_ptr<const job::Client>>& clients,
                        const std::vector<ListedKey>& keys, base::TimePoint now);

// The answer of POST /keys, the only one with a secret. `text`: the whole key. Pure.
std::string render_new_key(const job::Key& key, std::string_view text);

}  // namespace vbrain::api
