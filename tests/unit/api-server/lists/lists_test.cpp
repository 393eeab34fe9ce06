// Lists of repositories and jobs, by date, over a real socket and a real folder.
#include "api-server/lists/lists.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "job/names.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using testing::Headers;
using testing::HttpReply;
using testing::World;

constexpr std::chrono::minutes kMinute{1};

class Lists : public ::testing::Test {
 protected:
  std::string make_repository() { return world_.post_json("/api/v1/repository", "{}").json()["repository_id"]; }
  std::string make_job_in(const std::string& repository) {
    return world_.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository}}).json()["job_id"];
  }
  json jobs(const std::string& repository, const std::string& query = "") {
    return world_.get("/api/v1/job" + query, {{"repository_id", repository}}).json();
  }
  json repositories(const std::string& query = "") { return world_.get("/api/v1/repository" + query).json(); }
  void put_by_kubectl(const std::string& name, const std::string& repository,
                      const std::string& organization = "acme") {
    auto resource = std::make_shared<job::Job>();
    resource->meta.name = name;
    resource->meta.creation_timestamp = world_.clock.now();
    resource->spec = {organization, "Tutorial", "north", repository, "ana", 0, false, false, "", "", ""};
    world_.jobs.put(name, resource);
  }

  World world_;  // its clock is at 2020-09-13 12:26:40
};

TEST_F(Lists, AreEmptyArraysAtFirst) {
  EXPECT_EQ(world_.get("/api/v1/repository").body, "[]");
  EXPECT_EQ(jobs(make_repository()), json::array());
}

