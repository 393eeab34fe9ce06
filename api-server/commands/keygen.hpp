#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time/clock.hpp"
#include "job/client.hpp"

namespace vbrain::api {

struct NewKey {
  std::string id;
  std::string secret;  // 43 characters of base 62: 256 bits

  std::string text() const { return "vb_" + id + "_" + secret; }
};

// Uniformly distributed base 62 text made of `random`. Bytes that would bias it are left out; the text is shorter than
// `length` if `random` is too short. Pure.
std::string base62(std::string_view random, std::size_t length);

// A new key; a random id of 8 characters if none is given. The secret is of the operating system's random bytes.
NewKey make_key(const std::optional<std::string>& id);

// A random id of `length` characters of [a-z0-9], about 5 bits each.
std::string random_key_id(std::size_t length);

// The entry to paste below `members` of a Client, as YAML. Holds the hash, never the secret.
std::string member_yaml(std::string_view username, job::Role role, const NewKey& key,
                        const std::optional<base::TimePoint>& expires);

// `api-server keygen`: reads its own options, prints the key and the entry. Returns the exit code.
int run_keygen(int argc, const char* const* argv);

}  // namespace vbrain::api
