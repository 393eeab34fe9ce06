// Deleting jobs: the order of the steps, and what each replica shows afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using kube::ErrorCode;
using nlohmann::json;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::World;

const std::string kNoJob = R"({"error":"Invalid job_id"})";

kube::KubeResult<kube::Response> fail(ErrorCode code) {
  return Unexpected<kube::Error>(kube::Error{.code = code, .message = "as the test wants"});
}

std::string path_of(const std::string& job) {
  return "/api/v1/job/" + job;
}
std::string repository_of(World& world, const std::string& job) {
  return world.get(path_of(job)).json()["repository_id"];
}
void expect_absent(World& world, const std::string& job, const std::string& repository) {
  for (const std::string part : {"", "/result", "/params", "/output", "/logs"}) {
    EXPECT_EQ(world.get(path_of(job) + part).body, kNoJob) << part;
  }
  EXPECT_EQ(world.remove(path_of(job)).body, kNoJob);
  EXPECT_EQ(world.get("/api/v1/job", {{"repository_id", repository}}).json(), json::array());
  EXPECT_EQ(world.get("/api/v1/repository/" + repository).json()["jobs"], json::array());
}

// In every state, and on every replica at once, also on one with a stale watch.
TEST(DeleteJob, MakesItAbsentEverywhere) {
  World world;
  World other(world);
  for (const Phase phase : {Phase::kQueued, Phase::kStarted, Phase::kFinished, Phase::kFailed}) {
    const std::string id = world.make_job(phase);
    const std::string repository = repository_of(world, id);
    other.catch_up();
    ASSERT_NE(other.get(path_of(id)).status, 404);
    const HttpReply reply = world.remove(path_of(id));
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.body, R"({"message":"Jobs deleted"})");
    EXPECT_TRUE(world.kube.is_deleting(id));
    EXPECT_TRUE(world.volume->is_deleted(World::tenant(), id));
    for (World* replica : {&world, &other}) expect_absent(*replica, id, repository);
    // The controller has finished.
    world.volume->remove_job(World::tenant(), id, repository);
    for (World* replica : {&world, &other}) expect_absent(*replica, id, repository);
    world.kube.forget(id);
    for (World* replica : {&world, &other}) {
      replica->catch_up();
      expect_absent(*replica, id, repository);
    }
  }
}

TEST(DeleteJob, NamesTheResourceByItsUid) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  const std::string uid = (*world.kube.object(id))["metadata"]["uid"];
  ASSERT_EQ(world.remove(path_of(id)).status, 200);
  const auto requests = world.kube.requests();
  ASSERT_EQ(requests.back().method, "DELETE");
  EXPECT_EQ(json::parse(requests.back().body)["preconditions"]["uid"], uid);
  EXPECT_EQ(world.kube.count("GET"), 0u) << "the cache knew it";
}

// The cache has a newer Job with the same name.
TEST(DeleteJob, LooksAgainWhereTheCacheIsBehind) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  auto stale = std::make_shared<job::Job>(*world.jobs.get(id));
  stale->meta.uid = "uid-of-before";
  world.jobs.put(id, stale);
  EXPECT_EQ(world.remove(path_of(id)).status, 200);
  EXPECT_TRUE(world.kube.is_deleting(id));
}

TEST(DeleteJob, KnowsAJobThatAnotherReplicaMadeJustNow) {
  World world;
  World other(world);
  const std::string id = world.make_job(Phase::kQueued);
  ASSERT_EQ(other.jobs.get(id), nullptr);
  EXPECT_EQ(other.remove(path_of(id)).status, 200);
  EXPECT_TRUE(world.kube.is_deleting(id));
  EXPECT_EQ(world.get(path_of(id)).status, 404);
}

TEST(DeleteJob, RemovesAnArchivedJobsFolder) {
  World world;
  World other(world);
  const std::string id = world.make_job(Phase::kFinished);
  const std::string repository = repository_of(world, id);
  world.archive(id);
  ASSERT_EQ(other.get(path_of(id)).status, 200);
  EXPECT_EQ(world.remove(path_of(id)).status, 200);
  EXPECT_FALSE(std::filesystem::exists(world.job_folder(id)));
  for (World* replica : {&world, &other}) expect_absent(*replica, id, repository);
  world.finish_volume_work();
  EXPECT_THAT(world.files(".trash"), IsEmpty()) << "purged behind the answer";
}

