// Who did what: the lines that requests leave in the log.
#include "api-server/audit/audit_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/log/log.hpp"
#include "unit/api-server/held_pool.hpp"
#include "unit/api-server/live/event_reader.hpp"
#include "unit/api-server/uploads/tus_client.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TusClient;
using testing::World;

const std::string kExecute = "/api/v1/job/execute";

// The audit lines that `act` leaves.
template <class F>
std::vector<json> lines_of(const F& act) {
  ::testing::internal::CaptureStderr();
  act();
  std::istringstream log(::testing::internal::GetCapturedStderr());
  std::vector<json> lines;
  for (std::string line; std::getline(log, line);) {
    json object = json::parse(line, nullptr, false);
    if (object.is_object() && object.value("audit", false)) lines.push_back(std::move(object));
  }
  return lines;
}

// "action id outcome status" of each line.
std::vector<std::string> in_short(const std::vector<json>& lines) {
  std::vector<std::string> all;
  for (const json& line : lines) {
    all.push_back(line["action"].get<std::string>() + " " + line["id"].get<std::string>() + " " +
                  line["outcome"].get<std::string>() + " " + std::to_string(line["status"].get<int>()));
  }
  return all;
}

class AuditTest : public ::testing::Test {
 protected:
  // The only line of one request, which gets a request id of its own.
  template <class F>
  json line_of(const F& act) {
    const auto lines = lines_of(act);
    EXPECT_EQ(lines.size(), 1U) << json(lines).dump(1);
    return lines.empty() ? json::object() : lines.front();
  }
  World world_;
};

TEST_F(AuditTest, EachChangeIsToldOnceWithWhoAndFromWhere) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  HttpReply made;
  const json line = line_of([&] {
    made = world_.post_json("/api/v1/repository", "{}", {{"X-Request-Id", "mine-1"}, {"traceparent", trace}});
  });
  ASSERT_EQ(made.status, 201);
  const json want = {{"level", "info"},
                     {"message", "repository created"},
                     {"audit", true},
                     {"action", "repository.create"},
                     {"resource", "repository"},
                     {"id", made.json()["repository_id"]},
                     {"outcome", "done"},
                     {"status", 201},
                     {"method", "POST"},
                     {"path", "/api/v1/repository"},
                     {"username", "ana"},
                     {"organization", "acme"},
                     {"application", "Tutorial"},
                     {"client", "north"},
                     {"role", "leader"},
                     {"key_id", "ana1"},
                     {"peer", "127.0.0.1"},
                     {"request_id", "mine-1"},
                     {"trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"}};
  json got = line;
  EXPECT_FALSE(got.at("time").get<std::string>().empty());
  got.erase("time");
  EXPECT_EQ(got, want);
}

TEST_F(AuditTest, JobsTheirChangesAndTheirEnd) {
  HttpReply made;
  const auto lines = lines_of([&] { made = world_.post_json(kExecute, "{}"); });
  const std::string job = made.json()["job_id"];
  const std::string repository = made.json()["repository_id"];
  EXPECT_THAT(in_short(lines),
              ElementsAre("repository.create " + repository + " done 201", "job.execute " + job + " done 201"));
  EXPECT_EQ(lines.back()["repository"], repository);
  EXPECT_EQ(lines.back()["request_id"], lines.front()["request_id"]);
  EXPECT_EQ(lines.back()["request_id"], made.header("X-Request-Id"));
  const Headers in{{"repository_id", repository}};
  const json inside = line_of([&] { made = world_.post_json(kExecute, "{}", in); });
  EXPECT_EQ(inside["id"], made.json()["job_id"]);
  EXPECT_EQ(inside["repository"], repository);
  const json batch = line_of([&] { made = world_.post_json("/api/v1/job/batch", R"({"params":[{},{}]})", in); });
  EXPECT_EQ(batch["action"], "job.batch");
  EXPECT_EQ(batch["jobs"], 2);
  EXPECT_EQ(batch["ids"], made.json()["job_ids"]);
  world_.catch_up();
  const auto change = [&](const std::string& verb) {
    return in_short(lines_of([&] { world_.post("/api/v1/job/" + job + "/" + verb, "", ""); }));
  };
  EXPECT_THAT(change("suspend"), ElementsAre("job.suspend " + job + " done 200"));
  EXPECT_THAT(change("resume"), ElementsAre("job.resume " + job + " done 200"));
  EXPECT_THAT(change("cancel"), ElementsAre("job.cancel " + job + " done 200"));
  const std::string ended = world_.make_job(job::Phase::kFinished);
  const json again = line_of([&] { made = world_.post("/api/v1/job/" + ended + "/retry", "", ""); });
  EXPECT_EQ(again["action"], "job.retry");
  EXPECT_EQ(again["id"], made.json()["job_id"]) << "the new job";
  EXPECT_EQ(again["path"], "/api/v1/job/" + ended + "/retry");
  EXPECT_THAT(in_short(lines_of([&] { world_.remove("/api/v1/job/" + ended); })),
              ElementsAre("job.delete " + ended + " done 200"));
  const auto gone = lines_of([&] { world_.remove("/api/v1/repository/" + repository); });
  EXPECT_THAT(in_short(gone), ElementsAre("repository.delete " + repository + " done 200", "job.delete  done 200"));
  EXPECT_EQ(gone.back()["repository"], repository);
  EXPECT_EQ(gone.back()["jobs"], 4);
  EXPECT_THAT(gone.back()["ids"], ::testing::Contains(job));
}

