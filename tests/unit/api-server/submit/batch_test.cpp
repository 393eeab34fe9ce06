// POST /job/batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "api-server/submit/json_body.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::SizeIs;
using testing::World;

const std::string kBatch = "/api/v1/job/batch";

class Batch : public ::testing::Test {
 protected:
  Batch() {
    repository_ = world_.post_json("/api/v1/repository", R"({"params":{"a":1,"b":2},"metadata":{"name":"r"}})")
                      .json()["repository_id"];
  }
  HttpReply send(const std::string& body, const Headers& more = {}, const std::string& username = "ana") {
    Headers headers = World::identity(username);
    headers.emplace_back("repository_id", repository_);
    headers.emplace_back("Content-Type", "application/json");
    headers.insert(headers.end(), more.begin(), more.end());
    return world_.call("POST", kBatch, headers, body);
  }
  artifacts::JobFile file_of(const std::string& id) { return world_.volume->read_job(World::tenant(), id).value(); }
  std::vector<std::string> jobs() { return world_.volume->jobs_of(World::tenant(), repository_).value(); }

  World world_;
  std::string repository_;
};

TEST_F(Batch, MakesAJobOfEachElementInOrder) {
  const HttpReply reply = send(R"({"params":[{"b":10},{},{"c":1.10}],"priority":-2})");
  ASSERT_EQ(reply.status, 201) << reply.body;
  const auto ids = reply.json()["job_ids"].get<std::vector<std::string>>();
  EXPECT_EQ(reply.body,
            R"({"message":"Jobs created","job_ids":[")" + ids[0] + R"(",")" + ids[1] + R"(",")" + ids[2] + "\"]}");
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_EQ(jobs(), ids);
  EXPECT_EQ(file_of(ids[0]).params, R"({"a":1,"b":10})");
  EXPECT_EQ(file_of(ids[1]).params, R"({"a":1,"b":2})");
  EXPECT_EQ(file_of(ids[2]).params, R"({"a":1,"b":2,"c":1.10})") << "digits stay";
  for (const std::string& id : ids) {
    EXPECT_EQ(file_of(id).metadata, R"({"name":"r"})");
    EXPECT_EQ(file_of(id).priority, -2);
    EXPECT_EQ(file_of(id).created_by, "ana");
    EXPECT_EQ(world_.kube.object(id).value()["spec"]["priority"], -2);
    EXPECT_EQ(world_.get("/api/v1/job/" + id).status, 202);
  }
  EXPECT_EQ(file_of(send(R"({"params":[{}],"metadata":{"name":"own"}})").json()["job_ids"][0]).metadata,
            R"({"name":"own"})");
}

