#pragma once

#include <optional>
#include <string_view>

#include "api-server/routes/call.hpp"

namespace vbrain::api {

// Preconditions of RFC 9110 section 13, beside If-None-Match and If-Range of reads, which are part of the answers.

// For GET and HEAD. `reply` is the answer without If-Match. The refusal (412) if If-Match names another version than
// the one of `reply`. Errors and other methods pass. Pure.
std::optional<Refusal> check_if_match(const http::RequestHead& head, const http::Reply& reply);

// For DELETE, before anything is deleted: reads the object as GET or HEAD does, if there is such a route. The refusal
// is that of the read, or 412 if If-Match does not name the object's version or If-None-Match names it. Nothing is read
// without these headers. The object may change between the check and the deletion.
http::Task<std::optional<Refusal>> check_before_deletion(Call& call, const Route& deletion);

}  // namespace vbrain::api