TEST_F(AuditTest, JobsThatADeletionOfTheirRepositoryTookBeforeItFailed) {
  const std::string repository = world_.post_json("/api/v1/repository", "{}").json()["repository_id"];
  const Headers in{{"repository_id", repository}};
  const json ids = world_.post_json("/api/v1/job/batch", R"({"params":[{},{}]})", in).json()["job_ids"];
  world_.catch_up();
  const std::string gone = ids[0];
  // The jobs have their turn in the order of their ids, and the first failure ends the deletion.
  std::atomic<bool> first_is_gone{false};
  world_.kube.answer = [&](const kube::Request& request) -> kube::KubeResult<kube::Response> {
    if (request.target.ends_with(gone)) {
      auto served = world_.kube.serve(request);
      if (request.method == "DELETE") {
        first_is_gone = true;
        first_is_gone.notify_all();
      }
      return served;
    }
    first_is_gone.wait(false);
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable});
  };
  const auto lines = lines_of([&] { EXPECT_EQ(world_.remove("/api/v1/repository/" + repository).status, 503); });
  EXPECT_THAT(in_short(lines),
              ElementsAre("job.delete  done 503", "repository.delete " + repository + " failed 503"));
  EXPECT_EQ(lines.front()["ids"], json({gone}));
}

TEST_F(AuditTest, UploadsBeginAndEnd) {
  TusClient tus(world_);
  const json begun = line_of([&] { tus.create(5, "filename ZC5jc3Y="); });
  EXPECT_EQ(begun["action"], "upload.create");
  EXPECT_EQ(begun["id"], tus.id);
  EXPECT_EQ(begun["bytes"], 5);
  EXPECT_THAT(lines_of([&] {
                tus.head();
                tus.patch(0, "a,b");
              }),
              IsEmpty())
      << "a part changes nothing that counts";
  EXPECT_THAT(in_short(lines_of([&] { tus.patch(3, "\n1"); })), ElementsAre("upload.complete " + tus.id + " done 204"));
  HttpReply made;
  const json used =
      line_of([&] { made = world_.post_json("/api/v1/repository", R"({"upload_id":")" + tus.id + "\"}"); });
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(used["upload"], tus.id);
  TusClient other(world_);
  other.create(5);
  EXPECT_THAT(in_short(lines_of([&] { other.remove(); })), ElementsAre("upload.delete " + other.id + " done 204"));
}

TEST_F(AuditTest, ARepetitionIsToldAsOne) {
  const Headers key{{"Idempotency-Key", "k"}};
  const std::string made = world_.post_json(kExecute, "{}", key).json()["job_id"];
  EXPECT_THAT(in_short(lines_of([&] { world_.post_json(kExecute, "{}", key); })),
              ElementsAre("job.execute " + made + " repeated 201"));
  const std::string retry = "/api/v1/job/" + world_.make_job(job::Phase::kFinished) + "/retry";
  const Headers other{{"Idempotency-Key", "l"}};
  const std::string again = world_.post(retry, "", "", other).json()["job_id"];
  EXPECT_THAT(in_short(lines_of([&] { world_.post(retry, "", "", other); })),
              ElementsAre("job.retry " + again + " repeated 201"));
}

