// Answers while the Kubernetes API or the volume is unreachable.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "unit/api-server/held_pool.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::HttpReply;
using testing::World;

const std::string kNobody = "2e065d31-b19f-486a-85ab-b69afab282b5";

TEST(Outage, BeforeTheFirstListsKeysAreAnsweredWith503) {
  World world;
  world.synced = false;
  const HttpReply reply = world.get("/api/v1/job/" + kNobody);
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.header("Retry-After"), "");
}

TEST(Outage, KeysAreBelievedForFiveMinutes) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  world.kube.answer = [](const kube::Request&) {
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable});
  };
  world.silence = std::chrono::minutes(5);
  EXPECT_EQ(world.get("/api/v1/job/" + id + "/result").status, 200);
  EXPECT_EQ(world.get("/api/v1/repository").status, 200);
  EXPECT_EQ(world.post_json("/api/v1/repository", "{}").status, 201);
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 503);
  EXPECT_EQ(world.remove("/api/v1/job/" + id).status, 503);
  world.silence = std::chrono::minutes(5) + std::chrono::nanoseconds(1);
  for (const std::string path : {"/api/v1/repository", "/api/v1/job/x/result"}) {
    const HttpReply reply = world.get(path);
    EXPECT_EQ(reply.status, 503) << path;
    EXPECT_EQ(reply.json()["error"], "Service unavailable");
    EXPECT_NE(reply.header("Retry-After"), "");
  }
  world.silence = std::chrono::seconds(0);
  EXPECT_EQ(world.get("/api/v1/repository").status, 200);
}

TEST(Outage, AJobThatIsRefusedLeavesNoRepositoryBehind) {
  World world;
  world.kube.answer = [](const kube::Request&) {
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable});
  };
  const std::string before = world.get("/api/v1/repository").body;
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 503);
  EXPECT_EQ(world.get("/api/v1/repository").body, before);
}

TEST(Outage, ArchivedJobsAreReadWithoutTheKubernetesApi) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  world.archive(id);
  world.kube.answer = [](const kube::Request&) {
    ADD_FAILURE() << "asked";
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable});
  };
  for (const std::string part : {"", "/result", "/params", "/output", "/logs"}) {
    EXPECT_EQ(world.get("/api/v1/job/" + id + part).status, 200) << part;
  }
}

// What cannot be read is left out, and an entry of the archive names it.
TEST(Outage, LogsThatCannotBeReadAreNamedInTheArchive) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  const std::string attempt = world.job_folder(id) + "/attempts/1";
  for (const std::string broken : {"/logs", ""}) {
    std::filesystem::create_directories(attempt);
    std::filesystem::remove_all(attempt + broken);
    std::ofstream(attempt + broken) << "no folder";
    const HttpReply reply = world.get("/api/v1/job/" + id + "/logs");
    EXPECT_EQ(reply.status, 200) << broken;
    EXPECT_NE(reply.body.find("left-out-by-server.txt"), std::string::npos) << broken;
    std::filesystem::remove(attempt + broken);
  }
}

// A request whose handler does not return, as on a volume that hangs.
TEST(Outage, AHungVolumeIsNotWaitedForForEver) {
  std::atomic<bool> stuck{false};
  http::HttpOptions options;
  options.stuck_timeout = std::chrono::milliseconds(1);
  options.header_timeout = std::chrono::milliseconds(200);  // how often the server checks
  options.is_stuck = [&] { return stuck.load(); };
  World world({}, options);
  testing::HeldPool hangs(*world.volume_workers, World::kVolumeWorkers);
  stuck = true;
  const HttpReply reply = world.get("/api/v1/repository");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, R"({"error":"Service unavailable","detail":"the storage does not answer"})");
  EXPECT_NE(reply.header("Retry-After"), "");
  stuck = false;
  hangs.release();
  EXPECT_EQ(world.get("/api/v1/repository").status, 200);
}

}  // namespace
}  // namespace vbrain::api
