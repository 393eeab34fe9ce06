#pragma once

#include <optional>
#include <string_view>

#include "api-server/keys/idempotency.hpp"
#include "api-server/routes/call.hpp"

namespace vbrain::api {

// Whether the digest of a request covers its body.
enum class KeyedBody { kRead, kIgnored };

struct KeyLook {
  std::optional<KeyedRequest> key;      // the request has one; its answer is not known
  std::optional<http::Reply> replayed;  // the answer of an earlier request with the same key and body
};

// The first step of a request that may have an Idempotency-Key. If an earlier request with this key is done, the body
// is read for its digest only, and nothing else is asked: not for space, nor whether the repository still exists.
// Refuses with kInvalid and kOtherSubmission. With `kIgnored` the digest of `key` is set; otherwise the caller reads
// the body with BodyTerms::Digest::kToo and calls set_digest().
http::Task<Result<KeyLook, Refusal>> look_at_key(Call& call, KeyedBody body);

void set_digest(const Call& call, KeyedRequest& key, std::string_view body_digest);

}  // namespace vbrain::api