// Two requests with one key at the same time. The second one finds the work done when it begins with it.
TEST_F(AuditTest, WhatAnotherRequestHasDoneMeanwhileIsToldAsRepeated) {
  const std::string inside = world_.post_json("/api/v1/repository", "{}").json()["repository_id"];
  const struct {
    std::string path, body, repository;
    std::vector<std::string> want;
  } cases[] = {
      {"/api/v1/repository", "{}", "", {"repository.create repeated"}},
      {kExecute, "{}", "", {"repository.create repeated", "job.execute repeated"}},
      {kExecute, "{}", inside, {"job.execute repeated"}},
      {"/api/v1/job/batch", R"({"params":[{},{}]})", inside, {"job.batch repeated"}},
  };
  int number = 0;
  for (const auto& one : cases) {
    Headers headers{{"Idempotency-Key", "key-" + std::to_string(++number)}};
    if (!one.repository.empty()) headers.emplace_back("repository_id", one.repository);
    Headers all = World::identity("ana");
    all.insert(all.end(), headers.begin(), headers.end());
    all.insert(all.end(), {{"Content-Type", "application/json"},
                           {"Content-Length", std::to_string(one.body.size())},
                           {"Expect", "100-continue"}});
    std::string head = "POST " + one.path + " HTTP/1.1\r\nHost: x\r\n";
    for (const auto& [name, value] : all) head += name + ": " + value + "\r\n";
    testing::RawClient late(world_.server->address());
    ASSERT_TRUE(late.send(head + "\r\n"));
    // It has looked for the key, and waits for its body.
    ASSERT_NE(late.read_until("100 Continue\r\n\r\n"), "") << one.path;
    const HttpReply first = world_.post_json(one.path, one.body, headers);
    ASSERT_EQ(first.status, 201) << first.body;
    std::string second;
    const auto lines = lines_of([&] {
      late.send(one.body);
      second = late.read_reply();
    });
    EXPECT_EQ(testing::body_of(second), first.body);
    std::vector<std::string> seen;
    for (const json& line : lines) {
      seen.push_back(line["action"].get<std::string>() + " " + line["outcome"].get<std::string>());
    }
    EXPECT_EQ(seen, one.want) << one.path;
  }
}

TEST_F(AuditTest, RefusalsAreToldAndReadsAreNot) {
  const std::string job = world_.make_job(job::Phase::kFinished);
  const auto as = [&](const std::string& user, const std::string& method, const std::string& path,
                      const Headers& more = {}) {
    return in_short(lines_of([&] {
      Headers headers = World::identity(user);
      headers.insert(headers.end(), more.begin(), more.end());
      world_.call(method, path, headers);
    }));
  };
  const std::string path = "/api/v1/job/" + job;
  EXPECT_THAT(as("ana", "GET", path), IsEmpty());
  EXPECT_THAT(as("ana", "GET", "/api/v1/job/" + job + "/result"), IsEmpty());
  EXPECT_THAT(as("eve", "GET", path), ElementsAre("job.read " + job + " refused 404")) << "of another tenant";
  EXPECT_THAT(as("stan", "DELETE", path), ElementsAre("job.delete " + job + " refused 403"));
  EXPECT_THAT(as("ana", "POST", path + "/cancel"), ElementsAre("job.cancel " + job + " refused 409"));
  EXPECT_THAT(as("ana", "DELETE", path, {{"If-Match", "\"other\""}}),
              ElementsAre("job.delete " + job + " refused 412"));
  EXPECT_THAT(as("ana", "POST", kExecute, {{"Content-Length", "99999999999999"}}),
              ElementsAre("job.execute  refused 413"));
  EXPECT_THAT(as("ana", "GET", "/api/v1/job?a=b"), ElementsAre("job.read  refused 400"));
  EXPECT_THAT(as("ana", "GET", "/nowhere"), ElementsAre("  refused 404"));
  EXPECT_THAT(as("ana", "PUT", path), ElementsAre("  refused 405"));
  EXPECT_THAT(as("ana", "POST", "/api/v1/openapi.json"), ElementsAre("  refused 405")) << "of a file of the program";
  EXPECT_THAT(as("ana", "GET", "/api/v1/openapi.json"), IsEmpty());
  const Headers key{{"Idempotency-Key", "k"}};
  world_.post_json(kExecute, "{}", key);
  EXPECT_THAT(in_short(lines_of([&] { world_.post_json(kExecute, R"({"params":{}})", key); })),
              ElementsAre("job.execute  refused 422"));
  EXPECT_THAT(in_short(lines_of([&] { world_.call("GET", "/", {{"bad name", "x"}}); })), ElementsAre("  refused 400"));
}

