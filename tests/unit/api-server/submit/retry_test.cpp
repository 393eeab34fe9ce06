// POST /job/:id/retry, and `priority` of new work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "api-server/submit/priority.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using job::Role;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using testing::World;

const std::string kExecute = "/api/v1/job/execute";

HttpReply retry(World& world, const std::string& id, const std::string& username = "ana") {
  return world.call("POST", "/api/v1/job/" + id + "/retry", World::identity(username));
}

void end(World& world, const std::string& id) {
  world.catch_up();
  job::JobStatus status;
  status.phase = Phase::kFailed;
  status.attempts = 1;
  world.set_status(id, status);
  world.record(id);
}

artifacts::JobFile file_of(World& world, const std::string& id) {
  return world.volume->read_job(World::tenant(), id).value();
}

TEST(Retry, MakesAnotherJobOfTheSameInput) {
  World world;
  const std::string id = world.make_job(Phase::kFailed);
  world.record(id);
  for (const bool archived : {false, true}) {
    if (archived) world.archive(id);
    const HttpReply reply = retry(world, id);
    ASSERT_EQ(reply.status, 201) << reply.body;
    const std::string again = reply.json()["job_id"];
    EXPECT_EQ(reply.body, R"({"message":"Job created","job_id":")" + again + "\"}");
    EXPECT_NE(again, id);
    const auto old = file_of(world, id);
    const auto made = file_of(world, again);
    EXPECT_EQ(made.repository_id, old.repository_id);
    EXPECT_EQ(made.params, old.params);
    EXPECT_EQ(made.metadata, old.metadata);
    EXPECT_EQ(made.input, old.input);
    EXPECT_EQ(made.created_by, "ana");
    EXPECT_TRUE(world.kube.object(again));
    EXPECT_THAT(world.volume->index_of(World::tenant(), made.repository_id).value(), ::testing::Contains(again));
  }
}

TEST(Retry, CopiesAnInputOfTheJobsOwn) {
  World world;
  const std::string repository =
      world
          .post("/api/v1/repository", testing::kMultipartType,
                testing::multipart(
                    {{"name=file; filename=a.zip", testing::zip_of({{"below/a.csv", "1\n"}, {"b.csv", "2\n"}})}}))
          .json()["repository_id"];
  const HttpReply made =
      world.post(kExecute, testing::kMultipartType, testing::multipart({{"name=file; filename=b.csv", "3\n"}}),
                 {{"repository_id", repository}});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = made.json()["job_id"];
  end(world, id);
  const HttpReply reply = retry(world, id);
  ASSERT_EQ(reply.status, 201) << reply.body;
  const std::string again = reply.json()["job_id"];
  EXPECT_EQ(file_of(world, again).input_from, artifacts::JobFile::InputFrom::kJob);
  EXPECT_EQ(file_of(world, again).input, file_of(world, id).input);
  EXPECT_EQ(world.files("jobs/" + again + "/input"), world.files("jobs/" + id + "/input"));
  std::ifstream copy(world.job_folder(again) + "/input/b.csv");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(copy), {}), "3\n");
}

TEST(Retry, OfAJobThatHasNotEndedIsRefused) {
  World world;
  for (const Phase phase : {Phase::kQueued, Phase::kStarted}) {
    const HttpReply reply = retry(world, world.make_job(phase));
    EXPECT_EQ(reply.status, 409);
    EXPECT_EQ(reply.json()["error"], "Job not yet finished");
    EXPECT_THAT(reply.json()["detail"].get<std::string>(), ::testing::HasSubstr("Remedy: "));
  }
}

TEST(Retry, NeedsItsRepository) {
  World world;
  const std::string id = world.make_job(Phase::kFailed);
  world.record(id);
  const std::string repository = file_of(world, id).repository_id;
  // As if the deletion of the repository had gone half its way.
  std::filesystem::remove_all(world.root + "/" + artifacts::layout::repository(World::tenant(), repository));
  const HttpReply reply = retry(world, id);
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.json()["error"], "Invalid repository_id");
}

TEST(Retry, IsForLeaders) {
  World world;
  const std::string id = world.make_job(Phase::kFailed);
  world.record(id);
  EXPECT_EQ(retry(world, id, "stan").status, 403);
  EXPECT_EQ(retry(world, id, "dora").status, 403);
}

