// Archives that are made for an answer, while the volume takes nothing.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdarg>
#include <random>
#include <string_view>
#include <thread>

#include "support/cpp/netfs_mount.hpp"
#include "unit/api-server/world.hpp"

namespace {

std::atomic<int> no_new_files{0};  // the error, if any

bool is_in_staging(int dir) {
  char path[PATH_MAX];
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(dir)).c_str(), path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).ends_with("/.staging");
}

}  // namespace

// Stands in for the C library's in this program: as on a volume that is full or mounted read-only.
extern "C" int openat(int dir, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = makes ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (no_new_files != 0 && (flags & O_TMPFILE) == O_TMPFILE && is_in_staging(dir)) {
    errno = no_new_files;
    return -1;
  }
  return static_cast<int>(syscall(SYS_openat, dir, path, flags, mode));
}

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

class Spool : public ::testing::Test {
 protected:
  ~Spool() override { no_new_files = 0; }

  // The answers for a repository's input and for a job's logs.
  std::vector<HttpReply> read(World& world) {
    if (job_.empty()) {
      job_ = world.make_job(job::Phase::kFinished);
      repository_ = world
                        .post("/api/v1/repository", testing::kMultipartType,
                              testing::multipart({{"name=file; filename=d.csv", std::string(100'000, 'x')}}))
                        .json()["repository_id"];
    }
    no_new_files = error_;
    std::vector<HttpReply> replies{world.get("/api/v1/repository/" + repository_ + "/input"),
                                   world.get("/api/v1/job/" + job_ + "/logs")};
    no_new_files = 0;
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

// A client that reads slowly keeps its archive on the volume, outside of its quota.
TEST_F(Spool, OneTenantsSlowReadersDoNotFillTheVolume) {
  const World world;
  constexpr std::uint64_t kMiB = 1U << 20;
  SpoolSpace space(4 * kMiB, 0);
  const std::string bytes(kMiB + 1, 'x');
  const auto begin = [&](const artifacts::Tenant& tenant) {
    return spool(*world.volume, tenant, space, [&](const artifacts::ArchiveWriter::Sink& sink) {
      sink(bytes);
      return std::optional<artifacts::ArchiveWriter::Added>(std::in_place);
    });
  };
  const artifacts::Tenant other{"globex", "Tutorial", "north"};
  auto first = begin(World::tenant());
  EXPECT_TRUE(first);
  EXPECT_THROW(begin(World::tenant()), TenantLimit);
  EXPECT_TRUE(begin(other)) << "another tenant has room";
  first.reset();
  EXPECT_TRUE(begin(World::tenant()));
}

// An answer that its client does not read keeps its archive.
TEST_F(Spool, AnArchiveCountsUntilItIsSent) {
  constexpr std::size_t kSize = 6U << 20;             // more than the buffers of a socket take
  World world(Limits{.max_spool_bytes = 20U << 20});  // 10 MiB of one tenant
  std::mt19937 random(1);
  std::string bytes(kSize, ' ');
  for (char& c : bytes) c = static_cast<char>(random());
  const HttpReply made =
      world.post("/api/v1/repository", testing::kMultipartType,
                 testing::multipart({{"name=file; filename=d.zip", testing::zip_of({{"d", bytes}})}}));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string input = "/api/v1/repository/" + made.json()["repository_id"].get<std::string>() + "/input";
  std::string request = "GET " + input + " HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [name, value] : World::identity("ana")) request += name + ": " + value + "\r\n";
  testing::RawClient slow(world.server->address(), 4096);
  ASSERT_TRUE(slow.send(request + "\r\n"));
  ASSERT_EQ(testing::status_of(slow.read_head()), 200);
  EXPECT_EQ(world.get(input).status, 429) << "two archives are more than the tenant may hold";
  slow.close();
  // The server notices in its own time that the client has gone.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  HttpReply again = world.get(input);
  while (again.status == 429 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
    again = world.get(input);
  }
  EXPECT_EQ(again.status, 200) << again.body;
}

TEST_F(Spool, TheAnswerSaysWhichLimitItIs) {
  World world(Limits{.max_spool_bytes = 1});
  for (const HttpReply& reply : read(world)) {
    EXPECT_EQ(reply.status, 429);
    EXPECT_EQ(reply.json()["error"], "Too many requests");
    EXPECT_THAT(reply.json()["detail"].get<std::string>(), ::testing::HasSubstr("--max-spool-bytes"));
    EXPECT_EQ(reply.header("Retry-After"), "5");
    EXPECT_EQ(reply.header("RateLimit-Policy"), R"("archives";q=0;qu="content-bytes")");
    EXPECT_EQ(reply.header("RateLimit"), R"("archives";r=0;t=5)");
  }
}

TEST_F(Spool, AnotherFailureIsOne) {
  World world;
  read(world);
  error_ = EIO;
  for (const HttpReply& reply : read(world)) EXPECT_EQ(reply.status, 503);
}

// On a network file system a file that is removed while it is open keeps a name, and its folder cannot be removed.
TEST(SpoolOnNetworkStorage, LeavesNothingInStaging) {
  using vbrain::testing::NetFs;
  if (const std::string lacks = NetFs::lacks(); !lacks.empty()) GTEST_SKIP() << lacks;
  const vbrain::testing::TempDir server;
  const NetFs mount(server.path());
  World world(mount.path());
  const std::string job = world.make_job(job::Phase::kFinished);
  const std::string csv(100'000, 'x');
  const auto upload = [&](const std::string& head, const std::string& content) {
    return world.post("/api/v1/repository", testing::kMultipartType, testing::multipart({{head, content}}));
  };
  const std::string repository = upload("name=file; filename=d.csv", csv).json()["repository_id"];
  EXPECT_EQ(world.get("/api/v1/repository/" + repository + "/input").status, 200);
  EXPECT_EQ(world.get("/api/v1/job/" + job + "/logs").status, 200);
  // Refused: while the file is open, and after it was unpacked.
  EXPECT_EQ(upload("name=file; filename=d.zip", "no archive").status, 400);
  EXPECT_EQ(upload("name=file; filename=d.json", "{").status, 400);
  const std::string cut = testing::multipart({{"name=file; filename=d.csv", csv}});
  EXPECT_EQ(world.post("/api/v1/repository", testing::kMultipartType, cut.substr(0, cut.size() - 4)).status, 400);
  EXPECT_TRUE(world.server->drain(std::chrono::seconds(10)));
  world.finish_volume_work();
  EXPECT_THAT(world.files(".staging"), ::testing::IsEmpty());
}

}  // namespace
}  // namespace vbrain::api
