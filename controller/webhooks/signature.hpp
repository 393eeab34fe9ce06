#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::controller {

// Signatures of the Standard Webhooks scheme, version v1: HMAC-SHA256
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).

// The keys of a secret's text: one or more of `whsec_<base64>`, separated by blanks or line breaks, each of 24 to 64
// bytes. Fails with a sentence without the secret itself. Pure.
Result<std::vector<std::string>, std::string> read_secrets(std::string_view text);

// The value of the header webhook-signature: of each key `v1,<base64>` over id, timestamp and body. A receiver takes a
// message if one of them is right, so that a secret can be replaced without a gap. Pure.
std::string sign(const std::vector<std::string>& keys, std::string_view id, std::string_view timestamp,
                 std::string_view body);

}  // namespace vbrain::controller