TEST(Retry, TakesNoBody) {
  World world;
  const std::string id = world.make_job(Phase::kFailed);
  world.record(id);
  const std::string path = "/api/v1/job/" + id + "/retry";
  const std::vector<std::string> bodies{R"({"params":{"a":1}})", "x", "{}x", "[]"};
  for (const std::string& body : bodies) {
    const HttpReply refused = world.post_json(path, body);
    EXPECT_EQ(refused.status, 400) << refused.body;
    EXPECT_EQ(refused.json()["error"], "Invalid body");
    EXPECT_THAT(refused.json()["detail"].get<std::string>(), ::testing::HasSubstr("POST /api/v1/job/execute"));
  }
  EXPECT_EQ(world.post_json(path, " {}\n").status, 201);
  EXPECT_EQ(world.post_json(path, std::string(1'000, ' ')).status, 201);
  const HttpReply absent = world.post_json("/api/v1/job/0190a0b0-0000-7000-8000-000000000000/retry", "x");
  EXPECT_EQ(absent.status, 404) << "the job is looked for before the body";
}

TEST(Priority, IsAnIntegerWithinLimits) {
  for (const auto& [text, number] : std::vector<std::pair<std::string, int>>{{"0", 0},
                                                                             {"1000", 1000},
                                                                             {"-1000", -1000},
                                                                             {" 7\n", 7},
                                                                             {"-0", 0},
                                                                             {"-513.0", -513},
                                                                             {"1000.0", 1000},
                                                                             {" 1e2 ", 100}}) {
    const auto read = read_priority(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, number);
  }
  for (const std::string text : {"", " ", "1001", "-1001", "1001.0", "-1001.0", "1e4", "1.5", "\"5\"", "null", "true",
                                 "5 5", "0x5", "+5", "99999999999999999999"}) {
    const auto read = read_priority(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(message_of(read.error()), "Invalid priority");
  }
}

TEST(Priority, MayBeWrittenWithAPoint) {
  World world;
  const HttpReply made = world.post_json(kExecute, R"({"priority":-513.0})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(file_of(world, made.json()["job_id"]).priority, -513);
}

TEST(Priority, AboveZeroIsForLeaders) {
  const struct {
    Role role;
    std::int32_t priority;
    bool allowed;
  } table[] = {{Role::kLeader, 1000, true},     {Role::kLeader, -1000, true},  {Role::kDeveloper, 0, true},
               {Role::kDeveloper, -1000, true}, {Role::kDeveloper, 1, false},  {Role::kStakeholder, 0, true},
               {Role::kStakeholder, -5, true},  {Role::kStakeholder, 1, false}};
  for (const auto& row : table) {
    const auto refused = refuse_priority(row.role, row.priority);
    EXPECT_EQ(!refused, row.allowed) << row.priority;
    if (refused) {
      EXPECT_EQ(status_of(refused->problem), 403);
    }
  }
}

TEST(Priority, OfExecuteReachesTheJob) {
  World world;
  const std::string json = R"({"params":{"a":1},"priority":5})";
  const HttpReply made = world.post_json(kExecute, json);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = made.json()["job_id"];
  EXPECT_EQ(file_of(world, id).priority, 5);
  EXPECT_EQ(world.kube.object(id).value()["spec"]["priority"], 5);
  const HttpReply form = world.post(kExecute, testing::kMultipartType, testing::multipart({{"name=priority", "-3"}}));
  ASSERT_EQ(form.status, 201) << form.body;
  EXPECT_EQ(file_of(world, form.json()["job_id"]).priority, -3);
  // A field of a form that was left empty.
  const HttpReply empty = world.post(kExecute, testing::kMultipartType, testing::multipart({{"name=priority", " "}}));
  ASSERT_EQ(empty.status, 201) << empty.body;
  EXPECT_EQ(file_of(world, empty.json()["job_id"]).priority, 0);

  // A retry has the same one.
  end(world, id);
  EXPECT_EQ(file_of(world, retry(world, id).json()["job_id"]).priority, 5);
}

TEST(Priority, IsRefusedWhereItMayNotBe) {
  World world;
  Headers dora = World::identity("dora");
  dora.emplace_back("Content-Type", "application/json");
  const HttpReply above = world.call("POST", kExecute, dora, R"({"priority":1})");
  EXPECT_EQ(above.status, 403);
  EXPECT_EQ(above.json()["error"], "Permission denied");
  EXPECT_EQ(world.post_json(kExecute, R"({"priority":"5"})").status, 400);
  const std::string too_high = world.post_json(kExecute, R"({"priority":1001})").body;
  EXPECT_THAT(too_high, HasSubstr("Invalid priority"));
  EXPECT_EQ(world.post_json(kExecute, R"({"priority":1001.0})").body, too_high);
  EXPECT_EQ(world.post(kExecute, testing::kMultipartType, testing::multipart({{"name=priority", "x"}})).status, 400);
  const HttpReply repository = world.post_json("/api/v1/repository", R"({"priority":1})");
  EXPECT_EQ(repository.status, 400);
  EXPECT_EQ(repository.json()["error"], "Invalid priority");
  EXPECT_TRUE(world.files("jobs").empty());
}

}  // namespace
}  // namespace vbrain::api
