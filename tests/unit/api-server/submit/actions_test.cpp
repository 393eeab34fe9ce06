// POST /job/:id/cancel, /suspend, /resume, and the rules behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api-server/submit/job_change.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::Headers;
using testing::HttpReply;
using testing::World;

const std::string kJob = "/api/v1/job/";
const std::string kAbsent = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";

HttpReply act(World& world, const std::string& id, const std::string& what, const std::string& username = "ana") {
  return world.call("POST", kJob + id + "/" + what, World::identity(username));
}

nlohmann::json spec_of(const World& world, const std::string& id) {
  return world.kube.object(id).value()["spec"];
}

job::JobStatus status(Phase phase, const std::string& reason = "") {
  job::JobStatus made;
  made.phase = phase;
  made.reason = reason;
  return made;
}

TEST(JobChanges, FollowTheStatus) {
  using enum JobChange;
  const struct {
    JobChange change;
    Phase phase;
    std::string reason;
    bool refused, made;
  } table[] = {
      {kCancel, Phase::kQueued, "", false, false},          {kCancel, Phase::kStarted, "Running", false, false},
      {kCancel, Phase::kFinished, "", true, false},         {kCancel, Phase::kFailed, "ExitCode", true, false},
      {kCancel, Phase::kFailed, "Cancelled", false, true},  {kSuspend, Phase::kQueued, "", false, false},
      {kSuspend, Phase::kStarted, "Running", false, false}, {kSuspend, Phase::kFinished, "", true, false},
      {kSuspend, Phase::kFailed, "Cancelled", true, false}, {kResume, Phase::kQueued, "Suspended", false, false},
      {kResume, Phase::kStarted, "Running", false, false},  {kResume, Phase::kFinished, "", true, false},
      {kResume, Phase::kFailed, "Cancelled", true, false},
  };
  for (const auto& row : table) {
    const auto refused = refuse_change(row.change, status(row.phase, row.reason));
    EXPECT_EQ(refused.has_value(), row.refused) << static_cast<int>(row.change) << " " << row.reason;
    EXPECT_EQ(is_made(row.change, status(row.phase, row.reason)), row.made) << row.reason;
    if (!refused) continue;
    EXPECT_EQ(status_of(refused->problem), 409);
    EXPECT_THAT(refused->detail, ::testing::HasSubstr("Remedy: "));
  }
}

TEST(Actions, ChangeTheResource) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  const struct {
    std::string action, message, field;
    bool value;
  } table[] = {{"suspend", "Job suspended", "suspend", true},
               {"suspend", "Job suspended", "suspend", true},
               {"resume", "Job resumed", "suspend", false},
               {"cancel", "Job cancelled", "cancel", true},
               {"cancel", "Job cancelled", "cancel", true}};
  for (const auto& row : table) {
    const HttpReply reply = act(world, id, row.action);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.body, R"({"message":")" + row.message + "\"}");
    EXPECT_EQ(spec_of(world, id)[row.field], row.value) << row.action;
  }
}

TEST(Actions, NeedTheSameRoleAsADeletion) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  for (const std::string action : {"cancel", "suspend", "resume"}) {
    for (const std::string user : {"dora", "stan"}) EXPECT_EQ(act(world, id, action, user).status, 403) << action;
  }
  EXPECT_EQ(world.kube.count("PATCH"), 0u);
}

TEST(Actions, OfJobsThatAreNotTheTenants) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  for (const std::string action : {"cancel", "suspend", "resume", "retry"}) {
    for (const HttpReply& reply :
         {act(world, id, action, "eve"), act(world, kAbsent, action), act(world, "x", action)}) {
      EXPECT_EQ(reply.status, 404);
      EXPECT_EQ(reply.json()["error"], "Invalid job_id");
    }
    EXPECT_EQ(world.call("GET", kJob + id + "/" + action, World::identity("ana")).status, 405);
  }
  EXPECT_EQ(world.kube.count("PATCH"), 0u);
}

TEST(Actions, OfAnEndedJobAreRefused) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  world.record(id);
  for (const bool archived : {false, true}) {
    if (archived) world.archive(id);
    for (const std::string action : {"cancel", "suspend", "resume"}) {
      const HttpReply reply = act(world, id, action);
      EXPECT_EQ(reply.status, 409) << action << archived;
      EXPECT_EQ(reply.json()["error"], "Job cannot be changed");
      EXPECT_EQ(reply.json()["detail"],
                "the job has ended: finished. Remedy: to run it again, send POST /api/v1/job/:job_id/retry");
    }
  }
  EXPECT_EQ(world.kube.count("PATCH"), 0u);
}

TEST(Actions, ACancellationIsRepeatableAfterTheEnd) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EXPECT_EQ(act(world, id, "cancel").status, 200);
  world.set_status(id, status(Phase::kFailed, "Cancelled"));
  world.archive(id);
  EXPECT_EQ(act(world, id, "cancel").status, 200);
  EXPECT_EQ(act(world, id, "suspend").status, 409);
}

TEST(Actions, AJobThatIsBeingCancelledIsNotSuspended) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EXPECT_EQ(act(world, id, "cancel").status, 200);
  world.catch_up();
  for (const std::string action : {"suspend", "resume"}) {
    const HttpReply reply = act(world, id, action);
    EXPECT_EQ(reply.status, 409);
    EXPECT_THAT(reply.json()["detail"].get<std::string>(), ::testing::HasSubstr("is being cancelled"));
  }
  EXPECT_EQ(act(world, id, "cancel").status, 200);
}

// Another replica created the job, and this one's watch has not shown it.
TEST(Actions, WorkWithoutTheCache) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  World other(world);
  EXPECT_EQ(act(other, id, "suspend").status, 200);
  EXPECT_EQ(spec_of(world, id)["suspend"], true);
}

TEST(Actions, ChangeOnlyTheResourceThatWasMeant) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  // Somebody has deleted the Job and made another one of this name for another tenant.
  auto foreign = world.kube.object(id).value();
  world.kube.forget(id);
  foreign["spec"]["organizationId"] = "globex";
  world.kube.call({.method = "POST", .target = "/jobs", .body = foreign.dump()}, {});
  EXPECT_EQ(act(world, id, "cancel").status, 503);
  EXPECT_FALSE(spec_of(world, id).contains("cancel"));
}

TEST(Actions, WithoutAResourceAreTriedAgainLater) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  world.kube.forget(id);
  world.watch_says(id, nullptr);
  const HttpReply reply = act(world, id, "cancel");
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.header("Retry-After"), "");
  EXPECT_THAT(reply.json()["detail"].get<std::string>(), ::testing::HasSubstr("Remedy: "));
}

TEST(Actions, OfAJobThatIsBeingDeletedAre404) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  World other(world);
  other.catch_up();
  EXPECT_EQ(world.remove(kJob + id).status, 200);
  EXPECT_EQ(act(other, id, "cancel").status, 404);
}

TEST(Actions, FailWithTheKubernetesApi) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  world.kube.answer = [](const kube::Request&) -> kube::KubeResult<kube::Response> {
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kForbidden});
  };
  const HttpReply reply = act(world, id, "suspend");
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.header("Retry-After"), "");
}

TEST(Actions, NameTheRepositoryOfTheirJob) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  Headers headers = World::identity("ana");
  headers.emplace_back("repository_id", "202009131226401234");
  const HttpReply reply = world.call("POST", kJob + id + "/cancel", headers);
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.json()["error"], "Invalid repository_id");
}

}  // namespace
}  // namespace vbrain::api
