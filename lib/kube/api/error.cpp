#include "kube/api/error.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "kube/api/object.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kMaxRetryAfter{3600};
constexpr std::size_t kMaxForeignMessage = 200;

ErrorCode code_of(int status, const std::string& reason) {
  if (reason == "AlreadyExists") return ErrorCode::kAlreadyExists;
  if (reason == "Expired" || reason == "Gone") return ErrorCode::kGone;
  if (reason == "ServerTimeout") return ErrorCode::kTimeout;
  switch (status) {
    case 400:
      return ErrorCode::kBadRequest;
    case 401:
      return ErrorCode::kUnauthorized;
    case 403:
      return ErrorCode::kForbidden;
    case 404:
      return ErrorCode::kNotFound;
    case 408:
    case 504:
      return ErrorCode::kTimeout;
    case 409:
      return ErrorCode::kConflict;
    case 410:
      return ErrorCode::kGone;
    case 413:
      return ErrorCode::kTooLarge;
    case 422:
      return ErrorCode::kInvalid;
    case 429:
      return ErrorCode::kTooManyRequests;
    case 502:
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return status >= 400 && status < 500 ? ErrorCode::kBadRequest : ErrorCode::kInternal;
  }
}

std::optional<std::chrono::milliseconds> seconds_of(std::int64_t seconds) {
  if (seconds < 0) return std::nullopt;
  return std::min<std::chrono::seconds>(std::chrono::seconds(std::min<std::int64_t>(seconds, kMaxRetryAfter.count())),
                                        kMaxRetryAfter);
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return seconds_of(seconds);
}

void read_details(const json& details, Error& error) {
  if (!details.is_object()) return;
  const auto retry = details.find("retryAfterSeconds");
  if (retry != details.end() && retry->is_number_integer()) error.retry_after = seconds_of(retry->get<std::int64_t>());
  const auto causes = details.find("causes");
  if (causes == details.end() || !causes->is_array()) return;
  for (const json& cause : *causes) {
    if (!cause.is_object()) continue;
    error.causes.push_back(
        {text_or_empty(cause, "reason"), text_or_empty(cause, "message"), text_or_empty(cause, "field")});
  }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return "NotFound";
    case ErrorCode::kAlreadyExists:
      return "AlreadyExists";
    case ErrorCode::kConflict:
      return "Conflict";
    case ErrorCode::kInvalid:
      return "Invalid";
    case ErrorCode::kForbidden:
      return "Forbidden";
    case ErrorCode::kUnauthorized:
      return "Unauthorized";
    case ErrorCode::kTooManyRequests:
      return "TooManyRequests";
    case ErrorCode::kGone:
      return "Gone";
    case ErrorCode::kTimeout:
      return "Timeout";
    case ErrorCode::kUnavailable:
      return "Unavailable";
    case ErrorCode::kInternal:
      return "Internal";
    case ErrorCode::kBadRequest:
      return "BadRequest";
    case ErrorCode::kTooLarge:
      return "TooLarge";
    case ErrorCode::kCancelled:
      return "Cancelled";
  }
  return "Unknown";
}

bool is_retryable(const Error& error) {
  switch (error.code) {
    case ErrorCode::kTooManyRequests:
    case ErrorCode::kTimeout:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
    case ErrorCode::kUnauthorized:
      return true;
    default:
      return false;
  }
}

bool may_have_been_done(const Error& error) {
  if (error.maybe_done) return true;
  if (error.unsent) return false;
  switch (error.code) {
    case ErrorCode::kTimeout:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
    case ErrorCode::kCancelled:
    case ErrorCode::kTooLarge:
      return true;
    default:
      return false;
  }
}

Error error_from_response(int http_status, std::string_view body, std::string_view retry_after) {
  Error error;
  error.http_status = http_status;
  const json status = json::parse(body, nullptr, false);
  // Reads without exceptions: a second error would hide the first one.
  if (text_or_empty(status, "kind") == "Status") {
    error.reason = text_or_empty(status, "reason");
    error.message = text_or_empty(status, "message");
    if (const auto details = status.find("details"); details != status.end()) read_details(*details, error);
  } else {
    error.message = std::string(body.substr(0, kMaxForeignMessage));
  }
  if (error.message.empty()) error.message = "HTTP status " + std::to_string(http_status);
  if (const auto asked = parse_retry_after(retry_after)) error.retry_after = asked;
  error.code = code_of(http_status, error.reason);
  return error;
}

Error cancelled_error() {
  return {.code = ErrorCode::kCancelled, .message = "cancelled"};
}

Error malformed_error(std::string message) {
  return {.code = ErrorCode::kInternal, .reason = "Malformed", .message = std::move(message)};
}

}  // namespace vbrain::kube
