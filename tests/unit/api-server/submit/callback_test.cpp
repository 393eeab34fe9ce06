// callback_url of new jobs: what is taken, what is refused, and where it goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api-server/config.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using ::testing::HasSubstr;
using testing::HttpReply;
using testing::World;

const std::string kExecute = "/api/v1/job/execute";
const std::string kUrl = "https://hooks.example.com/jobs?a=1";

Limits limits_with(std::vector<std::string> allow) {
  Limits limits;
  limits.webhook_allow = std::move(allow);
  return limits;
}

class Callback : public ::testing::Test {
 protected:
  std::string in_file(const std::string& id) {
    return world_.volume->read_job(World::tenant(), id).value().callback_url;
  }
  std::string in_resource(const std::string& id) {
    return world_.kube.object(id).value()["spec"].value("callbackURL", std::string("none"));
  }
  // Of the only Client of the tenant.
  void set_default(const std::string& url) {
    for (const auto& client : world_.clients.list()) {
      if (client->organization_id != "acme") continue;
      job::Client changed = *client;
      changed.webhook_url = url;
      world_.clients.put(changed.meta.name, std::make_shared<const job::Client>(changed));
    }
  }

  World world_{limits_with({"hooks.example.com", "other.example.com"})};
};

TEST_F(Callback, ReachesTheJobByEachKindOfBody) {
  const HttpReply json =
      world_.post_json(kExecute, R"({"params":{},"callback_url":"https:\/\/hooks.example.com\/jobs?a=1"})");
  ASSERT_EQ(json.status, 201) << json.body;
  const HttpReply form =
      world_.post(kExecute, testing::kMultipartType, testing::multipart({{"name=callback_url", kUrl}}));
  ASSERT_EQ(form.status, 201) << form.body;
  for (const HttpReply& made : {json, form}) {
    EXPECT_EQ(in_file(made.json()["job_id"]), kUrl) << "from here a lost Job is made again";
    EXPECT_EQ(in_resource(made.json()["job_id"]), kUrl);
  }
  const HttpReply batch = world_.post_json("/api/v1/job/batch", R"({"params":[{},{}],"callback_url":")" + kUrl + "\"}",
                                           {{"repository_id", json.json()["repository_id"]}});
  ASSERT_EQ(batch.status, 201) << batch.body;
  for (const std::string id : batch.json()["job_ids"]) {
    EXPECT_EQ(in_file(id), kUrl);
    EXPECT_EQ(in_resource(id), kUrl);
  }
}

TEST_F(Callback, ARetryHasThatOfItsModel) {
  const HttpReply made = world_.post_json(kExecute, R"({"params":{},"callback_url":")" + kUrl + "\"}");
  const std::string id = made.json()["job_id"];
  world_.catch_up();
  job::JobStatus status;
  status.phase = job::Phase::kFailed;
  status.completion_time = world_.clock.now();
  world_.set_status(id, status);
  world_.record(id);
  const HttpReply again = world_.post_json("/api/v1/job/" + id + "/retry", "");
  ASSERT_EQ(again.status, 201) << again.body;
  EXPECT_EQ(in_resource(again.json()["job_id"]), kUrl);
}

TEST_F(Callback, IsThatOfTheClientUnlessOneIsSent) {
  EXPECT_EQ(in_resource(world_.post_json(kExecute, R"({"params":{}})").json()["job_id"]), "none");
  set_default("https://default.example.com/");
  EXPECT_EQ(in_resource(world_.post_json(kExecute, R"({"params":{}})").json()["job_id"]),
            "https://default.example.com/");
  const HttpReply empty =
      world_.post(kExecute, testing::kMultipartType, testing::multipart({{"name=callback_url", ""}}));
  EXPECT_EQ(in_resource(empty.json()["job_id"]), "https://default.example.com/") << "a field that was left empty";
  EXPECT_EQ(in_resource(world_.post_json(kExecute, R"({"callback_url":")" + kUrl + "\"}").json()["job_id"]), kUrl);
}

