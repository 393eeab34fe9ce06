#pragma once

#include <optional>
#include <string_view>

#include "api-server/routes/call.hpp"

namespace vbrain::api {

// Preconditions of RFC 9110 section 13, beside If-None-Match and If-Range of reads, which are part of the answers.

// For GET and HEAD. `reply` is the answer without If-Match. The refusal (412) if If-Match names another version than
// the one of `reply`. Errors and other methods pass. Pure.
std::optional<Refusal> check_if_match(const http::RequestHead& head, const http::Reply& reply);

// For DELETE, before anything is deleted: reads the object as GET or HEAD does. The refusal is that of the read, or 412
// if If-Match does not name the object's version or If-None-Match names it. Nothing is read without these headers, or
// if there is no route that reads: then the handler asks refuse_without_version. The object may change between the
// check and the deletion.
http::Task<std::optional<Refusal>> check_before_deletion(Call& call, const Route& deletion);

// For DELETE of an object that no route reads, once it is known to be there (RFC 9110 section 13.2.1: an error comes
// before the preconditions). It has no ETag: 412 if If-Match names any, or if If-None-Match is `*`. Pure.
std::optional<Refusal> refuse_without_version(const http::RequestHead& head);

}  // namespace vbrain::api
