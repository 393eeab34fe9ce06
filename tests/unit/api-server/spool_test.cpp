// Archives that are made for an answer, while the volume takes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "unit/api-server/world.hpp"

namespace {
std::atomic<int> no_new_folders{0};  // the error, if any
}

// Stands in for the C library's in this program: as on a volume that is full or mounted read-only.
extern "C" int mkdirat(int dir, const char* path, mode_t mode) {
  if (no_new_folders != 0) {
    errno = no_new_folders;
    return -1;
  }
  return static_cast<int>(syscall(SYS_mkdirat, dir, path, mode));
}

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

class Spool : public ::testing::Test {
 protected:
  ~Spool() override { no_new_folders = 0; }

  // The answers for a repository's input and a job's logs.
  std::vector<HttpReply> read(World& world) {
    if (job_.empty()) {
      job_ = world.make_job(job::Phase::kFinished);
      repository_ = world
                        .post("/api/v1/repository", testing::kMultipartType,
                              testing::multipart({{"name=file; filename=d.csv", std::string(100'000, 'x')}}))
                        .json()["repository_id"];
    }
    no_new_folders = error_;
    std::vector<HttpReply> replies{world.get("/api/v1/repository/" + repository_ + "/input"),
                                   world.get("/api/v1/job/" + job_ + "/logs")};
    no_new_folders = 0;
    return replies;
  }

  int error_ = 0;
  std::string job_, repository_;
};

TEST_F(Spool, ReadingGoesOnWhenTheVolumeTakesNothing) {
  World world;
  const auto before = read(world);
  for (const int error : {ENOSPC, EDQUOT, EROFS}) {
    error_ = error;
    for (int turn = 0; turn < 3; ++turn) {
      const auto replies = read(world);
      for (std::size_t i = 0; i < replies.size(); ++i) {
        EXPECT_EQ(replies[i].status, 200) << error << replies[i].body;
        EXPECT_EQ(replies[i].body, before[i].body);
        EXPECT_EQ(replies[i].header("ETag"), before[i].header("ETag"));
      }
    }
  }
}

TEST_F(Spool, TheLocalFolderIsNotFilledInstead) {
  World world(Limits{.max_local_spool_bytes = 100});
  read(world);
  for (const auto& [error, want_status] : {std::pair(ENOSPC, 507), std::pair(EROFS, 503)}) {
    error_ = error;
    for (const HttpReply& reply : read(world)) EXPECT_EQ(reply.status, want_status) << reply.body;
  }
}

TEST_F(Spool, AnotherFailureIsOne) {
  World world;
  read(world);
  error_ = EIO;
  for (const HttpReply& reply : read(world)) EXPECT_EQ(reply.status, 503);
}

}  // namespace
}  // namespace vbrain::api
