#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "api-server/limits/quota_policy.hpp"
#include "base/result.hpp"
#include "http/message/message.hpp"

namespace vbrain::kube {
struct Error;
}
namespace vbrain::artifacts {
struct ArchiveError;
class VolumeError;
}  // namespace vbrain::artifacts

namespace vbrain::api {

// All refusals of the REST contract. Statuses and words are in one table in errors.cpp.
enum class Problem {
  kBadRequest,
  kMissing,  // subject: the header
  kInvalid,  // subject: the header, field or parameter
  kUnknownKey,
  kNotPermitted,
  kNoSuchRoute,
  kWrongMethod,  // detail: the value of Allow
  kNoRepository,
  kNoJob,
  kNoFile,
  kTimeout,
  kTooLarge,
  kMediaType,
  kExpectation,
  kTooMany,
  kHeadersTooLarge,
  kJobFailed,
  kRepositoryNotDeleted,
  kJobNotDeleted,
  kRangeUnsatisfiable,
  kInternal,
  kUnavailable,
  kVersion,
  kNoSpace,
  kPrecondition,
  kJobFixed,         // the job has ended, or is being cancelled
  kJobNotEnded,      // only an ended job can be retried
  kOtherSubmission,  // the Idempotency-Key belongs to another request
  kNoUpload,
  kNoKey,
  kTooManyKeys,
  kKeyOfClient,  // it stands in the Client resource, which this server may not change
  kUploadUnfinished,
  kUploadUsed,    // or is being used
  kUploadOffset,  // not the one that the upload has
  kChecksum,
};

// A request that is refused, in words for its sender.
struct Refusal {
  Problem problem = Problem::kInternal;
  std::string subject = {};  // what is missing or invalid; never unchecked text of the request
  std::string detail = {};   // helps a person; may be empty
  std::optional<std::chrono::seconds> retry_after = {};
  std::string for_operator = {};  // for the audit line only
  std::optional<QuotaPolicy> limit = {};  // of a 429: nothing is left of it
  bool close = false;                     // the connection ends with the answer
};

using Answer = Result<http::Reply, Refusal>;

inline Unexpected<Refusal> refuse(Problem problem, std::string subject = {}, std::string detail = {}) {
  return Unexpected<Refusal>(Refusal{.problem = problem, .subject = std::move(subject), .detail = std::move(detail)});
}

// `name`, which a client chose, if it is plain enough to be repeated as a subject; else `otherwise`.
std::string plain_subject(std::string_view name, std::string_view otherwise);

int status_of(Problem problem);
// The value of "error": "Missing organization_id".
std::string message_of(const Refusal& refusal);

// {"error": …, "detail": …} with the headers that belong to it (Allow, Retry-After, WWW-Authenticate, RateLimit and
// RateLimit-Policy).
http::Reply to_reply(const Refusal& refusal);

// A limit of the sender's tenant is reached for now: 429. The text is the detail: which limit, and what to do.
class TenantLimit : public std::runtime_error {
 public:
  TenantLimit(const std::string& detail, const QuotaPolicy& limit) : std::runtime_error(detail), limit_(limit) {}
  const QuotaPolicy& limit() const { return limit_; }

 private:
  QuotaPolicy limit_;
};

// For refusals of the listener, which know only a status.
Problem problem_of_status(int status);

// The answer to an exception of a request, and the only place that decides it: those of HTTP
// (http::answer_to_exception), of the volume, and all others (500). `for_operator` is for the log; empty: not an error
// of the server.
Refusal refusal_of(const std::exception_ptr& exception);

// A failed call to the Kubernetes API is 503 for the client, whatever the reason. The reason is for the log.
Refusal refusal_of(const kube::Error& error);
// A bad archive is an invalid `file`.
Refusal refusal_of(const artifacts::ArchiveError& error);
// Full: 507; anything else: 503.
Refusal refusal_of(const artifacts::VolumeError& error);

// A JSON answer; `json` is the text.
http::Reply json_reply(int status, std::string json);

// Adds the fields that keep an answer out of shared caches, which know a URL and not whose key was in the request:
// `Cache-Control: no-store`, and `Vary` with the identity headers (RFC 9111 sections 4.1 and 5.2.2.5).
void forbid_caching(http::Reply& reply);

}  // namespace vbrain::api