TEST_F(Callback, OfAHostThatIsNotAllowedIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("https://evil.example.com/")", "its host is not one that the operator allows. Remedy: "},
      {R"("http://hooks.example.com/")", "it is not https. Remedy: "},
      {R"("https://hooks.example.com:8443/")", "its port is not one"},
      {R"("https://127.0.0.1/")", "its host is not one"},
      {R"("https://2130706433/")", "its host is a number; send a name"},
      {R"("https://hooks.example.com@127.0.0.1/")", "it has a user before the host; remove it"},
      {R"("hooks.example.com")", "it does not begin with https://; send a URL"},
      {R"("https://hooks.example.com/\u0000")", "it has a character that no URL has"},
      {R"("")", "not a URL; send one such as"},
      {"null", "not a URL; send one such as"},
      {"5", "not a URL; send one such as"},
      {R"(["https://hooks.example.com/"])", "not a URL; send one such as"},
  };
  for (const auto& [value, why] : cases) {
    const HttpReply reply = world_.post_json(kExecute, R"({"params":{},"callback_url":)" + std::string(value) + "}");
    EXPECT_EQ(reply.status, 400) << value;
    EXPECT_EQ(reply.json()["error"], "Invalid callback_url") << value;
    EXPECT_THAT(reply.json()["detail"].get<std::string>(), HasSubstr(why)) << value;
  }
  const std::string longest = "https://hooks.example.com/" + std::string(2'048, 'x');
  EXPECT_EQ(world_.post_json(kExecute, R"({"callback_url":")" + longest + "\"}").status, 400);
  EXPECT_EQ(world_.post_json(kExecute, R"({"callback_url":")" + std::string(20'000, 'x') + "\"}").status, 400);
  const HttpReply form = world_.post(kExecute, testing::kMultipartType,
                                     testing::multipart({{"name=callback_url", "https://evil.example.com/"}}));
  EXPECT_EQ(form.status, 400);
  EXPECT_EQ(world_.kube.count("POST"), 0u) << "no job was made";
}

TEST_F(Callback, IsNoFieldOfARepository) {
  const HttpReply reply = world_.post_json("/api/v1/repository", R"({"callback_url":")" + kUrl + "\"}");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "Invalid callback_url");
}

TEST_F(Callback, AnotherOneIsAnotherRequest) {
  const testing::Headers key{{"Idempotency-Key", "k1"}};
  const auto send = [&](const std::string& url) {
    return world_.post(kExecute, testing::kMultipartType, testing::multipart({{"name=callback_url", url}}), key);
  };
  const HttpReply first = send(kUrl);
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(send(kUrl).body, first.body);
  EXPECT_EQ(send("https://other.example.com/").status, 422);
}

// Definitions that are older than the server: the API server drops a field that it does not know, and says nothing.
class CallbackWithOldDefinitions : public Callback {
 protected:
  CallbackWithOldDefinitions() {
    world_.kube.answer = [this](const kube::Request& request) {
      kube::Request pruned = request;
      if (old_ && request.method == "POST") {
        nlohmann::json body = nlohmann::json::parse(request.body);
        body["spec"].erase("callbackURL");
        pruned.body = body.dump();
      }
      return world_.kube.serve(pruned);
    };
  }
  void expect_refused(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 503) << reply.body;
    EXPECT_THAT(reply.json()["detail"].get<std::string>(),
                HasSubstr("callback_url can't be taken: the cluster's definition of Job is older than this program"));
    EXPECT_THAT(reply.json()["detail"].get<std::string>(), HasSubstr("Remedy: the operator installs the definitions"));
  }

  bool old_ = true;
  const std::string named_ = R"({"params":{},"callback_url":")" + kUrl + "\"}";
};

TEST_F(CallbackWithOldDefinitions, IsRefusedAndMakesNothing) {
  expect_refused(world_.post_json(kExecute, named_));
  expect_refused(world_.post_json(kExecute, named_, {{"Idempotency-Key", "k1"}}));
  EXPECT_TRUE(world_.files("repositories").empty());
  EXPECT_TRUE(world_.kube.objects().empty());
  const HttpReply without = world_.post_json(kExecute, R"({"params":{}})");
  EXPECT_EQ(without.status, 201) << without.body;
  expect_refused(world_.post_json("/api/v1/job/batch", R"({"params":[{},{}],"callback_url":")" + kUrl + "\"}",
                                  {{"repository_id", without.json()["repository_id"]}}));
  EXPECT_EQ(world_.kube.objects().size(), 1u);
  // The operator has installed the new ones: no restart is needed.
  old_ = false;
  const HttpReply made = world_.post_json(kExecute, named_);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(in_resource(made.json()["job_id"]), kUrl);
}

