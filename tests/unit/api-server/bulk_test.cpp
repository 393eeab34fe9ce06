// Long work on the volume, and the requests that are answered meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "unit/api-server/held_pool.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::kMultipartType;
using testing::multipart;
using testing::RawClient;
using testing::status_of;
using testing::World;

std::string request(const std::string& method, const std::string& path, const std::string& body = "",
                    const testing::Headers& more = {}) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: x\r\n";
  testing::Headers headers = World::identity("ana");
  headers.insert(headers.end(), more.begin(), more.end());
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty())
    text += "Content-Type: " + kMultipartType + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

TEST(Bulk, LongWorkLeavesRoomForReads) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  const std::string repository = world.get("/api/v1/job/" + id).json()["repository_id"];
  testing::HeldPool held(*world.bulk_workers, World::kBulkWorkers);
  const std::string upload = multipart({{"name=file; filename=a.zip", testing::zip_of({{"a.txt", "x"}})}});
  const struct {
    std::string text;
    int want_status;
  } long_work[] = {
      {request("GET", "/api/v1/job/" + id + "/logs"), 200},
      {request("GET", "/api/v1/repository/" + repository + "/input"), 200},
      {request("POST", "/api/v1/repository", upload), 201},
      {request("POST", "/api/v1/job/execute", upload), 201},
      {request("POST", "/api/v1/job/execute", upload, {{"repository_id", repository}}), 201},
  };
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (const auto& work : long_work) {
    waiting.push_back(std::make_unique<RawClient>(world.server->address()));
    ASSERT_TRUE(waiting.back()->send(work.text));
  }
  for (int turn = 0; turn < 20; ++turn) {
    EXPECT_EQ(world.get("/api/v1/job/" + id).status, 200);
    EXPECT_EQ(world.get("/api/v1/job/" + id + "/result").status, 200);
    EXPECT_EQ(world.get("/api/v1/repository/" + repository).status, 200);
    EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").status, 201) << "nothing to unpack or to copy";
  }
  for (std::size_t i = 0; i < waiting.size(); ++i) EXPECT_FALSE(waiting[i]->is_readable()) << i;
  held.release();
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    EXPECT_EQ(status_of(waiting[i]->read_reply()), long_work[i].want_status) << i;
  }
}

}  // namespace
}  // namespace vbrain::api
