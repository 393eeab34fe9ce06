#include "api-server/request_context.hpp"

#include <gmock/gmock.h>

#include <sstream>

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
    EXPECT_EQ(read_context(head({{"X-REQUEST-ID", id}}), {}).ids.request_id, id);
  }
  for (const std::string& id : {std::string(), std::string("a b"), std::string("\"a\""), longest + "x",
                                std::string("\xc3\xa9"), World::key("ana")}) {
    EXPECT_TRUE(job::is_job_id(read_context(head({{"x-request-id", id}}), {}).ids.request_id)) << id;
  }
  EXPECT_TRUE(job::is_job_id(read_context(head({{"x-request-id", "a"}, {"x-request-id", "b"}}), {}).ids.request_id));
  EXPECT_NE(read_context(head({}), {}).ids.request_id, read_context(head({}), {}).ids.request_id);
}

TEST(RequestContext, TakesATrace) {
  const RequestContext context = read_context(head({{"traceparent", kTrace}}), {});
  EXPECT_EQ(context.traceparent, kTrace);
  EXPECT_EQ(context.ids.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  // A later version may have more parts behind.
  for (const std::string& later : {"01" + kTrace.substr(2), "cc" + kTrace.substr(2) + "-what-comes-then"}) {
    EXPECT_EQ(read_context(head({{"traceparent", later}}), {}).traceparent, kTrace) << later;
  }
  for (std::string bad :
       {std::string(), "ff" + kTrace.substr(2), "0x" + kTrace.substr(2), kTrace + "-x", "01" + kTrace.substr(2) + "x",
        "01" + kTrace.substr(2, 52), kTrace.substr(1), "00-" + std::string(32, '0') + kTrace.substr(35),
        kTrace.substr(0, 36) + std::string(16, '0') + "-01", "00-4BF9" + kTrace.substr(7)}) {
    EXPECT_EQ(read_context(head({{"traceparent", bad}}), {}).traceparent, "") << bad;
  }
  EXPECT_EQ(RequestContext{}.ids.trace_id, "");
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
  const HttpReply one = world.post_json("/api/v1/job/execute", R"({"params":{}})", {{"traceparent", kTrace}});
  ASSERT_EQ(one.status, 201);
  const std::string repository = world.post_json("/api/v1/repository", "{}").json().at("repository_id");
  const HttpReply batch = world.post_json("/api/v1/job/batch", R"({"params":[{}]})",
                                          {{"traceparent", kTrace}, {"repository_id", repository}});
  ASSERT_EQ(batch.status, 201) << batch.body;
  for (const std::string id : {one.json().at("job_id"), batch.json().at("job_ids").at(0)}) {
    const auto file = world.volume->read_job(World::tenant(), id);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->traceparent, kTrace) << "the application gets it";
    EXPECT_EQ(job::Job::decode(world.kube.object(id).value()).traceparent, kTrace) << "the controller logs it";
  }
}

// The answer has no more than "try again": its cause stands in the log, and the id leads there.
TEST(RequestContext, StandsInTheLineThatHasTheCause) {
  World world;
  const std::string repository = world.post_json("/api/v1/repository", "{}").json().at("repository_id");
  const std::string job =
      world.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository}}).json().at("job_id");
  world.catch_up();
  world.kube.answer = [](const kube::Request&) -> kube::KubeResult<kube::Response> {
    return tl::unexpected(kube::Error{.code = kube::ErrorCode::kInternal, .message = "etcd is away"});
  };
  testing::Headers headers = World::identity("ana");
  headers.insert(headers.end(),
                 {{"X-Request-Id", "mine-1"}, {"traceparent", kTrace}, {"Content-Type", "application/json"}});
  const struct {
    const char* method;
    std::string path;
    const char* body;
    const char* message;
  } kCases[] = {
      {"POST", "/api/v1/job/" + job + "/cancel", "", "Job not changed"},
      {"DELETE", "/api/v1/job/" + job, "", "Job not deleted"},
      {"DELETE", "/api/v1/repository/" + repository, "", "Job not deleted"},
      {"POST", "/api/v1/keys", R"({"username":"dora"})", "Keys not listed"},
      {"DELETE", "/api/v1/keys/q7m2x9k4w1ab", "", "Key not deleted"},
      {"POST", "/api/v1/job/execute", "{}", "Job not created"},
  };
  constexpr const char* kInLine = R"("request_id":"mine-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")";
  for (const auto& c : kCases) {
    ::testing::internal::CaptureStderr();
    const HttpReply reply = world.call(c.method, c.path, headers, c.body);
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_GE(reply.status, 500) << c.path << reply.body;
    std::istringstream lines(log);
    bool told = false;
    for (std::string line; std::getline(lines, line);) {
      const bool of_it = line.find(c.message) != std::string::npos && line.find("etcd is away") != std::string::npos;
      told = told || (of_it && line.find(kInLine) != std::string::npos);
    }
    EXPECT_TRUE(told) << c.path << '\n' << log;
  }
}

}  // namespace
}  // namespace vbrain::api
