// The params of new jobs are completed and checked by paramsSchema of the Application.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job/causes.hpp"
#include "schema/schema.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using testing::World;

const std::string kExecute = "/api/v1/job/execute";

class TypedParams : public ::testing::Test {
 protected:
  TypedParams() {
    set_schema(R"({"type":"object","required":["a"],"properties":{"a":{"type":"number","maximum":100},)"
               R"("n":{"type":"integer","default":7},"o":{"properties":{"x":{"default":"y"}}}},)"
               R"("additionalProperties":false})");
  }
  void set_schema(const std::string& params, const std::string& result = "") {
    auto application = std::make_shared<job::Application>(*world_.applications.get("tutorial"));
    application->params_schema = params;
    application->result_schema = result;
    world_.applications.put("tutorial", application);
  }
  std::string repository(const std::string& params) {
    return world_.post_json("/api/v1/repository", R"({"params":)" + params + "}").json()["repository_id"];
  }
  HttpReply execute(const std::string& params, const Headers& more = {}) {
    return world_.post_json(kExecute, R"({"params":)" + params + "}", more);
  }
  HttpReply batch(const std::string& repository, const std::string& list) {
    return world_.post_json("/api/v1/job/batch", R"({"params":)" + list + "}", {{"repository_id", repository}});
  }
  artifacts::JobFile file_of(const HttpReply& made) {
    EXPECT_EQ(made.status, 201) << made.body;
    return world_.volume->read_job(World::tenant(), made.json().at("job_id").get<std::string>()).value();
  }
  // Nothing of a refused request may stay.
  void expect_nothing_made() {
    EXPECT_EQ(world_.files("jobs").size(), 0U);
    EXPECT_EQ(world_.kube.objects().size(), 0U);
  }

  World world_;
};

TEST_F(TypedParams, AreCompletedAndOtherwiseTheSameBytes) {
  const HttpReply made = execute(R"({ "o" : {} , "a":1.10 })");
  EXPECT_EQ(file_of(made).params, R"({ "o" : {"x":"y"} , "a":1.10 ,"n":7})");
  const std::string id = made.json()["job_id"];
  EXPECT_EQ(world_.get("/api/v1/job/" + id + "/params").body, R"({ "o" : {"x":"y"} , "a":1.10 ,"n":7})");
  const std::string of = made.json()["repository_id"];
  EXPECT_EQ(world_.get("/api/v1/repository/" + of + "/params").body, R"({ "o" : {} , "a":1.10 })")
      << "the repository keeps what was sent";
}

TEST_F(TypedParams, AllViolationsAreTold) {
  const HttpReply refused = execute(R"({"a":"x","n":1.5,"b/c":1})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(
      refused.body,
      R"x({"error":"Invalid params","detail":"they do not match the schema of the application: /a: must be a number, )x"
      R"x(is a string; /b~1c: is not known; known: \"a\", \"n\", \"o\"; /n: must be an integer, is 1.5. Remedy: send )x"
      R"x(params that match; GET /api/v1/application has the schema","violations":[)x"
      R"x({"pointer":"/a","message":"must be a number, is a string"},)x"
      R"x({"pointer":"/b~1c","message":"is not known; known: \"a\", \"n\", \"o\""},)x"
      R"x({"pointer":"/n","message":"must be an integer, is 1.5"}]})x");
  expect_nothing_made();
  EXPECT_EQ(world_.get("/api/v1/repository").body, "[]");
}

// The job exists, and its client does not know it. The operator has changed the schema meanwhile.
TEST_F(TypedParams, AJobThatExistsIsCompletedWhateverTheSchemaSaysNow) {
  const Headers key{{"Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324"}};
  world_.kube.answer = [](const kube::Request&) -> kube::KubeResult<kube::Response> {
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kForbidden});
  };
  EXPECT_EQ(execute(R"({"a":50})", key).status, 503);
  world_.kube.answer = {};
  set_schema(R"({"properties":{"a":{"maximum":1}}})");
  EXPECT_EQ(execute(R"({"a":50})").status, 400);
  EXPECT_EQ(file_of(execute(R"({"a":50})", key)).params, R"({"a":50,"n":7})");
}