TEST_F(Lists, NameAllInTheOrderOfTime) {
  std::vector<std::string> want_repositories, want_jobs;
  for (int i = 0; i < 3; ++i) {
    want_repositories.push_back(make_repository());
    want_jobs.push_back(make_job_in(want_repositories.front()));
    world_.clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(repositories(), json(want_repositories));
  EXPECT_EQ(jobs(want_repositories.front()), json(want_jobs));
  EXPECT_EQ(jobs(want_repositories.back()), json::array());
}

TEST_F(Lists, FilterByTheMinuteWithBothEnds) {
  const std::string early = make_repository(), first = make_job_in(early);
  world_.clock.advance(std::chrono::milliseconds(19'999));  // 12:26:59.999
  const std::string same_minute = make_repository(), second = make_job_in(early);
  world_.clock.advance(std::chrono::milliseconds(1));  // 12:27:00
  const std::string late = make_repository(), third = make_job_in(early);
  const struct {
    std::string query;
    json want_repositories, want_jobs;
  } cases[] = {
      {"?from_date=202009131226&to_date=202009131226", {early, same_minute}, {first, second}},
      {"?to_date=202009131226", {early, same_minute}, {first, second}},
      {"?from_date=202009131227", json::array({late}), json::array({third})},
      {"?from_date=202009131226", {early, same_minute, late}, {first, second, third}},
      {"?to_date=202009131225", json::array(), json::array()},
      {"?from_date=202009131228", json::array(), json::array()},
      {"?from_date=202009131227&to_date=202009131226", json::array(), json::array()},
      {"?_=1600000000000", {early, same_minute, late}, {first, second, third}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(repositories(c.query), c.want_repositories) << c.query;
    EXPECT_EQ(jobs(early, c.query), c.want_jobs) << c.query;
  }
}

TEST_F(Lists, RefuseInvalidMinutes) {
  const std::string repository = make_repository();
  for (const std::string bad : {"", "20200913", "202013131226", "202002301226", "202009132460", "2020091312260",
                                "20200913122x", "%30202009131226", "202009131226&from_date=202009131226", "%zz"}) {
    for (const std::string path : {"/api/v1/repository", "/api/v1/job"}) {
      const HttpReply from = world_.get(path + "?from_date=" + bad, {{"repository_id", repository}});
      EXPECT_EQ(from.status, 400) << path << bad;
      EXPECT_EQ(from.json()["error"], "Invalid from_date") << path << bad;
    }
  }
  EXPECT_EQ(world_.get("/api/v1/repository?to_date=1").json()["error"], "Invalid to_date");
  const auto unknown = world_.get("/api/v1/repository?from_data=202001010000");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json()["error"], "Invalid from_data");
  EXPECT_EQ(unknown.json()["detail"], "no such query parameter; the nearest is from_date");
  EXPECT_EQ(world_.get("/api/v1/job/x/output?limit=1").json()["detail"], "this endpoint has no query parameters");
  EXPECT_EQ(world_.get("/api/v1/repository?").status, 200);
  EXPECT_EQ(world_.get("/api/v1/repository?&from_date=202001010000&").status, 200);
  EXPECT_EQ(world_.get("/api/v1/repository?to_date=1&from_date=2").json()["error"], "Invalid from_date");
  EXPECT_EQ(world_.get("/api/v1/job?to_date=1", {{"repository_id", repository}}).json()["error"], "Invalid to_date");
}

TEST_F(Lists, OfJobsNeedARepositoryOfTheTenants) {
  make_repository();
  const HttpReply missing = world_.get("/api/v1/job");
  EXPECT_EQ(missing.status, 400);
  EXPECT_EQ(missing.body, R"({"error":"Missing repository_id"})");
  const std::string foreign = world_.call("POST", "/api/v1/repository", World::identity("eve")).json()["repository_id"];
  for (const std::string& id : {std::string("209909131226401234"), foreign, std::string("..")}) {
    const HttpReply reply = world_.get("/api/v1/job", {{"repository_id", id}});
    // Ids are unique within one tenant: an id of eve's may equal one of ana's.
    if (id == foreign && repositories().dump().find(id) != std::string::npos) continue;
    EXPECT_EQ(reply.status, 404) << id;
    EXPECT_EQ(reply.body, R"({"error":"Invalid repository_id"})") << id;
  }
  EXPECT_EQ(world_.get("/api/v1/job?from_date=bad", {{"repository_id", ".."}}).json()["error"], "Invalid from_date")
      << "the query is looked at before the object";
}

TEST_F(Lists, KnowJobsMadeWithKubectlByTheirResourceAndThenByTheirFile) {
  const std::string repository = make_repository();
  world_.clock.advance(kMinute);
  put_by_kubectl("by-hand", repository);
  put_by_kubectl("foreign", repository, "globex");
  put_by_kubectl("elsewhere", "209909131226401234");
  const std::string in_its_minute = "?from_date=202009131227&to_date=202009131227";
  EXPECT_EQ(jobs(repository), json::array({"by-hand"}));
  EXPECT_EQ(jobs(repository, in_its_minute), json::array({"by-hand"}));
  EXPECT_EQ(jobs(repository, "?to_date=202009131226"), json::array());
  EXPECT_EQ(world_.get("/api/v1/repository/" + repository).json()["jobs"], json::array({"by-hand"}));

  artifacts::JobFile file;
  file.job_id = "by-hand";
  file.tenant = World::tenant();
  file.repository_id = repository;
  file.created_on = world_.clock.now();
  ASSERT_TRUE(world_.volume->publish_job(file));
  EXPECT_EQ(jobs(repository, in_its_minute), json::array({"by-hand"}));
  world_.jobs.erase("by-hand");
  EXPECT_EQ(jobs(repository, in_its_minute), json::array({"by-hand"}));
  EXPECT_EQ(jobs(repository, "?to_date=202009131226"), json::array());
}

TEST_F(Lists, AnUnreadableJobHidesNoOther) {
  const std::string repository = make_repository();
  const std::string good = make_job_in(repository);
  artifacts::JobFile file;
  file.job_id = "spoilt";
  file.tenant = World::tenant();
  file.repository_id = repository;
  file.created_on = world_.clock.now();
  ASSERT_TRUE(world_.volume->publish_job(file));
  std::remove((world_.job_folder("spoilt") + "/job.json").c_str());
  ASSERT_TRUE(world_.volume->root().create_file(artifacts::layout::job_file(World::tenant(), "spoilt")));
  EXPECT_EQ(jobs(repository, "?from_date=202009131226"), json::array({good}));
  EXPECT_EQ(jobs(repository), json::array({good, "spoilt"}));
  // Unreadable files are left out, too: a link, or a file larger than a job.json can be.
  const std::string path = world_.job_folder("spoilt") + "/job.json";
  ASSERT_EQ(::truncate(path.c_str(), artifacts::kJobFileLimit + 1), 0);
  EXPECT_EQ(jobs(repository, "?from_date=202009131226"), json::array({good}));
  std::remove(path.c_str());
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_EQ(jobs(repository, "?from_date=202009131226"), json::array({good}));
}

TEST_F(Lists, AnswerHead) {
  make_repository();
  Headers headers = World::identity("ana");
  const HttpReply reply = world_.call("HEAD", "/api/v1/repository", headers);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "22");
}

TEST(TimeOfJobId, IsThatOfVersion7Only) {
  const auto time = *base::parse_rfc3339("2026-01-02T03:04:05.678Z");
  EXPECT_EQ(job::time_of_job_id(job::new_job_id(time)), time);
  for (const std::string_view other : {"2e065d31-b19f-486a-85ab-b69afab282b5", "by-hand", ""}) {
    EXPECT_EQ(job::time_of_job_id(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace vbrain::api