TEST(DeleteJob, WorksBeforeTheFolderOfAJobMadeWithKubectl) {
  World world;
  auto resource = std::make_shared<job::Job>();
  resource->meta.name = "by-hand";
  resource->meta.uid = "uid-h";
  resource->spec = {"acme", "Tutorial", "north", "", "ana", 0, false, false, "", "", ""};
  world.jobs.put("by-hand", resource);
  std::string precondition;
  world.kube.answer = [&](const kube::Request& request) -> kube::KubeResult<kube::Response> {
    if (request.method != "DELETE") return fail(ErrorCode::kInternal);
    precondition = json::parse(request.body)["preconditions"]["uid"];
    return kube::Response{200, "{}"};
  };
  EXPECT_EQ(world.remove(path_of("by-hand")).status, 200);
  EXPECT_EQ(precondition, "uid-h");
}

// A job that has started may have had a folder. Without a folder it may be deleted, whatever this replica's cache
// shows.
TEST(DeleteJob, AJobMadeWithKubectlDoesNotComeBackOnAReplicaThatLags) {
  World world;
  auto resource = std::make_shared<job::Job>();
  resource->meta.name = "by-hand";
  const std::string repository = world.post_json("/api/v1/repository", "{}").json()["repository_id"];
  resource->spec = {"acme", "Tutorial", "north", repository, "ana", 0, false, false, "", "", ""};
  const auto put = [&](Phase phase, int attempts) {
    auto now = std::make_shared<job::Job>(*resource);
    now->status.phase = phase;
    now->status.attempts = attempts;
    world.jobs.put("by-hand", now);
  };
  const auto status = [&] { return world.get(path_of("by-hand")).status; };
  put(Phase::kQueued, 0);
  EXPECT_EQ(status(), 202) << "its folder is still to come";
  put(Phase::kStarted, 1);
  EXPECT_EQ(status(), 404);
  put(Phase::kFailed, 0);
  EXPECT_EQ(status(), 404);
  world.kube.answer = [&](const kube::Request&) { return fail(ErrorCode::kUnavailable); };
  EXPECT_EQ(status(), 503) << "nobody can tell";
  // A job that was refused before it started: it has no folder, but it exists.
  const json object = {
      {"metadata", {{"name", "by-hand"}, {"uid", "u"}, {"resourceVersion", "1"}}},
      {"spec",
       {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", "north"}, {"username", "ana"}}}};
  world.kube.answer = [&](const kube::Request&) { return kube::Response{200, object.dump()}; };
  EXPECT_EQ(status(), 200);
}

// If a pool has no room for the removal, the other one does it.
TEST(DeleteJob, PurgesBehindTheAnswerAlsoWhenAPoolIsFull) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  world.archive(id);
  std::mutex busy;
  std::unique_lock hold(busy);
  std::atomic<int> held{0};
  // Join its threads first: a late one would make room in the queue.
  const auto task = [&] {
    ++held;
    const std::lock_guard wait(busy);
  };
  for (int i = 0; i < World::kBulkWorkers; ++i) ASSERT_TRUE(world.bulk_workers->try_post(task));
  while (held < World::kBulkWorkers) std::this_thread::yield();
  while (world.bulk_workers->try_post(task)) {
  }
  EXPECT_EQ(world.remove(path_of(id)).status, 200);
  world.volume_workers->close();
  EXPECT_THAT(world.files(".trash"), IsEmpty());
  hold.unlock();
}

TEST(DeleteJob, ChangesNothingWhileTheKubernetesApiIsAway) {
  for (const bool archived : {false, true}) {
    World world;
    const std::string id = world.make_job(Phase::kFinished);
    if (archived) world.archive(id);
    for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kTimeout, ErrorCode::kForbidden}) {
      world.kube.answer = [&](const kube::Request&) { return fail(code); };
      const HttpReply reply = world.remove(path_of(id));
      EXPECT_EQ(reply.status, 503);
      EXPECT_EQ(reply.json()["error"], "Service unavailable");
      EXPECT_NE(reply.header("Retry-After"), "");
      EXPECT_EQ(world.get(path_of(id)).status, 200);
      EXPECT_FALSE(world.volume->is_deleted(World::tenant(), id));
    }
    world.kube.answer = {};
    EXPECT_EQ(world.remove(path_of(id)).status, 200);
  }
}

TEST(DeleteJob, TriesAgainWhenAConnectionBroke) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  int calls = 0;
  world.kube.answer = [&](const kube::Request& request) {
    return ++calls == 1 ? fail(ErrorCode::kUnavailable) : world.kube.serve(request);
  };
  EXPECT_EQ(world.remove(path_of(id)).status, 200);
  EXPECT_TRUE(world.kube.is_deleting(id));
}

TEST(DeleteJob, SaysInTheContractsWordsThatTheVolumeFailed) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  // The name of the marker is in use by a folder, so the marker can't be written.
  std::filesystem::remove_all(world.job_folder(id) + "/attempts");
  world.kube.answer = [&](const kube::Request& request) {
    std::filesystem::rename(world.job_folder(id), world.job_folder(id) + "-x");
    std::filesystem::create_symlink("/tmp", world.job_folder(id));
    return world.kube.serve(request);
  };
  const HttpReply reply = world.remove(path_of(id));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body, R"({"error":"Error deleting job folder"})");
}