TEST_F(TypedParams, AreTheEffectiveOnes) {
  const std::string of = repository(R"({"a":50})");
  EXPECT_EQ(file_of(execute("{}", {{"repository_id", of}})).params, R"({"a":50,"n":7})");
  EXPECT_EQ(execute(R"({"a":200})", {{"repository_id", of}}).json()["violations"][0]["pointer"], "/a");
  const std::string wrong = repository(R"({"z":1})");
  EXPECT_EQ(execute(R"({"a":1})", {{"repository_id", wrong}}).json()["violations"][0]["pointer"], "/z")
      << "a repository's params are not checked when it is made, but with each job";
}

TEST_F(TypedParams, ARequestWithoutParamsIsCheckedToo) {
  const HttpReply refused = world_.post_json(kExecute, "{}");
  EXPECT_EQ(refused.json()["violations"], json::parse(R"([{"pointer":"/a","message":"is missing"}])"));
  EXPECT_EQ(world_.call("POST", kExecute, World::identity("ana")).status, 400);
}

TEST_F(TypedParams, OfABatchAllJobsAreCheckedBeforeAnyIsMade) {
  const std::string of = repository("{}");
  const HttpReply refused = batch(of, R"([{"a":1},{"a":"x"},{},{"a":2,"n":"x"}])");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.json()["violations"], json::parse(R"([
      {"index":1,"pointer":"/a","message":"must be a number, is a string"},
      {"index":2,"pointer":"/a","message":"is missing"},
      {"index":3,"pointer":"/n","message":"must be an integer, is a string"}])"));
  EXPECT_EQ(
      refused.json()["detail"],
      "element 1 does not match the schema of the application: /a: must be a number, is a string; 2 more elements "
      "do not match. Remedy: send params that match; GET /api/v1/application has the schema");
  expect_nothing_made();
  const HttpReply made = batch(of, R"([{"a":1},{"a":2,"n":3}])");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto ids = made.json()["job_ids"];
  EXPECT_EQ(world_.volume->read_job(World::tenant(), ids[0].get<std::string>())->params, R"({"a":1,"n":7})");
  EXPECT_EQ(world_.volume->read_job(World::tenant(), ids[1].get<std::string>())->params, R"({"a":2,"n":3})");
}

// The schema with an enum of so many numbers.
std::string schema_of_numbers(std::size_t count) {
  std::string schema = R"({"properties":{"a":{"enum":[0)";
  for (std::size_t i = 1; i < count; ++i) schema += "," + std::to_string(i);
  return schema + "]}}}";
}

// The steps that the check of {"a":0} takes.
std::uint64_t steps_of_check(const std::string& schema) {
  const auto compiled = schema::Schema::compile(schema).value();
  schema::Work work;
  EXPECT_TRUE(compiled->complete(R"({"a":0})", work));
  return schema::Work::kLimit - work.left();
}

TEST_F(TypedParams, OfABatchThatIsTooMuchWorkNothingIsMadeAndNoneIsCalledWrong) {
  constexpr std::uint64_t kEach = 25'000;
  constexpr std::uint64_t kMost = 10 * schema::Work::kLimit;  // of one batch
  constexpr std::uint64_t kGood = kMost / kEach;
  static_assert(kGood * kEach == kMost);
  const std::string schema = schema_of_numbers(kEach + 1 - steps_of_check(schema_of_numbers(1)));
  ASSERT_EQ(steps_of_check(schema), kEach);
  set_schema(schema);
  std::string list = R"({"a":0})";
  for (std::uint64_t i = 1; i < kGood; ++i) list += R"(,{"a":0})";
  const std::string of = repository("{}");
  const HttpReply refused = batch(of, "[" + list + R"(,{"a":0}])");
  ASSERT_EQ(refused.status, 413) << refused.body;
  EXPECT_THAT(refused.json()["detail"].get<std::string>(), HasSubstr("send fewer jobs at once"));
  const HttpReply wrong = batch(of, R"([{"a":"x"},)" + list + "]");
  EXPECT_EQ(wrong.status, 400) << wrong.body;
  EXPECT_EQ(wrong.json()["violations"].size(), 1U) << wrong.body;
  expect_nothing_made();
  EXPECT_EQ(batch(of, "[" + list + "]").status, 201) << "the work is just enough";
}

