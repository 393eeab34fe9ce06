// When the server accepts a job, and what stays on the volume if it can't.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using kube::ErrorCode;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::RawClient;
using ::testing::SizeIs;
using testing::World;

kube::KubeResult<kube::Response> fail(ErrorCode code) {
  return Unexpected<kube::Error>(kube::Error{.code = code});
}

std::vector<std::string> job_folders(const World& world) {
  std::vector<std::string> found;
  for (const std::string& path : world.files("jobs")) {
    if (path.find('/') == std::string::npos) found.push_back(path);
  }
  return found;
}

TEST(Durability, TheFolderIsWholeBeforeTheResourceExists) {
  World world;
  std::vector<std::string> seen;
  world.kube.answer = [&](const kube::Request& request) -> kube::KubeResult<kube::Response> {
    const std::string name = nlohmann::json::parse(request.body)["metadata"]["name"];
    seen = world.files("jobs/" + name);
    return kube::Response{201, "{}"};
  };
  const HttpReply reply = world.post("/api/v1/job/execute", testing::kMultipartType,
                                     testing::multipart({{"name=file; filename=d.csv", "a,b\n"}}));
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_THAT(seen, ::testing::Contains("job.json"));
  EXPECT_THAT(world.files(".staging"), IsEmpty());
}

TEST(Durability, ATryThatWasDoneAfterAllIsASuccess) {
  World world;
  int calls = 0;
  world.kube.answer = [&](const kube::Request&) {
    return fail(++calls == 1 ? ErrorCode::kUnavailable : ErrorCode::kAlreadyExists);
  };
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 201);
  EXPECT_EQ(calls, 2);
}

TEST(Durability, ARefusedCreateLeavesNoJob) {
  for (const ErrorCode code : {ErrorCode::kInvalid, ErrorCode::kForbidden, ErrorCode::kUnauthorized,
                               ErrorCode::kNotFound, ErrorCode::kBadRequest, ErrorCode::kTooManyRequests}) {
    World world;
    world.kube.answer = [&](const kube::Request&) { return fail(code); };
    const HttpReply reply = world.post_json("/api/v1/job/execute", "{}");
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.json()["error"], "Service unavailable");
    EXPECT_NE(reply.header("Retry-After"), "");
    EXPECT_THAT(job_folders(world), IsEmpty()) << to_string(code);
  }
}

// The create request may have been executed, or may be executed later. The marker prevents the job from running.
TEST(Durability, AnUnknownCreateLeavesADeletedJob) {
  for (const ErrorCode code : {ErrorCode::kTimeout, ErrorCode::kUnavailable, ErrorCode::kInternal}) {
    World world;
    world.kube.answer = [&](const kube::Request&) { return fail(code); };
    EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 503);
    const auto folders = job_folders(world);
    ASSERT_THAT(folders, SizeIs(1)) << to_string(code);
    EXPECT_TRUE(world.volume->is_deleted(World::tenant(), folders[0]));
    EXPECT_EQ(world.get("/api/v1/job/" + folders[0]).status, 404);
  }
}

// The resource may appear late, but the job will not run, so its input is not needed.
TEST(Durability, AnUnknownCreateKeepsNoInput) {
  World world;
  world.kube.answer = [&](const kube::Request&) { return fail(ErrorCode::kTimeout); };
  const std::string repository = world.post_json("/api/v1/repository", "{}").json()["repository_id"];
  EXPECT_EQ(world
                .post("/api/v1/job/execute", testing::kMultipartType,
                      testing::multipart({{"name=file; filename=d.csv", "a,b\n"}}), {{"repository_id", repository}})
                .status,
            503);
  const auto folders = job_folders(world);
  ASSERT_THAT(folders, SizeIs(1));
  EXPECT_THAT(world.files("jobs/" + folders[0]),
              ::testing::UnorderedElementsAre("job.json", "deleted", "attempts", "attempts/1", "attempts/1/logs",
                                              "attempts/1/claim"));
  // The controller may have made the pod before it saw the marker.
  EXPECT_EQ(world.volume->read_claim(World::tenant(), folders[0], 1)->by, artifacts::Claim::By::kController)
      << "a late pod starts nothing";
}

// A running job keeps its input, although no client will ask for its result.
TEST(Durability, AnUnknownCreateThatWasBegunKeepsItsInput) {
  World world;
  std::string job;
  world.kube.answer = [&](const kube::Request& request) {
    job = nlohmann::json::parse(request.body)["metadata"]["name"];
    const auto attempt = world.volume->root().at(artifacts::layout::attempt(World::tenant(), job, 1));
    EXPECT_TRUE(take_claim(attempt, {.by = artifacts::Claim::By::kRunner, .pod_uid = "pod"}).won);
    return fail(ErrorCode::kTimeout);
  };
  const std::string repository = world.post_json("/api/v1/repository", "{}").json()["repository_id"];
  EXPECT_EQ(world
                .post("/api/v1/job/execute", testing::kMultipartType,
                      testing::multipart({{"name=file; filename=d.csv", "a,b\n"}}), {{"repository_id", repository}})
                .status,
            503);
  EXPECT_TRUE(world.volume->is_deleted(World::tenant(), job));
  EXPECT_THAT(world.files("jobs/" + job), ::testing::Contains("input/d.csv"));
}