TEST_F(Batch, TakesAThousand) {
  std::string list = "{}";
  for (int i = 1; i < 1'000; ++i) list += ",{}";
  const HttpReply reply = send("{\"params\":[" + list + "]}");
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_THAT(reply.json()["job_ids"], SizeIs(1'000));
  EXPECT_EQ(world_.kube.objects().size(), 1'000u);
  EXPECT_EQ(send("{\"params\":[" + list + ",{}]}").json()["error"], "Invalid params");
}

TEST(BatchBody, IsRefusedWithTheReason) {
  const struct {
    std::string body, error, detail;
  } table[] = {{"{", "Invalid body", "byte"},
               {"[]", "Invalid body", "send {\"params\""},
               {"{}", "Invalid params", "absent"},
               {R"({"params":{}})", "Invalid params", "not a JSON array"},
               {R"({"params":[]})", "Invalid params", "0 elements"},
               {R"({"params":[{},1]})", "Invalid params", "element 1"},
               {R"({"params":[[]]})", "Invalid params", "element 0"},
               {R"({"params":[{"a":1,"a":2}]})", "Invalid body", ""},
               {R"({"params":[{}],"metadata":1})", "Invalid metadata", "not a JSON object"},
               {R"({"params":[{}],"priority":1001})", "Invalid priority", "-1000 to 1000"},
               {R"({"params":[{}],"file":1})", "Invalid file", "only params, metadata, priority and callback_url"}};
  for (const auto& row : table) {
    const auto read = read_batch_fields(row.body);
    ASSERT_FALSE(read) << row.body;
    EXPECT_EQ(message_of(read.error()), row.error) << row.body;
    EXPECT_THAT(read.error().detail, HasSubstr(row.detail)) << row.body;
  }
  const auto read = read_batch_fields("\xef\xbb\xbf{\"params\": [ {\"a\": [1, {}]} , {} ]}");
  ASSERT_TRUE(read);
  EXPECT_THAT(read->params, ::testing::ElementsAre("{\"a\": [1, {}]}", "{}"));
}

TEST_F(Batch, IsRefusedBeforeAnythingIsMade) {
  EXPECT_EQ(send(R"({"params":[{},1]})").status, 400);
  EXPECT_EQ(send(R"({"params":[{}],"priority":1})", {}, "dora").status, 403);
  EXPECT_EQ(send(R"({"params":[{"a":")" + std::string(2 << 20, 'x') + "\"}]}").status, 413);
  Headers form = World::identity("ana");
  form.emplace_back("repository_id", repository_);
  form.emplace_back("Content-Type", testing::kMultipartType);
  EXPECT_EQ(world_.call("POST", kBatch, form, testing::multipart({{"name=params", "{}"}})).status, 415);
  EXPECT_EQ(world_.post_json(kBatch, R"({"params":[{}]})").json()["error"], "Missing repository_id");
  EXPECT_EQ(world_.post_json(kBatch, R"({"params":[{}]})", {{"repository_id", "202009131226401234"}}).status, 404);
  EXPECT_TRUE(world_.files("jobs").empty());
  EXPECT_EQ(send(R"({"params":[{}]})", {}, "stan").status, 201) << "as execute in an existing repository";
}

TEST_F(Batch, HasOneAnswerForOneKey) {
  const Headers key{{"Idempotency-Key", "k"}};
  const std::string body = R"({"params":[{"i":1},{"i":2}]})";
  const HttpReply first = send(body, key);
  ASSERT_EQ(first.status, 201) << first.body;
  const HttpReply again = send(body, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  EXPECT_EQ(send(R"({"params":[{"i":1}]})", key).status, 422);
  EXPECT_THAT(jobs(), SizeIs(2));
}

// The server was killed after it had committed the jobs, and the schema is another one since. The jobs come in any
// case, so the repetition has to say which.
TEST_F(Batch, IsCompletedAsItWasCommittedWhateverTheSchemaSaysNow) {
  const std::string tenant = world_.root + "/" + artifacts::layout::tenant(World::tenant());
  const std::string body = R"({"params":[{"i":1},{"i":2}]})";
  std::string earlier;
  for (const bool distributed : {true, false}) {
    const Headers key{{"Idempotency-Key", distributed ? "k1" : "k2"}};
    const HttpReply first = send(body, key);
    ASSERT_EQ(first.status, 201) << first.body;
    const auto ids = first.json()["job_ids"].get<std::vector<std::string>>();
    // As it was before the end of the first request.
    std::string batch;
    for (const auto& entry : std::filesystem::directory_iterator(tenant + "/.keys")) {
      const std::string name = entry.path().filename();
      if (name.starts_with("done-") && name.substr(5) != earlier) batch = name.substr(5);
    }
    ASSERT_TRUE(std::filesystem::remove(tenant + "/.keys/done-" + batch));
    earlier = batch;
    if (!distributed) {
      const std::string folder = tenant + "/.batches/" + repository_ + "-" + batch;
      std::filesystem::create_directories(folder);
      for (const std::string& id : ids) std::filesystem::rename(world_.job_folder(id), folder + "/" + id);
    }
    auto application = std::make_shared<job::Application>(*world_.applications.get("tutorial"));
    application->params_schema = R"({"required":["z"]})";
    world_.applications.put("tutorial", application);
    EXPECT_EQ(send(body).status, 400) << "new work is checked";
    const HttpReply again = send(body, key);
    EXPECT_EQ(again.status, 201) << again.body;
    EXPECT_EQ(again.body, first.body);
    for (const std::string& id : ids) EXPECT_TRUE(world_.volume->has_job(World::tenant(), id)) << distributed;
    EXPECT_EQ(send(R"({"params":[{"i":1}]})", key).status, 422) << "another request";
    application = std::make_shared<job::Application>(*application);
    application->params_schema.clear();
    world_.applications.put("tutorial", application);
  }
  EXPECT_THAT(jobs(), SizeIs(4));
}

// Each job repeats the metadata and the names of the input files. With the same key fewer jobs may be sent.
TEST_F(Batch, ThatIsTooLargeLeavesItsKeyFree) {
  const std::string metadata = R"({"a":")" + std::string(34U << 20, 'm') + "\"}";
  repository_ = world_.volume->publish_repository(world_.volume->stage(World::tenant()), {.metadata = metadata},
                                                  world_.clock.now());
  const Headers key{{"Idempotency-Key", "k"}};
  const HttpReply refused = send(R"({"params":[{},{}]})", key);
  EXPECT_EQ(refused.status, 413) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("send fewer at once"));
  EXPECT_EQ(send(R"({"params":[{}]})", key).status, 201);
}

// They are accepted when they are on the volume; the controller creates what is missing.
TEST_F(Batch, ResourcesThatCannotBeCreatedComeLater) {
  std::atomic<int> calls{0};
  world_.kube.answer = [&](const kube::Request& request) -> kube::KubeResult<kube::Response> {
    if (++calls == 1) return world_.kube.serve(request);
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kForbidden, .message = "it is not allowed"});
  };
  ::testing::internal::CaptureStderr();
  const HttpReply reply = send(R"({"params":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]})");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("it is not allowed")) << "why, once";
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_THAT(jobs(), SizeIs(20));
  EXPECT_LT(calls, 20) << "after a failure the rest is left to the controller";
  for (const std::string& id : jobs()) EXPECT_EQ(world_.get("/api/v1/job/" + id).json()["job_status"], "queued");
}

TEST_F(Batch, ThatLosesItsRepositoryIsWithdrawn) {
  std::atomic<bool> done{false};
  world_.kube.answer = [&](const kube::Request& request) {
    if (request.method == "POST" && !done.exchange(true)) world_.volume->trash_repository(World::tenant(), repository_);
    return world_.kube.serve(request);
  };
  EXPECT_EQ(send(R"({"params":[{},{}]})").json()["error"], "Invalid repository_id");
  for (const nlohmann::json& object : world_.kube.objects()) {
    const auto name = object["metadata"]["name"].get<std::string>();
    EXPECT_TRUE(world_.kube.is_deleting(name)) << object;
    EXPECT_TRUE(world_.volume->is_deleted(World::tenant(), name));
  }
}

}  // namespace
}  // namespace vbrain::api
