#include "kube/api/error.hpp"

#include <gtest/gtest.h>

namespace vbrain::kube {
namespace {

TEST(Error, CodesOfStatusAndReason) {
  const struct {
    int status;
    const char* reason;
    ErrorCode want;
    bool want_retryable;
  } cases[] = {
      {400, "BadRequest", ErrorCode::kBadRequest, false},
      {401, "Unauthorized", ErrorCode::kUnauthorized, true},
      {403, "Forbidden", ErrorCode::kForbidden, false},
      {404, "NotFound", ErrorCode::kNotFound, false},
      {408, "Timeout", ErrorCode::kTimeout, true},
      {409, "AlreadyExists", ErrorCode::kAlreadyExists, false},
      {409, "Conflict", ErrorCode::kConflict, false},
      {410, "Expired", ErrorCode::kGone, false},
      {410, "Gone", ErrorCode::kGone, false},
      {413, "RequestEntityTooLarge", ErrorCode::kTooLarge, false},
      {418, "", ErrorCode::kBadRequest, false},
      {422, "Invalid", ErrorCode::kInvalid, false},
      {429, "TooManyRequests", ErrorCode::kTooManyRequests, true},
      {500, "InternalError", ErrorCode::kInternal, true},
      {500, "ServerTimeout", ErrorCode::kTimeout, true},
      {502, "", ErrorCode::kUnavailable, true},
      {503, "ServiceUnavailable", ErrorCode::kUnavailable, true},
      {504, "Timeout", ErrorCode::kTimeout, true},
      {302, "", ErrorCode::kInternal, true},
  };
  for (const auto& c : cases) {
    const std::string body = std::string(R"({"kind":"Status","reason":")") + c.reason + R"(","message":"words"})";
    const Error error = error_from_response(c.status, body);
    EXPECT_EQ(error.code, c.want) << c.status << c.reason;
    EXPECT_EQ(is_retryable(error), c.want_retryable) << c.status << c.reason;
    EXPECT_EQ(error.http_status, c.status);
    EXPECT_EQ(error.message, "words");
  }
}

TEST(Error, SaysWhetherARequestMayHaveBeenDone) {
  for (const auto code : {ErrorCode::kTimeout, ErrorCode::kUnavailable, ErrorCode::kInternal, ErrorCode::kCancelled,
                          ErrorCode::kTooLarge}) {
    EXPECT_TRUE(may_have_been_done({.code = code})) << to_string(code);
    EXPECT_FALSE(may_have_been_done({.code = code, .unsent = true})) << to_string(code);
    EXPECT_TRUE(may_have_been_done({.code = code, .maybe_done = true, .unsent = true})) << to_string(code);
  }
  for (const auto code : {ErrorCode::kTooManyRequests, ErrorCode::kForbidden, ErrorCode::kUnauthorized,
                          ErrorCode::kInvalid, ErrorCode::kNotFound}) {
    EXPECT_FALSE(may_have_been_done({.code = code})) << to_string(code);
    EXPECT_TRUE(may_have_been_done({.code = code, .maybe_done = true})) << to_string(code);
  }
}

TEST(Error, KeepsCauses) {
  const Error error =
      error_from_response(422, R"({"kind":"Status","reason":"Invalid","message":"m","details":{"causes":[
             {"reason":"FieldValueInvalid","message":"must be one-way","field":"spec.cancel"}, 7]}})");
  ASSERT_EQ(error.causes.size(), 1u);
  EXPECT_EQ(error.causes[0].field, "spec.cancel");
  EXPECT_EQ(error.causes[0].message, "must be one-way");
}

TEST(Error, ReadsHowLongToWait) {
  using std::chrono::seconds;
  const struct {
    const char* header;
    const char* details;
    std::optional<std::chrono::milliseconds> want;
  } cases[] = {
      {"", "", std::nullopt},
      {"0", "", seconds(0)},
      {"30", "", seconds(30)},
      {"", R"(,"details":{"retryAfterSeconds":2})", seconds(2)},
      {"1", R"(,"details":{"retryAfterSeconds":2})", seconds(1)},
      {"999999999999", "", seconds(3600)},
      {"-1", "", std::nullopt},
      {"soon", "", std::nullopt},
      {"Wed, 21 Oct 2026 07:28:00 GMT", "", std::nullopt},
      {"99999999999999999999999", "", std::nullopt},
      {"", R"(,"details":{"retryAfterSeconds":"x"})", std::nullopt},
  };
  for (const auto& c : cases) {
    const Error error = error_from_response(429, std::string(R"({"kind":"Status")") + c.details + "}", c.header);
    EXPECT_EQ(error.retry_after, c.want) << c.header << c.details;
  }
}

TEST(Error, TakesAnyBodyForAnAnswer) {
  EXPECT_EQ(error_from_response(503, "<html>upstream").message, "<html>upstream");
  EXPECT_EQ(error_from_response(503, "").message, "HTTP status 503");
  EXPECT_EQ(error_from_response(500, std::string(10'000, 'x')).message.size(), 200u);
  EXPECT_EQ(error_from_response(404, R"({"kind":"Status","reason":7,"message":[]})").code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace vbrain::kube
