// One tenant's slow readers, a Kubernetes API that hangs, a replica whose watch lags: what the others notice of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "api-server/jobs/job_record.hpp"
#include "http/task.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::Headers;
using testing::HttpReply;
using testing::kMultipartType;
using testing::multipart;
using testing::RawClient;
using testing::status_of;
using testing::World;

std::string request_of(const std::string& username, const std::string& path) {
  std::string text = "GET " + path + " HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [name, value] : World::identity(username)) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

std::string repository_with_params(World& world, const std::string& username, std::size_t size) {
  Headers headers = World::identity(username);
  headers.emplace_back("Content-Type", "application/json");
  const std::string body = R"({"params":{"a":")" + std::string(size, 'x') + R"("}})";
  const HttpReply made = world.call("POST", "/api/v1/repository", headers, body);
  EXPECT_EQ(made.status, 201) << made.body;
  return "/api/v1/repository/" + made.json()["repository_id"].get<std::string>() + "/params";
}

TEST(Strain, SlowReadersOfOneTenantLeaveRoomForAnother) {
  constexpr std::size_t kSize = 7U << 19;  // 3.5 MiB: more than the buffers of a socket take
  World world(Limits{.max_json_bytes = 4U << 20, .max_json_memory = 32U << 20});
  const std::string of_ana = repository_with_params(world, "ana", kSize);
  const std::string of_eve = repository_with_params(world, "eve", kSize);
  std::deque<RawClient> slow;
  int served = 0;
  for (int i = 0; i < 9; ++i) {
    RawClient& reader = slow.emplace_back(world.server->address(), 4096);
    ASSERT_TRUE(reader.send(request_of("ana", of_ana)));
    // The first bytes are there: the answer was built, or refused.
    if (status_of(reader.read_head()) == 200) ++served;
  }
  EXPECT_GE(served, 1);
  EXPECT_LT(served, 9);
  EXPECT_EQ(world.call("GET", of_eve, World::identity("eve")).status, 200);
  slow.clear();
  // The server notices in its own time that they are gone.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (world.get(of_ana).status != 200) ASSERT_LT(std::chrono::steady_clock::now(), end);
}

// The files of the pages and the document need no key.
TEST(Strain, SlowReadersOfThePagesHoldUpNobody) {
  World world(Limits{.max_json_bytes = 4U << 20, .max_json_memory = 8U << 20});
  const std::string params = repository_with_params(world, "eve", 2U << 20);
  std::string asked;
  // Several answers of 1.4 MB: more than the buffers of a socket take.
  for (int i = 0; i < 8; ++i) asked += "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
  std::deque<RawClient> slow;
  for (int i = 0; i < 50; ++i) {
    RawClient& reader = slow.emplace_back(world.server->address(), 4096);
    ASSERT_TRUE(reader.send(asked));
    ASSERT_EQ(status_of(reader.read_head()), 200);
  }
  EXPECT_EQ(world.call("GET", params, World::identity("eve")).status, 200);
  EXPECT_EQ(world.call("GET", "/docs/swagger-ui-bundle.js", {}).status, 200);
}

TEST(TenantBudget, ATenantHasItsPart) {
  const base::Tenant a{"a", "x", "y"};
  const base::Tenant b{"b", "x", "y"};
  TenantBudget budget(1'000'000, 600'000);
  {
    TenantBudget::Share first(budget, a);
    first.cover(500'000);
    EXPECT_THROW(first.cover(600'001), TenantBudget::TenantFull);
    TenantBudget::Share second(budget, a);
    EXPECT_THROW(second.cover(100'001), TenantBudget::TenantFull) << "its tenant's part";
    second.cover(100'000);
    TenantBudget::Share other(budget, b);
    try {
      other.cover(400'001);
      ADD_FAILURE() << "what is left of all";
    } catch (const TenantBudget::TenantFull&) {
      ADD_FAILURE() << "its tenant's part has room";
    } catch (const http::Overloaded&) {
    }
    other.cover(400'000);
    TenantBudget::Share small(budget, b);
    small.cover(TenantBudget::kFree);
    first.settle(100'000);
    second.cover(500'000);
  }
  TenantBudget::Share again(budget, a);
  again.cover(600'000);
}

TEST(TenantBudget, TellsWhoseRoomIsUsedUp) {
  const base::Tenant a{"a", "x", "y"};
  const base::Tenant b{"b", "x", "y"};
  TenantBudget budget(1'000'000, 600'000);
  TenantBudget::Share first(budget, a);
  first.cover(500'000);
  EXPECT_TRUE(budget.tenant_has_room(a, 100'000));
  EXPECT_FALSE(budget.tenant_has_room(a, 100'001));
  EXPECT_TRUE(budget.tenant_has_room(b, 600'000)) << "it lacks the room of all together";
}

// Lets calls of the Kubernetes API hang until release(); then they fail.
class HangingApi {
 public:
  explicit HangingApi(World& world) {
    world.kube.answer = [this](const kube::Request&) {
      ++calls_;
      released_.wait();
      return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable});
    };
  }
  void release() { release_.set_value(); }
  void wait_for_calls(int count) const {
    while (calls_ < count) std::this_thread::yield();
  }

 private:
  std::atomic<int> calls_{0};
  std::promise<void> release_;
  std::shared_future<void> released_{release_.get_future()};
};

// Its own body was accepted. What it reads of the repository is not another text on its way to a client.
TEST(Strain, AUsedUpBudgetDoesNotRefuseAJobInALargeRepository) {
  World first;
  const std::string large = R"({"params":{"a":")" + std::string(60'000, 'x') + "\"}}";
  const std::string repository = first.post_json("/api/v1/repository", large).json()["repository_id"];
  World world(first);  // has not read it yet
  TenantBudget::Share all(*world.json_budget, World::tenant());
  all.cover(world.json_budget->room(World::tenant()));
  EXPECT_EQ(world.get("/api/v1/repository/" + repository).status, 429);
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository}}).status, 201);
}

TEST(Strain, AHangingKubernetesApiStopsNothingThatNeedsNoneOfIt) {
  World world;
  const std::string finished = world.make_job(Phase::kFinished);
  const std::string gone = world.make_job(Phase::kStarted);
  std::filesystem::remove_all(world.job_folder(gone));
  HangingApi api(world);
  std::vector<std::future<HttpReply>> hanging;
  // More of each than there are threads of any pool.
  for (int i = 0; i < 4; ++i) {
    hanging.push_back(
        std::async(std::launch::async, [&] { return world.post_json("/api/v1/job/execute", R"({"params":{}})"); }));
    hanging.push_back(std::async(std::launch::async, [&] { return world.get("/api/v1/job/" + gone); }));
  }
  api.wait_for_calls(2);
  EXPECT_EQ(world.post("/api/v1/repository", kMultipartType, multipart({{"name=params", "{\"a\":1}"}})).status, 201);
  const std::string large = R"({"params":{"a":")" + std::string(20'000, 'x') + "\"}}";
  EXPECT_EQ(world.post_json("/api/v1/repository", large).status, 201);
  EXPECT_EQ(world.get("/api/v1/job/" + finished + "/result").status, 200);
  api.release();
  for (auto& reply : hanging) EXPECT_EQ(reply.get().status, 503);
}

job::JobStatus status_with(Phase phase, std::optional<base::TimePoint> completed = {}) {
  job::JobStatus status;
  status.phase = phase;
  status.completion_time = completed;
  return status;
}

TEST(Strain, AJobHasEndedOnceItsRecordIsOnTheVolume) {
  const base::TimePoint end{std::chrono::hours(1)};
  const auto finished = status_with(Phase::kFinished, end);
  const auto failed = status_with(Phase::kFailed, end);
  struct Case {
    const char* what;
    job::JobStatus cached;
    std::optional<job::JobStatus> recorded;
    std::chrono::seconds after_end;
    Phase want;
  };
  const Case cases[] = {
      {"queued", status_with(Phase::kQueued), {}, {}, Phase::kQueued},
      {"runs", status_with(Phase::kStarted), {}, {}, Phase::kStarted},
      {"the watch lags", status_with(Phase::kQueued), finished, {}, Phase::kFinished},
      {"the watch lags, failed", status_with(Phase::kStarted), failed, {}, Phase::kFailed},
      {"the record is not there yet", finished, {}, std::chrono::seconds(1), Phase::kStarted},
      {"the record is not there yet, failed", failed, {}, kRecordPatience, Phase::kStarted},
      {"the volume takes no record", finished, {}, kRecordPatience + std::chrono::seconds(1), Phase::kFinished},
      {"both", finished, finished, {}, Phase::kFinished},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(agreed_status(c.cached, c.recorded, end + c.after_end).phase, c.want) << c.what;
  }
  EXPECT_FALSE(agreed_status(finished, {}, end).completion_time.has_value());
}

TEST(Strain, WhatOneReplicaAnsweredAsFinishedIsFinishedOnTheOther) {
  World first;
  World lagging(first);
  const std::string id = first.make_job(Phase::kFinished);
  lagging.catch_up();  // knows the job, not its end
  job::JobStatus status = first.jobs.get(id)->status;
  status.completion_time = first.clock.now();
  first.set_status(id, status);
  const auto ask = [&](World& world) { return world.get("/api/v1/job/" + id + "/result").status; };
  // Until the record is there nobody says that it has ended.
  EXPECT_EQ(ask(first), 202);
  EXPECT_EQ(ask(lagging), 202);
  EXPECT_EQ(first.get("/api/v1/job/" + id).json()["job_status"], "started");
  first.record(id);
  EXPECT_EQ(ask(first), 200);
  EXPECT_EQ(ask(lagging), 200);
  EXPECT_EQ(lagging.get("/api/v1/job/" + id).status, 200);
}

TEST(Strain, ARecordOfAnotherJobOfThatNameIsNone) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  world.record(id);
  auto next = std::make_shared<job::Job>(*world.jobs.get(id));
  next->meta.uid = "another";
  next->status = status_with(Phase::kStarted);
  world.jobs.put(id, next);
  EXPECT_EQ(world.get("/api/v1/job/" + id).status, 202);
}

TEST(Strain, NoAnswerMayBeKeptByASharedCacheOrTakenForAPage) {
  World world(Limits{}, http::HttpOptions{.max_header_bytes = 8'192});
  const std::string id = world.make_job(Phase::kFinished);
  const std::string job = "/api/v1/job/" + id;
  const std::string etag = world.get(job + "/output").header("ETag");
  const HttpReply replies[] = {
      world.get(job),
      world.get(job + "/result"),
      world.get(job + "/output"),
      world.get(job + "/output", {{"If-None-Match", etag}}),
      world.get(job + "/output", {{"Range", "bytes=0-1"}}),
      world.get(job + "/output", {{"Range", "bytes=900-"}}),
      world.get(job + "/logs"),
      world.get("/api/v1/repository"),
      world.get("/api/v1/job/none"),
      world.get("/nowhere"),
      world.post_json("/api/v1/repository", "{}"),
      world.post_json("/api/v1/repository", "no json"),
      world.call("PUT", job, World::identity("ana")),
      world.call("GET", job, {}),
      world.call("GET", job, {{"bad header", "x"}}),
      world.call("GET", job, {{"large", std::string(10'000, 'x')}}),
      world.post_json("/api/v1/repository", std::string(3U << 20, 'x')),
  };
  std::set<int> statuses;
  for (const HttpReply& reply : replies) {
    statuses.insert(reply.status);
    EXPECT_EQ(reply.header("Cache-Control"), "no-store") << reply.head;
    EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff") << reply.head;
    EXPECT_EQ(reply.header("Vary"),
              "username, organization_id, organization-id, application_id, application-id, client_id, client-id, "
              "x_api_key, x-api-key, repository_id, repository-id")
        << reply.head;
  }
  EXPECT_EQ(statuses, (std::set<int>{200, 201, 206, 304, 400, 404, 405, 413, 416, 431}));
}

}  // namespace
}  // namespace vbrain::api