TEST_F(TypedParams, ViolationsAreLimited) {
  std::string list = R"({"a":"x"})";
  for (int i = 1; i < 300; ++i) list += R"(,{"a":"x"})";
  const json refused = batch(repository("{}"), "[" + list + "]").json();
  EXPECT_EQ(refused["violations"].size(), schema::kMostViolations);
  EXPECT_EQ(refused["violations_omitted"], 200);
}

TEST_F(TypedParams, ARetryIsCheckedAsANewJob) {
  const HttpReply first = execute(R"({"a":1})");
  const std::string id = first.json()["job_id"];
  job::JobStatus status;
  status.phase = job::Phase::kFailed;
  status.attempts = 1;
  world_.catch_up();
  world_.set_status(id, status);
  world_.record(id);
  set_schema(R"({"properties":{"a":{"minimum":5},"k":{"default":1}}})", R"({"type":"number"})");
  const std::string path = "/api/v1/job/" + id + "/retry";
  EXPECT_EQ(world_.call("POST", path, World::identity("ana")).json()["violations"][0]["message"],
            "must be at least 5, is 1");
  set_schema(R"({"properties":{"k":{"default":1}}})", R"({"type":"number"})");
  const auto again = file_of(world_.call("POST", path, World::identity("ana")));
  EXPECT_EQ(again.params, R"({"a":1,"n":7,"k":1})");
  EXPECT_EQ(again.unknown, R"({"result_schema":{"type":"number"}})");
}

TEST_F(TypedParams, TheSchemaOfTheResultGoesWithTheJob) {
  set_schema("", R"({"type":"number"})");
  EXPECT_EQ(file_of(execute("{}")).unknown, R"({"result_schema":{"type":"number"}})");
  const std::string of = repository("{}");
  const std::string id = batch(of, "[{}]").json()["job_ids"][0];
  EXPECT_EQ(world_.volume->read_job(World::tenant(), id)->unknown, R"({"result_schema":{"type":"number"}})");
  set_schema("");
  EXPECT_EQ(file_of(execute("{}")).unknown, "{}");
}

TEST_F(TypedParams, ASchemaThatCannotBeUsedStopsNewJobs) {
  const std::string of = repository(R"({"a":1})");
  for (const auto& [params, result] : {std::pair{R"({"properties":{"a":{"type":"int"}}})", ""},
                                       std::pair{"", R"({"$ref":"http://example.com/a.json"})"}}) {
    set_schema(params, result);
    for (const HttpReply& reply : {execute("{}"), execute("{}", {{"repository_id", of}}), batch(of, "[{}]")}) {
      EXPECT_EQ(reply.status, 503);
      EXPECT_THAT(reply.json().value("detail", ""), HasSubstr(" can't be used: /"));
      EXPECT_THAT(reply.json().value("detail", ""),
                  HasSubstr("Remedy: " + std::string(job::find_cause("InvalidSchema")->remedy)));
    }
  }
  expect_nothing_made();
  EXPECT_EQ(world_.post_json("/api/v1/repository", "{}").status, 201) << "a repository needs no schema";
}

TEST_F(TypedParams, TheSameKeyMayComeAgainAfterARefusal) {
  const Headers key{{"Idempotency-Key", "k1"}};
  EXPECT_EQ(execute(R"({"a":"x"})", key).status, 400);
  const HttpReply made = execute(R"({"a":1})", key);
  EXPECT_EQ(file_of(made).params, R"({"a":1,"n":7})");
  EXPECT_EQ(execute(R"({"a":1})", key).body, made.body);
}

TEST_F(TypedParams, WithoutASchemaNoByteChanges) {
  set_schema("");
  EXPECT_EQ(file_of(execute(R"({ "a" : 1.10, "b":"x" })")).params, R"({ "a" : 1.10, "b":"x" })");
}

}  // namespace
}  // namespace vbrain::api
