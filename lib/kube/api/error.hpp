#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::kube {

// Why a call to the Kubernetes API failed, after the reasons of metav1.Status (apimachinery api/meta/v1, StatusReason).
enum class ErrorCode {
  kNotFound,
  kAlreadyExists,
  kConflict,  // a resourceVersion or UID precondition did not hold: read again, decide again
  kInvalid,   // refused by a schema, a CEL rule or an admission plugin; the same request never succeeds
  kForbidden,
  kUnauthorized,
  kTooManyRequests,
  kGone,         // 410: the resourceVersion or the continue token is too old; list again
  kTimeout,      // nobody answered in time; the request may or may not have been done
  kUnavailable,  // no connection, connection broken, 502, 503
  kInternal,     // 500, or an answer that is not what the API promises
  kBadRequest,
  kTooLarge,   // 413, or an answer above the transport's limit
  kCancelled,  // the stop token given to the call
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
  int http_status = 0;      // 0 if no answer came
  std::string reason = {};  // metav1.Status.reason, "" if there was none
  std::string message = {};
  std::optional<std::chrono::milliseconds> retry_after = {};  // Retry-After or Status.details.retryAfterSeconds
  std::vector<ErrorCause> causes = {};
  // The transport sent the request more than once, and a try before the last, of which all else here tells, may have
  // been done.
  bool maybe_done = false;
  // Nothing of the request's body has reached the server, by the last try: it was not done. Never of a request without
  // a body.
  bool unsent = false;
};

template <class T>
using KubeResult = Result<T, Error>;

// True if the same request may succeed later without anybody changing it: kTooManyRequests, kTimeout, kUnavailable,
// kInternal, and kUnauthorized (a token in rotation). A kConflict is not: it needs a new read first.
bool is_retryable(const Error& error);

// True if the request may have been done although its answer is this error: it was lost on the way, its outcome is not
// known to the server itself, or `maybe_done`; a 502 or 503 may be a proxy's, behind which it was done. Not if it was
// `unsent`. Only of use for writes.
bool may_have_been_done(const Error& error);

// The error of an answer with status >= 300, or of an ERROR event (status then is Status.code). `body` is a
// metav1.Status or anything else; of a body that is no Status the first 200 bytes become the message.
// `retry_after` is the header's text: seconds are read (at most an hour), anything else is ignored.
Error error_from_response(int http_status, std::string_view body, std::string_view retry_after = {});

Error cancelled_error();
// The server answered, but not what the API promises: kInternal, reason "Malformed".
Error malformed_error(std::string message);

}  // namespace vbrain::kube
