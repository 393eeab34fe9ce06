#include "api-server/request_context.hpp"

#include <gtest/gtest.h>

#include "artifacts/records/job_file.hpp"
#include "job/names.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

const std::string kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

http::RequestHead head(const std::vector<http::HeaderField>& fields) {
  http::RequestHead result;
  result.fields = fields;
  return result;
}

TEST(RequestContext, TakesAReadableRequestId) {
  const std::string longest(128, 'x');
  for (const std::string& id : {std::string("a"), std::string("Root=1-67891233-abcdef012345678912345678"), longest}) {
    EXPECT_EQ(read_context(head({{"X-REQUEST-ID", id}}), {}).request_id, id);
  }
  for (const std::string& id : {std::string(), std::string("a b"), std::string("\"a\""), longest + "x",
                                std::string("\xc3\xa9"), World::key("ana")}) {
    EXPECT_TRUE(job::is_job_id(read_context(head({{"x-request-id", id}}), {}).request_id)) << id;
  }
  EXPECT_TRUE(job::is_job_id(read_context(head({{"x-request-id", "a"}, {"x-request-id", "b"}}), {}).request_id));
  EXPECT_NE(read_context(head({}), {}).request_id, read_context(head({}), {}).request_id);
}

TEST(RequestContext, TakesATrace) {
  const RequestContext context = read_context(head({{"traceparent", kTrace}}), {});
  EXPECT_EQ(context.traceparent, kTrace);
  EXPECT_EQ(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
  for (std::string bad : {std::string(), "01" + kTrace.substr(2), kTrace + "-x", kTrace.substr(1),
                          "00-" + std::string(32, '0') + kTrace.substr(35),
                          kTrace.substr(0, 36) + std::string(16, '0') + "-01", "00-4BF9" + kTrace.substr(7)}) {
    EXPECT_EQ(read_context(head({{"traceparent", bad}}), {}).traceparent, "") << bad;
  }
  EXPECT_EQ(RequestContext{}.trace_id(), "");
}

TEST(RequestContext, EveryAnswerNamesTheRequest) {
  World world;
  EXPECT_EQ(world.get("/api/v1/job/absent", {{"X-Request-Id", "mine-1"}}).header("X-Request-Id"), "mine-1");
  EXPECT_EQ(world.get("/api/v1/usage", {{"X-Request-Id", "mine-2"}}).header("X-Request-Id"), "mine-2");
  EXPECT_TRUE(job::is_job_id(world.get("/api/v1/usage").header("X-Request-Id")));
  const HttpReply malformed = world.call("GET", "/api/v1/usage", {{"bad name", "x"}});
  EXPECT_EQ(malformed.status, 400);
  EXPECT_TRUE(job::is_job_id(malformed.header("X-Request-Id")));
}

TEST(RequestContext, AWrongKeyIsChallenged) {
  World world;
  testing::Headers headers = World::identity("ana");
  for (auto& [name, value] : headers) {
    if (name == "x-api-key") value = "wrong";
  }
  const HttpReply reply = world.call("GET", "/api/v1/usage", headers);
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.header("WWW-Authenticate"), R"(ApiKey realm="vBrain", header="x-api-key")");
}

TEST(RequestContext, TheTraceIsKeptWithTheJob) {
  World world;
  const HttpReply reply = world.post_json("/api/v1/job/execute", "{}", {{"traceparent", kTrace}});
  ASSERT_EQ(reply.status, 201);
  const auto file = world.volume->read_job(World::tenant(), reply.json().at("job_id").get<std::string>());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->traceparent, kTrace);
}

}  // namespace
}  // namespace vbrain::api
