// Deleting a repository deletes all its jobs, in every state, also jobs that are created meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "job/names.hpp"
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

const std::string kNoRepository = R"({"error":"Invalid repository_id"})";

std::string path_of(const std::string& repository) {
  return "/api/v1/repository/" + repository;
}

class DeleteRepository : public ::testing::Test {
 protected:
  std::string make_job_in(const std::string& repository) {
    const HttpReply reply = world_.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository}});
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.json()["job_id"];
  }
  // A finished job without a resource.
  std::string archived_job_in(const std::string& repository) {
    const std::string id = make_job_in(repository);
    job::JobStatus status;
    status.phase = Phase::kFinished;
    world_.catch_up();
    world_.set_status(id, status);
    world_.archive(id);
    return id;
  }

  World world_;
  World other_{world_};
  const std::string id_ = world_.post_json("/api/v1/repository", R"({"params":{"a":1}})").json()["repository_id"];
};

TEST_F(DeleteRepository, TakesItsJobsAlong) {
  const std::string queued = make_job_in(id_), archived = archived_job_in(id_);
  const std::string elsewhere = world_.make_job(Phase::kQueued);
  other_.catch_up();
  const HttpReply reply = world_.remove(path_of(id_));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json(), json({{"message", "Repository and jobs deleted"}}));
  for (World* replica : {&world_, &other_}) {
    for (const std::string part : {"", "/input", "/params"}) {
      EXPECT_EQ(replica->get(path_of(id_) + part).body, kNoRepository) << part;
    }
    EXPECT_EQ(replica->remove(path_of(id_)).body, kNoRepository);
    EXPECT_EQ(replica->get("/api/v1/job", {{"repository_id", id_}}).body, kNoRepository);
    EXPECT_EQ(replica->post_json("/api/v1/job/execute", "{}", {{"repository_id", id_}}).body, kNoRepository);
    EXPECT_EQ(replica->get("/api/v1/repository").body.find(id_), std::string::npos);
    for (const std::string& job : {queued, archived}) EXPECT_EQ(replica->get("/api/v1/job/" + job).status, 404);
    EXPECT_EQ(replica->get("/api/v1/job/" + elsewhere).status, 202);
  }
  EXPECT_TRUE(world_.kube.is_deleting(queued));
  EXPECT_TRUE(world_.volume->is_deleted(World::tenant(), queued)) << "its folder waits for the controller";
  EXPECT_FALSE(world_.kube.is_deleting(elsewhere));
  world_.finish_volume_work();
  EXPECT_THAT(world_.files(".trash"), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(world_.job_folder(archived)));
}

TEST_F(DeleteRepository, WithoutJobsNeedsNoKubernetes) {
  world_.kube.answer = [](const kube::Request&) {
    return Unexpected<kube::Error>(kube::Error{.code = ErrorCode::kUnavailable});
  };
  EXPECT_EQ(world_.remove(path_of(id_)).status, 200);
  EXPECT_THAT(world_.kube.requests(), IsEmpty());
}

TEST_F(DeleteRepository, GoesOnAfterTheKubernetesApiWasAway) {
  std::vector<std::string> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(make_job_in(id_));
  world_.catch_up();
  std::atomic<int> deletes = 0;
  world_.kube.answer = [&](const kube::Request& request) -> kube::KubeResult<kube::Response> {
    if (request.method == "DELETE" && ++deletes > 2) {
      return Unexpected<kube::Error>(kube::Error{.code = ErrorCode::kTimeout});
    }
    return world_.kube.serve(request);
  };
  const HttpReply away = world_.remove(path_of(id_));
  EXPECT_EQ(away.status, 503);
  EXPECT_NE(away.header("Retry-After"), "");
  EXPECT_EQ(world_.get(path_of(id_)).status, 200);
  for (const std::string& job : jobs) EXPECT_FALSE(world_.volume->is_deleted(World::tenant(), job));
  world_.kube.answer = {};
  EXPECT_EQ(world_.remove(path_of(id_)).status, 200);
  for (const std::string& job : jobs) EXPECT_TRUE(world_.kube.is_deleting(job));
}

TEST_F(DeleteRepository, SaysInTheContractsWordsThatTheVolumeFailed) {
  const std::string job = make_job_in(id_);
  world_.catch_up();
  world_.kube.answer = [&](const kube::Request& request) {
    std::filesystem::rename(world_.job_folder(job), world_.job_folder(job) + "-x");
    std::filesystem::create_symlink("/tmp", world_.job_folder(job));
    return world_.kube.serve(request);
  };
  const HttpReply reply = world_.remove(path_of(id_));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body, R"({"error":"Error deleting repository folder"})");
}