TEST_F(AuditTest, OfAStrangerTheClaimIsTold) {
  Headers headers = World::identity("ana");
  headers[4].second = World::key("dora");
  const json line = line_of([&] { world_.call("DELETE", "/api/v1/job/j", headers); });
  EXPECT_EQ(line["status"], 401);
  EXPECT_EQ(line["username"], "ana");
  EXPECT_EQ(line["key_id"], "dor1");
  EXPECT_EQ(line["role"], "") << "not authenticated";
  EXPECT_NE(line["detail"], "") << "why";
}

TEST_F(AuditTest, ParamsThatDoNotMatchAreOneRefusal) {
  auto application = std::make_shared<job::Application>(*world_.applications.get("tutorial"));
  application->params_schema = R"({"required":["a"]})";
  world_.applications.put("tutorial", application);
  const json line = line_of([&] { world_.post_json(kExecute, "{}"); });
  EXPECT_EQ(line["outcome"], "refused");
  EXPECT_EQ(line["error"], "Invalid params");
}

// The result of a job that failed is 500, and nothing is wrong with the request or the server.
TEST_F(AuditTest, TheEndOfAJobIsNoRefusal) {
  const std::string job = world_.make_job(job::Phase::kFailed);
  EXPECT_THAT(lines_of([&] { EXPECT_EQ(world_.get("/api/v1/job/" + job + "/result").status, 500); }), IsEmpty());
}

TEST_F(AuditTest, AFaultOfTheServerIsAFailure) {
  const std::string job = world_.make_job(job::Phase::kFinished);
  world_.kube.answer = [](const kube::Request&) -> kube::KubeResult<kube::Response> {
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable});
  };
  const json line = line_of([&] { world_.remove("/api/v1/job/" + job); });
  EXPECT_EQ(line["action"], "job.delete");
  EXPECT_EQ(line["outcome"], "failed");
  EXPECT_EQ(line["status"], 503);
}

TEST_F(AuditTest, DoNotDependOnTheLevelOfTheLog) {
  base::set_log_level(base::LogLevel::kError);
  const auto lines = lines_of([&] { world_.post_json("/api/v1/repository", "{}"); });
  base::set_log_level(base::LogLevel::kInfo);
  EXPECT_EQ(lines.size(), 1U);
}

TEST_F(AuditTest, TellWhatATrustedProxySays) {
  const Headers sent{{"X-Forwarded-For", "198.51.100.1"}};
  const auto ask = [&] { world_.post_json("/api/v1/repository", "{}", sent); };
  EXPECT_FALSE(line_of(ask).contains("forwarded_for")) << "nobody said that there is a proxy";
  world_.api = std::make_unique<Api>(*world_.services, world_.metrics, ServedFiles{}, "X-Forwarded-For");
  EXPECT_EQ(line_of(ask)["forwarded_for"], "198.51.100.1");
}

TEST_F(AuditTest, AFloodOfStrangersIsBoundedAndCountedAndHidesNobody) {
  Headers wrong = World::identity("ana");
  wrong[4].second += "x";
  const auto flood = lines_of([&] {
    for (std::uint64_t i = 0; i < AuditLog::kPerSource + 5; ++i) world_.call("GET", "/api/v1/job/j", wrong);
  });
  EXPECT_EQ(flood.size(), AuditLog::kPerSource);
  // From the same address.
  EXPECT_THAT(in_short(lines_of([&] { world_.remove("/api/v1/job/j", "stan"); })),
              ElementsAre("job.delete j refused 403"));
  const json left = line_of([&] { world_.api->report_left_out(); });
  EXPECT_EQ(left["action"], "refusals.left_out");
  EXPECT_EQ(left["count"], 5);
  EXPECT_THAT(lines_of([&] { world_.api->report_left_out(); }), IsEmpty()) << "they were told";
}

// A program that repeats what is refused.
TEST_F(AuditTest, RefusalsOfATenantAreBoundedAndHideNoChange) {
  const auto flood = lines_of([&] {
    for (int i = 0; i < 105; ++i) world_.get("/api/v1/job/j");
  });
  EXPECT_EQ(flood.size(), 100U);
  EXPECT_THAT(in_short(lines_of([&] { world_.post_json("/api/v1/repository", "{}"); })), SizeIs(1));
  EXPECT_THAT(lines_of([&] { world_.call("GET", "/api/v1/job/j", World::identity("eve")); }), SizeIs(1));
  EXPECT_EQ(line_of([&] { world_.api->report_left_out(); })["count"], 5);
  world_.clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(lines_of([&] { world_.get("/api/v1/job/j"); }), SizeIs(1));
}