TEST(Durability, ACreateThatWasNeverSentLeavesNoJob) {
  for (const ErrorCode code : {ErrorCode::kTimeout, ErrorCode::kUnavailable, ErrorCode::kCancelled}) {
    World world;
    world.kube.answer = [&](const kube::Request&) -> kube::KubeResult<kube::Response> {
      return Unexpected<kube::Error>(kube::Error{.code = code, .unsent = true});
    };
    EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 503);
    EXPECT_THAT(job_folders(world), IsEmpty()) << to_string(code);
  }
}

// A refusal is the answer to its own try only; an earlier try may have been executed.
TEST(Durability, ARefusalAfterAnUnknownTryLeavesADeletedJob) {
  World world;
  int calls = 0;
  world.kube.answer = [&](const kube::Request&) {
    return fail(++calls == 1 ? ErrorCode::kUnavailable : ErrorCode::kForbidden);
  };
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 503);
  EXPECT_EQ(calls, 2);
  const auto folders = job_folders(world);
  ASSERT_THAT(folders, SizeIs(1));
  EXPECT_TRUE(world.volume->is_deleted(World::tenant(), folders[0]));
}

TEST(Durability, ARefusalOfARequestThatWasSentTwiceLeavesADeletedJob) {
  World world;
  world.kube.answer = [&](const kube::Request&) -> kube::KubeResult<kube::Response> {
    return Unexpected<kube::Error>(kube::Error{.code = ErrorCode::kForbidden, .maybe_done = true});
  };
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 503);
  const auto folders = job_folders(world);
  ASSERT_THAT(folders, SizeIs(1));
  EXPECT_TRUE(world.volume->is_deleted(World::tenant(), folders[0]));
}

TEST(Durability, ARetryAfterOfTheApiServerIsPassedOn) {
  World world;
  int calls = 0;
  world.kube.answer = [&](const kube::Request&) -> kube::KubeResult<kube::Response> {
    ++calls;
    return Unexpected<kube::Error>(
        kube::Error{.code = ErrorCode::kTooManyRequests, .retry_after = std::chrono::milliseconds(6500)});
  };
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").header("Retry-After"), "7");
  EXPECT_EQ(calls, 1);
}

TEST(Durability, AClientThatLeavesInItsUploadLeavesNothing) {
  const std::string body =
      testing::multipart({{"name=file; filename=big.csv", std::string(3 << 20, 'x')}, {"name=params", "{\"a\":1}"}});
  for (const int percent : {1, 50, 99}) {
    World world;
    std::string head = "POST /api/v1/job/execute HTTP/1.1\r\nHost: x\r\nContent-Type: " + testing::kMultipartType +
                       "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    for (const auto& [name, value] : World::identity("ana")) head += name + ": " + value + "\r\n";
    RawClient client(world.server->address());
    ASSERT_TRUE(client.send(head + "\r\n" + body.substr(0, body.size() * static_cast<std::size_t>(percent) / 100)));
    client.close();
    // The server detects it at its next read; draining waits for that.
    EXPECT_TRUE(world.server->drain(std::chrono::seconds(10)));
    world.finish_volume_work();
    EXPECT_THAT(world.files("jobs"), IsEmpty()) << percent;
    EXPECT_THAT(world.files("repositories"), IsEmpty()) << percent;
    EXPECT_THAT(world.files(".staging"), IsEmpty()) << percent;
    EXPECT_THAT(world.kube.requests(), IsEmpty()) << percent;
  }
}

TEST(Durability, AFileThatIsNotWholeYetIs503) {
  World world;
  const std::string id = world.make_job(job::Phase::kQueued);
  std::filesystem::resize_file(world.job_folder(id) + "/job.json", 10);
  EXPECT_EQ(world.get("/api/v1/job/" + id).status, 503);
}

TEST(Durability, AFailingVolumeIs503AndAFullOneMakesNoResource) {
  World world;
  std::filesystem::remove_all(world.root);
  const HttpReply reply = world.post_json("/api/v1/job/execute", "{}");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body.find(world.root), std::string::npos);
  EXPECT_THAT(world.kube.requests(), IsEmpty());
}

}  // namespace
}  // namespace vbrain::api