TEST_F(CallbackWithOldDefinitions, ARetryIsRefusedToo) {
  old_ = false;
  const std::string id = world_.post_json(kExecute, named_).json()["job_id"];
  world_.catch_up();
  job::JobStatus status;
  status.phase = job::Phase::kFailed;
  status.completion_time = world_.clock.now();
  world_.set_status(id, status);
  world_.record(id);
  old_ = true;
  expect_refused(world_.post_json("/api/v1/job/" + id + "/retry", ""));
  EXPECT_EQ(world_.kube.objects().size(), 1u);
}

// The default is the operator's: it must not stop a tenant's jobs.
TEST_F(CallbackWithOldDefinitions, ThatOfTheClientIsLeftOutAndLogged) {
  set_default("https://default.example.com/");
  ::testing::internal::CaptureStderr();
  const HttpReply made = world_.post_json(kExecute, R"({"params":{}})", {{"X-Request-Id", "mine-1"}});
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(log, HasSubstr(R"("message":"the receiver of a job will not be told","job":)" +
                             made.json()["job_id"].dump() + R"(,"request_id":"mine-1",)"));
  EXPECT_THAT(log, HasSubstr("Remedy: the operator installs the definitions"));
}

// As with an admission webhook that has side effects.
TEST_F(Callback, IsTakenWhereADryRunIsRefused) {
  world_.kube.answer = [this](const kube::Request& request) -> kube::KubeResult<kube::Response> {
    if (request.target.find("dryRun") == std::string::npos) return world_.kube.serve(request);
    return Unexpected<kube::Error>(kube::error_from_response(400, R"({"kind":"Status","reason":"BadRequest"})"));
  };
  const HttpReply made = world_.post_json(kExecute, R"({"params":{},"callback_url":")" + kUrl + "\"}");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(in_resource(made.json()["job_id"]), kUrl);
}

TEST(CallbackOff, IsRefusedWithTheRemedy) {
  World world;
  const HttpReply reply = world.post_json(kExecute, R"({"params":{},"callback_url":")" + kUrl + "\"}");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.json()["detail"].get<std::string>(), HasSubstr("webhooks are off. Remedy: "));
  EXPECT_THAT(reply.json()["detail"].get<std::string>(), HasSubstr("webhooks.allow"));
}

TEST(CallbackSetting, AHostThatIsNoneEndsTheStart) {
  Config config;
  const char* good[] = {"api-server", "--webhook-allow", "hooks.example.com,in.corp.example=10.1.2.0/24,10.1.2.0/24"};
  ASSERT_TRUE(read_config(3, good, config).proceed);
  EXPECT_EQ(config.limits.webhook_allow,
            (std::vector<std::string>{"hooks.example.com", "in.corp.example=10.1.2.0/24", "10.1.2.0/24"}));
  const char* bad[] = {"api-server", "--webhook-allow", "hooks.example.com,a b"};
  Config other;
  EXPECT_EQ(read_config(3, bad, other).exit_code, 2);
}

// The operator has turned them off since: nobody would be told, and the controller would say so of each job.
TEST_F(Callback, WithWebhooksOffNoNewJobHasOne) {
  const HttpReply made = world_.post_json(kExecute, R"({"params":{},"callback_url":")" + kUrl + "\"}");
  const std::string id = made.json()["job_id"];
  world_.catch_up();
  job::JobStatus status;
  status.phase = job::Phase::kFailed;
  status.completion_time = world_.clock.now();
  world_.set_status(id, status);
  world_.record(id);
  set_default("https://default.example.com/");
  world_.limits.webhook_allow.clear();  // no request is under way
  const std::string repository = made.json()["repository_id"];
  const testing::Headers in{{"repository_id", repository}};
  EXPECT_EQ(in_resource(world_.post_json(kExecute, "{}").json()["job_id"]), "none");
  EXPECT_EQ(in_resource(world_.post_json("/api/v1/job/batch", R"({"params":[{}]})", in).json()["job_ids"][0]), "none");
  EXPECT_EQ(in_resource(world_.post_json("/api/v1/job/" + id + "/retry", "").json()["job_id"]), "none");
  for (const std::string& path : {kExecute, std::string("/api/v1/job/batch")}) {
    const std::string params = path == kExecute ? "{}" : "[{}]";
    const HttpReply refused =
        world_.post_json(path, R"({"params":)" + params + R"(,"callback_url":")" + kUrl + "\"}", in);
    EXPECT_EQ(refused.status, 400) << path;
    EXPECT_EQ(refused.json()["error"], "Invalid callback_url") << path;
  }
}

}  // namespace
}  // namespace vbrain::api