// What the listener refuses in place of the handler.
void expect_known(const json& line, const HttpReply& reply, const std::string& username, const std::string& path) {
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("X-Request-Id"), "mine-1");
  EXPECT_EQ(line["request_id"], "mine-1");
  EXPECT_EQ(line["outcome"], "failed");
  EXPECT_EQ(line["status"], 503);
  EXPECT_EQ(line["detail"], reply.json()["detail"]);
  EXPECT_EQ(line["method"], "GET");
  EXPECT_EQ(line["path"], path);
  EXPECT_EQ(line["username"], username);
  EXPECT_EQ(line["role"], "leader");
  EXPECT_EQ(line["key_id"], username + "1");
}

TEST(AuditOfTheListener, SaysWhoseStreamHadNoPlace) {
  http::HttpOptions options;
  options.max_streams = 1;
  World world(Limits{}, options);
  testing::EventReader first(world, "/api/v1/events");
  EXPECT_EQ(first.next().type, "state");
  Headers headers = World::identity("eve");
  headers.emplace_back("X-Request-Id", "mine-1");
  HttpReply refused;
  const auto lines = lines_of([&] { refused = world.call("GET", "/api/v1/events", headers); });
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(refused.body, ::testing::HasSubstr("--max-streams"));
  expect_known(lines[0], refused, "eve", "/api/v1/events");
}

TEST(AuditOfTheListener, SaysWhoseRequestWasGivenUp) {
  std::atomic<bool> stuck{false};
  http::HttpOptions options;
  options.stuck_timeout = std::chrono::milliseconds(1);
  options.header_timeout = std::chrono::milliseconds(200);  // how often the server checks
  options.is_stuck = [&] { return stuck.load(); };
  World world({}, options);
  testing::HeldPool hangs(*world.volume_workers, World::kVolumeWorkers);
  stuck = true;
  HttpReply refused;
  const auto lines = lines_of([&] { refused = world.get("/api/v1/repository", {{"X-Request-Id", "mine-1"}}); });
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["action"], "repository.read");
  expect_known(lines[0], refused, "ana", "/api/v1/repository");
}

// A client would take a body behind the head of a HEAD for the next answer.
TEST(AuditOfTheListener, ARequestForAHeadThatIsGivenUpHasNoBody) {
  http::HttpOptions options;
  options.stuck_timeout = std::chrono::milliseconds(1);
  options.header_timeout = std::chrono::milliseconds(200);  // how often the server checks
  std::atomic<bool> stuck{false};
  options.is_stuck = [&] { return stuck.load(); };
  World world({}, options);
  testing::HeldPool hangs(*world.volume_workers, World::kVolumeWorkers);
  stuck = true;
  std::string request = "HEAD /api/v1/repository HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [name, value] : World::identity("ana")) request += name + ": " + value + "\r\n";
  testing::RawClient client(world.server->address());
  ASSERT_TRUE(client.send(request + "\r\n"));
  const std::string refused = client.read_to_end();
  EXPECT_EQ(testing::status_of(refused), 503);
  EXPECT_EQ(testing::body_of(refused), "");
}

TEST(AuditOfTheListener, HasTheRequestIdOfTheAnswerIfNothingElseIsKnown) {
  World world;
  HttpReply refused;
  const auto lines = lines_of([&] { refused = world.call("GET", "/api/v1/repository", {{"bad header", "x"}}); });
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(refused.status, 400);
  EXPECT_FALSE(refused.header("X-Request-Id").empty());
  EXPECT_EQ(lines[0]["request_id"], refused.header("X-Request-Id"));
  EXPECT_EQ(lines[0]["peer"], "127.0.0.1");
  for (const char* member : {"action", "method", "path", "username", "role", "key_id"}) {
    EXPECT_EQ(lines[0][member], "") << member;
  }
}

TEST(AuditLogTest, ManySourcesTogetherAreBounded) {
  AuditLog log;
  const base::SteadyPoint now{std::chrono::hours(1)};
  std::uint64_t written = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string peer = "192.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    written += log.has_room(peer, now) ? 1 : 0;
  }
  EXPECT_EQ(written, AuditLog::kPerServer);
  EXPECT_TRUE(log.has_room("203.0.113.1", now + std::chrono::minutes(1)));
}

}  // namespace
}  // namespace vbrain::api