TEST_F(DeleteRepository, CountsJobsMadeWithKubectlBeforeTheirFolder) {
  const json by_kubectl = {{"metadata", {{"name", "by-hand"}, {"finalizers", {"f"}}}},
                           {"spec",
                            {{"organizationId", "acme"},
                             {"applicationId", "Tutorial"},
                             {"clientId", "north"},
                             {"repositoryId", id_},
                             {"username", "ana"}}}};
  ASSERT_TRUE(world_.kube.serve({.method = "POST", .target = "/jobs", .body = by_kubectl.dump()}));
  world_.catch_up();
  EXPECT_EQ(world_.remove(path_of(id_)).status, 200);
  EXPECT_TRUE(world_.kube.is_deleting("by-hand"));
}

TEST_F(DeleteRepository, TakesManyJobs) {
  std::vector<std::string> jobs;
  for (int i = 0; i < 150; ++i) {
    artifacts::JobFile file;
    file.job_id = job::new_job_id(world_.clock.now());
    file.tenant = World::tenant();
    file.repository_id = id_;
    ASSERT_TRUE(world_.volume->publish_job(file));
    const json object = {{"metadata", {{"name", file.job_id}, {"finalizers", {"f"}}}},
                         {"spec",
                          {{"organizationId", "acme"},
                           {"applicationId", "Tutorial"},
                           {"clientId", "north"},
                           {"repositoryId", id_},
                           {"username", "ana"}}}};
    ASSERT_TRUE(world_.kube.serve({.method = "POST", .target = "/jobs", .body = object.dump()}));
    jobs.push_back(file.job_id);
  }
  EXPECT_EQ(world_.remove(path_of(id_)).status, 200);
  for (const std::string& job : jobs) {
    EXPECT_TRUE(world_.kube.is_deleting(job));
    EXPECT_TRUE(world_.volume->is_deleted(World::tenant(), job));
  }
  EXPECT_EQ(world_.kube.count("DELETE"), 150u);
}

// An execute has published its job when the repository is deleted: it is refused, or created and deleted.
TEST_F(DeleteRepository, AnExecuteOnItsWayEndsAsNoJob) {
  std::string job;
  world_.kube.answer = [&](const kube::Request& request) {
    if (request.method == "POST") {
      job = json::parse(request.body)["metadata"]["name"];
      EXPECT_EQ(other_.remove(path_of(id_)).status, 200);
    }
    return world_.kube.serve(request);
  };
  const HttpReply reply = world_.post_json("/api/v1/job/execute", "{}", {{"repository_id", id_}});
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.body, kNoRepository);
  EXPECT_TRUE(world_.kube.is_deleting(job));
  EXPECT_TRUE(world_.volume->is_deleted(World::tenant(), job));
  EXPECT_EQ(world_.get("/api/v1/job/" + job).status, 404);
}

TEST_F(DeleteRepository, RacingWithManyExecutesLeavesNoJobBehind) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      World& replica = i % 2 == 0 ? world_ : other_;
      for (int turn = 0; turn < 10; ++turn) {
        const HttpReply reply = replica.post_json("/api/v1/job/execute", "{}", {{"repository_id", id_}});
        EXPECT_TRUE(reply.status == 201 || reply.status == 404) << reply.body;
      }
    });
  }
  clients.emplace_back([&] { EXPECT_EQ(world_.remove(path_of(id_)).status, 200); });
  for (std::thread& client : clients) client.join();
  for (const json& object : world_.kube.objects()) {
    EXPECT_TRUE(object["metadata"].contains("deletionTimestamp")) << object["metadata"]["name"];
  }
  EXPECT_EQ(world_.get(path_of(id_)).status, 404);
}

TEST_F(DeleteRepository, IsForLeadersAndOnesOwnTenant) {
  for (const char* username : {"dora", "stan"}) {
    EXPECT_EQ(world_.remove(path_of(id_), username).body, R"({"error":"Permission denied"})");
  }
  const std::string foreign = world_.call("POST", "/api/v1/repository", World::identity("eve")).json()["repository_id"];
  if (foreign != id_) {
    EXPECT_EQ(world_.remove(path_of(id_), "eve").body, kNoRepository);
  }
  for (const std::string bad : {"..", "%2e%2e", "209909131226401234", "x"}) {
    EXPECT_EQ(world_.remove(path_of(bad)).body, kNoRepository) << bad;
  }
  EXPECT_EQ(world_.get(path_of(id_)).status, 200);
}

}  // namespace
}  // namespace vbrain::api
