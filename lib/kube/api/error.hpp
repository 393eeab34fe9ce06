#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::kube {

// Why a call to the Kubernetes API failed. The codes follow the reasons of metav1.Status (apimachinery api/meta/v1,
// StatusReason).
enum class ErrorCode {
  kNotFound,
  kAlreadyExists,
  kConflict,  // a resourceVersion or UID precondition failed: read the object again, then decide again
  kInvalid,   // refused by a schema, a CEL rule or an admission plugin; the same request never succeeds
  kForbidden,
  kUnauthorized,
  kTooManyRequests,
  kGone,         // 410: the resourceVersion or the continue token is too old; list again
  kTimeout,      // no answer in time; the server may have executed the request
  kUnavailable,  // no connection, connection broken, 502, 503
  kInternal,     // 500, or an answer that violates the API
  kBadRequest,
  kTooLarge,   // 413, or an answer above the transport's limit
  kCancelled,  // the call's stop token was requested
};

std::string_view to_string(ErrorCode code);

// One of metav1.StatusDetails.causes.
struct ErrorCause {
  std::string reason;
  std::string message;
  std::string field;
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  int http_status = 0;      // 0 if there was no answer
  std::string reason = {};  // metav1.Status.reason, "" if absent
  std::string message = {};
  std::optional<std::chrono::milliseconds> retry_after = {};  // Retry-After or Status.details.retryAfterSeconds
  std::vector<ErrorCause> causes = {};
  // The transport sent the request more than once, and the server may have executed one before the last. The other
  // members describe the last one.
  bool maybe_done = false;
  // The last time, no byte of the request's body was sent, so the server did not execute it. Never set for a request
  // without a body.
  bool unsent = false;
};

template <class T>
using KubeResult = Result<T, Error>;

// Whether the same request may succeed later: kTooManyRequests, kTimeout, kUnavailable, kInternal, and kUnauthorized,
// since the token may be replaced. kConflict is not among them, because the object must be read again first.
bool is_retryable(const Error& error);

// Whether the server may have executed the request although the call returned this error: the answer was lost, the
// server does not know the outcome itself, `maybe_done` is set, or a 502 or 503 came from a proxy. False if `unsent` is
// set. For writes only.
bool may_have_been_done(const Error& error);

// The error of an answer with status 300 or above, or of an ERROR event, whose `status` is Status.code. If `body` is no
// metav1.Status, its first 200 bytes become the message. `retry_after` is the text of the header: a number of seconds
// is read, up to an hour; any other form is ignored.
Error error_from_response(int http_status, std::string_view body, std::string_view retry_after = {});

Error cancelled_error();
// The server answered, but not what the API promises: kInternal, reason "Malformed".
Error malformed_error(std::string message);

}  // namespace vbrain::kube
