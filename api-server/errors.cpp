#include "api-server/errors.hpp"

#include <algorithm>
#include <array>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/auth/identity.hpp"
#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "http/handler.hpp"
#include "kube/api/error.hpp"

namespace vbrain::api {
namespace {

struct Row {
  Problem problem;
  int status;
  std::string_view words;  // ends in a space: the subject follows
};

constexpr std::array<Row, 36> kTable{{
    {Problem::kBadRequest, 400, "Invalid request"},
    {Problem::kMissing, 400, "Missing "},
    {Problem::kInvalid, 400, "Invalid "},
    {Problem::kUnknownKey, 401, "Invalid x-api-key"},
    {Problem::kNotPermitted, 403, "Permission denied"},
    {Problem::kNoSuchRoute, 404, "Not found"},
    {Problem::kWrongMethod, 405, "Method not allowed"},
    {Problem::kNoRepository, 404, "Invalid repository_id"},
    {Problem::kNoJob, 404, "Invalid job_id"},
    {Problem::kNoFile, 404, "Invalid path"},
    {Problem::kNoUpload, 404, "Invalid upload_id"},
    {Problem::kNoKey, 404, "Invalid key_id"},
    {Problem::kTimeout, 408, "Request timeout"},
    {Problem::kJobFixed, 409, "Job cannot be changed"},
    {Problem::kJobNotEnded, 409, "Job not yet finished"},
    {Problem::kUploadUnfinished, 409, "Upload not yet complete"},
    {Problem::kUploadUsed, 409, "Upload already used"},
    {Problem::kUploadOffset, 409, "Upload-Offset does not match"},
    {Problem::kTooManyKeys, 409, "Too many keys"},
    {Problem::kKeyOfClient, 409, "Key cannot be deleted"},
    {Problem::kPrecondition, 412, "Precondition failed"},
    {Problem::kTooLarge, 413, "Payload too large"},
    {Problem::kMediaType, 415, "Unsupported media type"},
    {Problem::kExpectation, 417, "Invalid expect"},
    {Problem::kOtherSubmission, 422, "Idempotency-Key already used"},
    {Problem::kTooMany, 429, "Too many requests"},
    {Problem::kHeadersTooLarge, 431, "Headers too large"},
    {Problem::kChecksum, 460, "Checksum mismatch"},
    {Problem::kJobFailed, 500, "Job failed"},
    {Problem::kRepositoryNotDeleted, 500, "Error deleting repository folder"},
    {Problem::kJobNotDeleted, 500, "Error deleting job folder"},
    {Problem::kRangeUnsatisfiable, 416, "Invalid range"},
    {Problem::kInternal, 500, "Internal error"},
    {Problem::kUnavailable, 503, "Service unavailable"},
    {Problem::kVersion, 505, "Invalid HTTP version"},
    {Problem::kNoSpace, 507, "Insufficient storage"},
}};

const Row& row_of(Problem problem) {
  for (const Row& row : kTable) {
    if (row.problem == problem) return row;
  }
  return row_of(Problem::kInternal);
}

constexpr std::chrono::seconds kRetrySoon{1};

// RFC 9110 section 11.6.1 requires a challenge. The scheme is not registered, so no browser opens a password dialog.
constexpr std::string_view kChallenge = R"(ApiKey realm="vBrain", header="x-api-key")";

constexpr const char* kTenantHasItsJson =
    "your client has as much JSON under way as it may (half of --max-json-memory); send fewer or smaller requests at a "
    "time, read answers to their end, and send this one again after the time in Retry-After";

// A network file system may show a file before all of it.
Refusal unreadable(const std::exception& problem) {
  return {.problem = Problem::kUnavailable,
          .detail = "a file on the storage can't be read now",
          .for_operator = std::string("unreadable file on the volume: ") + problem.what()};
}

}  // namespace

std::string plain_subject(std::string_view name, std::string_view otherwise) {
  const bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return std::string(plain ? name : otherwise);
}

int status_of(Problem problem) {
  return row_of(problem).status;
}

std::string message_of(const Refusal& refusal) {
  std::string text(row_of(refusal.problem).words);
  if (text.ends_with(' ')) text += refusal.subject;
  return text;
}

http::Reply to_reply(const Refusal& refusal) {
  std::string json = R"({"error":)" + base::quote_json(message_of(refusal));
  const bool is_allow = refusal.problem == Problem::kWrongMethod;
  if (!refusal.detail.empty() && !is_allow) json += R"(,"detail":)" + base::quote_json(refusal.detail);
  http::Reply reply = json_reply(status_of(refusal.problem), json + "}");
  if (is_allow) reply.headers.emplace_back("Allow", refusal.detail);
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", kChallenge);
  const std::chrono::seconds again = refusal.retry_after.value_or(kRetrySoon);
  if (refusal.retry_after || reply.status == 503 || reply.status == 429) {
    reply.headers.emplace_back("Retry-After", std::to_string(again.count()));
  }
  if (refusal.limit) {
    reply.headers.emplace_back("RateLimit-Policy", rate_limit_policy(*refusal.limit));
    reply.headers.emplace_back("RateLimit", rate_limit(*refusal.limit, 0, again));
  }
  reply.close = refusal.close;
  return reply;
}

Problem problem_of_status(int status) {
  for (const Row& row : kTable) {
    if (row.status == status) return row.problem;
  }
  return Problem::kInternal;
}

Refusal refusal_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const TenantBudget::TenantFull& problem) {
    return {.problem = Problem::kTooMany,
            .detail = kTenantHasItsJson,
            .limit = QuotaPolicy{.name = "memory", .quota = problem.bytes(), .unit = kContentBytes}};
  } catch (...) {
    // Below.
  }
  if (auto answer = http::answer_to_exception(exception)) {
    return {.problem = problem_of_status(answer->status), .detail = std::move(answer->detail)};
  }
  Refusal refusal;
  try {
    std::rethrow_exception(exception);
  } catch (const artifacts::TooLarge& problem) {
    return {.problem = Problem::kTooLarge, .detail = problem.what()};
  } catch (const TenantLimit& problem) {
    return {.problem = Problem::kTooMany, .detail = problem.what(), .retry_after = std::chrono::seconds(5), .limit = problem.limit()};
  } catch (const artifacts::UnsafeFile& problem) {
    refusal = unreadable(problem);
  } catch (const artifacts::VolumeError& problem) {
    refusal = refusal_of(problem);
    refusal.for_operator = problem.what();
  } catch (const artifacts::CorruptFile& problem) {
    refusal = unreadable(problem);
  } catch (const std::exception& problem) {
    refusal.for_operator = problem.what();
  }
  return refusal;
}

Refusal refusal_of(const kube::Error& error) {
  Refusal refusal{.problem = Problem::kUnavailable,
                  .detail = "the Kubernetes API refused the request or did not answer"};
  if (error.retry_after) refusal.retry_after = std::chrono::ceil<std::chrono::seconds>(*error.retry_after);
  return refusal;
}

Refusal refusal_of(const artifacts::ArchiveError& error) {
  if (error.kind == artifacts::ArchiveError::Kind::kTooLarge) {
    return {.problem = Problem::kTooLarge, .detail = error.reason};
  }
  return {.problem = Problem::kInvalid, .subject = "file", .detail = error.reason};
}

Refusal refusal_of(const artifacts::VolumeError& error) {
  if (error.is_full()) return {.problem = Problem::kNoSpace};
  return {.problem = Problem::kUnavailable, .detail = "the storage failed or did not answer"};
}

void forbid_caching(http::Reply& reply) {
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("Vary", std::string(identity_header_names()));
}

http::Reply json_reply(int status, std::string json) {
  http::Reply reply;
  reply.status = status;
  reply.body = std::move(json);
  return reply;
}

}  // namespace vbrain::api
