#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "http/message.hpp"

namespace vbrain::kube {
struct Error;
}
namespace vbrain::artifacts {
struct ArchiveError;
class VolumeError;
}  // namespace vbrain::artifacts

namespace vbrain::api {

// Everything the REST contract can say no with. Statuses and words are in one table in errors.cpp.
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
};

// A request that is not done, in words for its sender.
struct Refusal {
  Problem problem = Problem::kInternal;
  std::string subject = {};  // what is missing or invalid; ours or checked, never raw text of the request
  std::string detail = {};   // helps a person; may be empty
  std::optional<std::chrono::seconds> retry_after = {};
  std::string for_operator = {};  // for the audit line only
};

using Answer = Result<http::Reply, Refusal>;

inline Unexpected<Refusal> refuse(Problem problem, std::string subject = {}, std::string detail = {}) {
  return Unexpected<Refusal>(Refusal{.problem = problem, .subject = std::move(subject), .detail = std::move(detail)});
}

int status_of(Problem problem);
// The value of "error": "Missing organization_id".
std::string message_of(const Refusal& refusal);

// {"error": …, "detail": …} with the headers that belong to it (Allow, Retry-After, WWW-Authenticate has no use here).
http::Reply to_reply(const Refusal& refusal);

// The listener's own refusals, which know a status only.
Problem problem_of_status(int status);

// What a failed call to the Kubernetes API means for our client: 503, whatever it was. The reason is for the log.
Refusal refusal_of(const kube::Error& error);
// A bad archive is the client's `file`.
Refusal refusal_of(const artifacts::ArchiveError& error);
// Full: 507; anything else: 503.
Refusal refusal_of(const artifacts::VolumeError& error);

// A JSON answer; `json` is the text.
http::Reply json_reply(int status, std::string json);

}  // namespace vbrain::api
