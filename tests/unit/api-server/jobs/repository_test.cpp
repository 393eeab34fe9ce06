// One repository: the contract's object, its params, its input as an archive.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::World;

class Repository : public ::testing::Test {
 protected:
  std::string make(const std::vector<std::pair<std::string, std::string>>& parts) {
    const HttpReply reply = world_.post("/api/v1/repository", testing::kMultipartType, testing::multipart(parts));
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.json()["repository_id"];
  }
  HttpReply get(const std::string& id, const std::string& part = "", const Headers& more = {}) {
    return world_.get("/api/v1/repository/" + id + part, more);
  }

  World world_;
};

TEST_F(Repository, IsTheObjectOfTheContract) {
  const std::string id =
      make({{"name=file; filename=d.zip", testing::zip_of({{"data_input.xlsx.txt", "1"}, {"auxiliary.txt", "2"}})},
            {"name=params", R"({"a":1})"},
            {"name=metadata", R"({"name":"Test Repository","more_data":42})"}});
  const std::string job = world_.post_json("/api/v1/job/execute", "{}", {{"repository_id", id}}).json()["job_id"];
  const HttpReply reply = get(id);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
  EXPECT_EQ(reply.json(), json({{"repository_id", id},
                                {"name", "Test Repository"},
                                {"input", {"data_input.xlsx.txt", "auxiliary.txt"}},
                                {"created_on", "2020-09-13_12:26:40"},
                                {"created_by", "ana"},
                                {"params", true},
                                {"jobs", {job}},
                                {"metadata", {{"name", "Test Repository"}, {"more_data", 42}}}}));
  EXPECT_EQ(get(id).body, reply.body) << "remembered as it was read";
}

TEST_F(Repository, ThatIsEmptyHasAllKeys) {
  const std::string id = world_.call("POST", "/api/v1/repository", World::identity("ana")).json()["repository_id"];
  EXPECT_EQ(get(id).json(), json({{"repository_id", id},
                                  {"name", ""},
                                  {"input", json::array()},
                                  {"created_on", "2020-09-13_12:26:40"},
                                  {"created_by", "ana"},
                                  {"params", false},
                                  {"jobs", json::array()},
                                  {"metadata", json::object()}}));
  EXPECT_EQ(get(id, "/params").body, "{}");
  EXPECT_EQ(get(id, "/input").body.size(), 22u) << "an archive without entries";
}

TEST_F(Repository, GivesItsParamsByteByByte) {
  const std::string params = R"({"a": 1.10, "big":12345678901234567890123})";
  const std::string id = make({{"name=params", params}});
  const HttpReply reply = get(id, "/params");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, params);
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
}

TEST_F(Repository, GivesItsInputAsAnArchive) {
  const std::string id = make({{"name=file; filename=d.zip", testing::zip_of({{"a.csv", "1,2"}, {"d/b.csv", "3"}})}});
  const HttpReply reply = get(id, "/input");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "application/zip");
  EXPECT_EQ(reply.header("Content-Length"), std::to_string(reply.body.size()));
  EXPECT_EQ(reply.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(reply.header("Content-Disposition"), "attachment; filename=\"" + id + "-input.zip\"");
  EXPECT_TRUE(reply.body.starts_with("PK"));
  EXPECT_THAT(reply.body, HasSubstr("d/b.csv"));
  EXPECT_THAT(world_.files(".staging"), IsEmpty());

  const std::string tag = reply.header("ETag");
  EXPECT_EQ(tag.size(), 66u);
  const HttpReply part = get(id, "/input", {{"Range", "bytes=1-3"}, {"If-Range", tag}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, reply.body.substr(1, 3));
  EXPECT_EQ(part.header("Content-Range"), "bytes 1-3/" + std::to_string(reply.body.size()));
  EXPECT_EQ(get(id, "/input", {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(get(id, "/input", {{"Range", "bytes=99999-"}}).status, 416);
  const HttpReply head = world_.call("HEAD", "/api/v1/repository/" + id + "/input", World::identity("ana"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), std::to_string(reply.body.size()));
  EXPECT_EQ(head.header("ETag"), tag);
}

// A range of one answer must fit a range of another one, also after the files were copied to another disk.
TEST_F(Repository, TheSameInputIsTheSameArchive) {
  const std::vector<std::pair<std::string, std::string>> parts = {
      {"name=file; filename=d.csv", std::string(200'000, 'x') + "\n"}};
  const std::string id = make(parts);
  const HttpReply first = get(id, "/input");
  const std::string file = world_.root + "/" + artifacts::layout::repository_input(World::tenant(), id) + "/d.csv";
  const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), old, 0), 0);
  const HttpReply second = get(id, "/input");
  EXPECT_TRUE(first.body == second.body);
  EXPECT_EQ(first.header("ETag"), second.header("ETag"));
  const std::string other = make({{"name=file; filename=d.csv", std::string(200'000, 'y') + "\n"}});
  EXPECT_NE(get(other, "/input").header("ETag"), first.header("ETag"));
}

TEST_F(Repository, UnknownIdsAre404) {
  make({});
  const std::string foreign = world_.call("POST", "/api/v1/repository", World::identity("eve")).json()["repository_id"];
  for (const std::string& id : {std::string("209909131226401234"), std::string(".."), std::string("%2e%2e"),
                                std::string("%00"), std::string(5000, '1'), std::string("2e065d31-b19f"), foreign}) {
    for (const std::string part : {"", "/input", "/params"}) {
      if (id == foreign && world_.get("/api/v1/repository").body.find(id) != std::string::npos) continue;
      const HttpReply reply = get(id, part);
      EXPECT_EQ(reply.status, 404) << id << part;
      EXPECT_EQ(reply.body, R"({"error":"Invalid repository_id"})") << id << part;
    }
  }
}

TEST_F(Repository, AMissingInputFileIs503) {
  const std::string id = make({{"name=file; filename=d.csv", "1"}});
  std::remove((world_.root + "/" + artifacts::layout::repository_input(World::tenant(), id) + "/d.csv").c_str());
  const HttpReply reply = get(id, "/input");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body.find(world_.root), std::string::npos);
}

}  // namespace
}  // namespace vbrain::api
