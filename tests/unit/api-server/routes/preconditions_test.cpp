// If-Match, and preconditions of deletions.
#include <gtest/gtest.h>

#include "unit/api-server/uploads/tus_client.hpp"

namespace vbrain::api {
namespace {

using testing::Headers;
using testing::HttpReply;
using testing::World;

Headers of_ana(const Headers& more) {
  Headers headers = World::identity("ana");
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

TEST(Preconditions, AReadIsForTheVersionThatIsAskedFor) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  for (const std::string& path : {"/api/v1/job/" + id, "/api/v1/job/" + id + "/output"}) {
    const std::string tag = world.get(path).header("ETag");
    ASSERT_FALSE(tag.empty()) << path;
    const std::pair<Headers, int> cases[] = {
        {{{"If-Match", tag}}, 200},
        {{{"If-Match", "\"other\", " + tag}}, 200},
        {{{"If-Match", "*"}}, 200},
        {{{"If-Match", "\"other\""}}, 412},
        {{{"If-Match", "W/" + tag}}, 412},
        {{{"If-Match", tag}, {"If-None-Match", tag}}, 304},
        {{{"If-Match", "\"other\""}, {"If-None-Match", tag}}, 412},
    };
    for (const auto& [headers, want] : cases) {
      for (const char* method : {"GET", "HEAD"}) {
        EXPECT_EQ(world.call(method, path, of_ana(headers)).status, want) << method << " " << headers.at(0).second;
      }
    }
  }
  const std::string output = "/api/v1/job/" + id + "/output";
  const std::string tag = world.get(output).header("ETag");
  EXPECT_EQ(world.get(output, {{"If-Match", tag}, {"Range", "bytes=99-"}}).status, 416);
  EXPECT_EQ(world.get(output, {{"If-Match", "\"other\""}, {"Range", "bytes=99-"}}).status, 412);
  const HttpReply refused = world.get(output, {{"If-Match", "\"other\""}});
  EXPECT_EQ(refused.json().at("error"), "Precondition failed");
  EXPECT_EQ(world.get("/api/v1/job/absent", {{"If-Match", "\"other\""}}).status, 404) << "the error comes first";
}

TEST(Preconditions, ADeletionIsOfTheVersionThatIsNamed) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  const std::string path = "/api/v1/job/" + id;
  const std::string tag = world.get(path).header("ETag");
  EXPECT_EQ(world.call("DELETE", path, of_ana({{"If-Match", "\"other\""}})).status, 412);
  EXPECT_EQ(world.call("DELETE", path, of_ana({{"If-None-Match", "*"}})).status, 412);
  EXPECT_EQ(world.get(path).status, 200) << "nothing was deleted";
  const std::string running = "/api/v1/job/" + world.make_job(job::Phase::kStarted);
  EXPECT_EQ(world.call("DELETE", running, of_ana({{"If-Match", "\"\""}})).status, 412) << "it has no tag";
  EXPECT_EQ(world.get(running).status, 202);
  EXPECT_EQ(world.call("DELETE", "/api/v1/job/absent", of_ana({{"If-Match", "*"}})).status, 404);
  EXPECT_EQ(world.call("DELETE", path, of_ana({{"If-Match", tag}})).status, 200);
  EXPECT_EQ(world.get(path).status, 404);
}

// They have no ETag, so no version that is named is the present one.
TEST(Preconditions, ADeletionOfWhatHasNoVersionIsRefusedUnlessAnyWillDo) {
  World world;
  testing::TusClient tus(world);
  ASSERT_EQ(tus.create(3).status, 201);
  for (const Headers& wrong : {Headers{{"If-Match", "\"other\""}}, Headers{{"If-None-Match", "*"}}}) {
    EXPECT_EQ(world.call("DELETE", tus.path(), tus.headers(wrong)).status, 412) << wrong[0].first;
  }
  EXPECT_EQ(tus.head().status, 200) << "nothing was deleted";
  EXPECT_EQ(world.call("DELETE", tus.path(), tus.headers({{"If-Match", "*"}})).status, 204);
  EXPECT_EQ(world.call("DELETE", tus.path(), tus.headers({{"If-Match", "*"}})).status, 404) << "the error comes first";
}

}  // namespace
}  // namespace vbrain::api
