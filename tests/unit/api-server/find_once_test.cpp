#include "api-server/find_once.hpp"

#include <gtest/gtest.h>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::Headers;
using testing::HttpReply;
using testing::World;

TEST(FindOnce, TakesOneInEitherSpelling) {
  const std::vector<http::HeaderField> fields{{"Upload-Id", "a"}, {"empty", ""}};
  EXPECT_EQ(find_once(fields, "upload_id", Spelling::kHyphenOrUnderscore).value(), "a");
  EXPECT_EQ(find_once(fields, "upload_id").value(), std::nullopt);
  EXPECT_EQ(find_once(fields, "UPLOAD-ID").value(), "a");
  EXPECT_EQ(find_once(fields, "empty").value(), "");
  EXPECT_EQ(find_once(fields, "absent").value(), std::nullopt);
}

// Whatever it is for, and whatever its values are, the answer is in the same words.
TEST(FindOnce, ASecondOneIsRefusedInTheSameWordsEverywhere) {
  World world;
  const struct {
    std::string method, path;
    Headers sent;  // beside those of the sender
    std::string name;
  } cases[] = {
      {"GET", "/api/v1/usage", {{"username", "ana"}}, "username"},
      {"GET", "/api/v1/usage", {{"organization-id", "acme"}}, "organization_id"},
      {"GET", "/api/v1/usage", {{"X_API_KEY", "x"}}, "x-api-key"},
      {"POST", "/api/v1/repository", {{"Idempotency-Key", "a"}, {"idempotency-key", "a"}}, "Idempotency-Key"},
      {"POST", "/api/v1/repository", {{"upload_id", "a"}, {"Upload-Id", "a"}}, "upload_id"},
      {"POST", "/api/v1/uploads", {{"Tus-Resumable", "1.0.0"}, {"Tus-Resumable", "1.0.0"}}, "Tus-Resumable"},
      {"POST",
       "/api/v1/uploads",
       {{"Tus-Resumable", "1.0.0"}, {"Upload-Length", "1"}, {"upload-length", "1"}},
       "Upload-Length"},
  };
  for (const auto& c : cases) {
    Headers headers = World::identity("ana");
    headers.insert(headers.end(), c.sent.begin(), c.sent.end());
    const HttpReply reply = world.call(c.method, c.path, headers);
    EXPECT_EQ(reply.status, 400) << c.name;
    EXPECT_EQ(reply.body, R"({"error":"Invalid )" + c.name + R"(","detail":"sent twice; send it once"})");
  }
}

}  // namespace
}  // namespace vbrain::api