// The controller may have purged it already.
TEST(DeleteJob, AFolderThatIsGoneIsASuccess) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  world.kube.answer = [&](const kube::Request& request) {
    std::filesystem::remove_all(world.job_folder(id));
    return world.kube.serve(request);
  };
  EXPECT_EQ(world.remove(path_of(id)).status, 200);
}

// A client finds the published job in a list and deletes it before its resource exists. In every order, no Job stays
// without a deletionTimestamp.
TEST(DeleteJob, WinsAgainstACreateOnItsWay) {
  for (const char* moment : {"before the create", "after the first look"}) {
    World world;
    World other(world);
    std::string id;
    bool looked = false;
    world.kube.answer = [&](const kube::Request& request) -> kube::KubeResult<kube::Response> {
      if (request.method == "POST" && moment == std::string("before the create")) {
        id = json::parse(request.body)["metadata"]["name"];
        EXPECT_EQ(other.remove(path_of(id)).status, 200);
        return world.kube.serve(request);
      }
      if (request.method == "GET" && moment == std::string("after the first look") && !std::exchange(looked, true)) {
        const auto nothing = world.kube.serve(request);
        artifacts::JobFile file;
        const json made = {{"metadata", {{"name", id}, {"finalizers", {"f"}}}},
                           {"spec",
                            {{"organizationId", "acme"},
                             {"applicationId", "Tutorial"},
                             {"clientId", "north"},
                             {"repositoryId", ""},
                             {"username", "ana"}}}};
        EXPECT_TRUE(world.kube.serve({.method = "POST", .target = "/jobs", .body = made.dump()}));
        return nothing;
      }
      return world.kube.serve(request);
    };
    if (moment == std::string("before the create")) {
      EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 201) << "made, then deleted";
    } else {
      artifacts::JobFile file;
      file.job_id = id = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
      file.tenant = World::tenant();
      ASSERT_TRUE(world.volume->publish_job(file));
      EXPECT_EQ(world.remove(path_of(id)).status, 200);
      EXPECT_TRUE(looked);
    }
    EXPECT_TRUE(world.kube.is_deleting(id)) << moment;
    EXPECT_TRUE(world.volume->is_deleted(World::tenant(), id)) << moment;
    EXPECT_EQ(world.get(path_of(id)).status, 404) << moment;
  }
}

TEST(DeleteJob, IsForLeadersAndOnesOwnTenant) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  for (const char* username : {"dora", "stan"}) {
    const HttpReply reply = world.remove(path_of(id), username);
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(reply.body, R"({"error":"Permission denied"})");
  }
  for (const std::string& path : {path_of(id), path_of("2e065d31-b19f-486a-85ab-b69afab282b5"), path_of("..")}) {
    EXPECT_EQ(world.remove(path, "eve").body, kNoJob) << path;
  }
  Headers headers = World::identity("ana");
  headers.emplace_back("repository_id", "209909131226401234");
  EXPECT_EQ(world.call("DELETE", path_of(id), headers).body, R"({"error":"Invalid repository_id"})");
  EXPECT_EQ(world.kube.count("DELETE"), 0u);
  EXPECT_EQ(world.get(path_of(id)).status, 200);
}

// Another tenant's Job may have this name.
TEST(DeleteJob, DoesNotDeleteAResourceOfAnotherTenant) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  world.archive(id);
  const json foreign = {{"metadata", {{"name", id}}},
                        {"spec",
                         {{"organizationId", "globex"},
                          {"applicationId", "Tutorial"},
                          {"clientId", "north"},
                          {"repositoryId", ""},
                          {"username", "eve"}}}};
  ASSERT_TRUE(world.kube.serve({.method = "POST", .target = "/jobs", .body = foreign.dump()}));
  EXPECT_EQ(world.remove(path_of(id)).status, 200);
  EXPECT_TRUE(world.kube.object(id));
  EXPECT_FALSE(world.kube.is_deleting(id));
}

// The cache still has the Job although the controller has purged its folder.
TEST(DeleteJob, APurgedJobIsAbsentAlsoWhereTheWatchIsBehind) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  std::filesystem::remove_all(world.job_folder(id));
  EXPECT_EQ(world.get(path_of(id)).status, 200) << "it exists and says what it waits for";
  world.kube.answer = [&](const kube::Request&) { return fail(ErrorCode::kUnavailable); };
  EXPECT_EQ(world.get(path_of(id)).status, 503);
  world.kube.answer = {};
  world.kube.forget(id);
  EXPECT_EQ(world.get(path_of(id)).body, kNoJob);
}

}  // namespace
}  // namespace vbrain::api
