#include "api-server/answers/made_archives.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

std::shared_ptr<const Spooled> archive_of(std::uint64_t bytes, bool local = false) {
  return std::make_shared<const Spooled>(
      Spooled{.file = {}, .totals = {bytes, "digest"}, .hold = std::make_shared<int>(0), .local = local});
}

TEST(MadeArchives, AreFewAndGoWhenTheyAreNotUsed) {
  vbrain::testing::ManualClock clock;
  MadeArchives archives(clock, {.archives = 2, .bytes = 100, .keep = std::chrono::seconds(60)});
  archives.keep("a", archive_of(40));
  archives.keep("b", archive_of(40));
  EXPECT_NE(archives.find("a"), nullptr);
  archives.keep("c", archive_of(10));
  EXPECT_EQ(archives.find("b"), nullptr) << "used longest ago";
  archives.keep("d", archive_of(80));
  EXPECT_EQ(archives.find("a"), nullptr) << "too many bytes together";
  EXPECT_NE(archives.find("c"), nullptr);
  archives.keep("large", archive_of(101));
  EXPECT_EQ(archives.find("large"), nullptr);
  archives.keep("local", archive_of(1, true));
  EXPECT_EQ(archives.find("local"), nullptr);
  clock.advance(std::chrono::seconds(40));
  EXPECT_NE(archives.find("c"), nullptr);
  clock.advance(std::chrono::seconds(30));
  archives.expire();
  EXPECT_EQ(archives.find("d"), nullptr);
  EXPECT_NE(archives.find("c"), nullptr);
}

class MadeArchivesTest : public ::testing::Test {
 protected:
  void make_repository() {
    const HttpReply made = world_.post("/api/v1/repository", testing::kMultipartType,
                                       testing::multipart({{"name=file; filename=d.csv", std::string(200'000, 'x')}}));
    ASSERT_EQ(made.status, 201) << made.body;
    id_ = made.json()["repository_id"];
    input_ = "/api/v1/repository/" + id_ + "/input";
  }
  HttpReply head(const std::string& path) { return world_.call("HEAD", path, World::identity("ana")); }
  // Then no archive of the input can be made.
  void lose_input() {
    std::filesystem::remove(world_.root + "/" + artifacts::layout::repository_input(World::tenant(), id_) + "/d.csv");
  }

  World world_;
  std::string id_;
  std::string input_;
};

TEST_F(MadeArchivesTest, AHeadAndItsPartsAreOfOneArchive) {
  make_repository();
  const HttpReply whole = world_.get(input_);
  ASSERT_EQ(whole.status, 200);
  EXPECT_EQ(head(input_).header("Content-Length"), std::to_string(whole.body.size()));
  lose_input();
  const HttpReply first = world_.get(input_, {{"Range", "bytes=0-99"}});
  const HttpReply rest = world_.get(input_, {{"Range", "bytes=100-"}});
  EXPECT_EQ(first.status, 206);
  EXPECT_EQ(first.body + rest.body, whole.body);
  EXPECT_EQ(rest.header("ETag"), whole.header("ETag"));
  world_.clock.advance(std::chrono::seconds(61));
  world_.made_archives->expire();
  EXPECT_EQ(world_.get(input_, {{"Range", "bytes=0-99"}}).status, 503) << "it is made anew";
}

TEST_F(MadeArchivesTest, AWholeAnswerLeavesNothing) {
  make_repository();
  ASSERT_EQ(world_.get(input_).status, 200);
  lose_input();
  EXPECT_EQ(world_.get(input_).status, 503);
}

TEST_F(MadeArchivesTest, WhatWasDeletedIsNotSent) {
  make_repository();
  ASSERT_EQ(head(input_).status, 200);
  ASSERT_EQ(world_.remove("/api/v1/repository/" + id_).status, 200);
  EXPECT_EQ(world_.get(input_, {{"Range", "bytes=0-99"}}).status, 404);
}

TEST_F(MadeArchivesTest, OnlyLogsThatDoNotGrowAnyMoreAreKept) {
  for (const auto& [phase, kept] : {std::pair(job::Phase::kFinished, true), std::pair(job::Phase::kStarted, false),
                                    std::pair(job::Phase::kFailed, false)}) {
    const std::string id = world_.make_job(phase);
    const std::string logs = "/api/v1/job/" + id + "/logs";
    world_.write_attempt(id, 1, "logs/stdout.log", "one");
    const std::string before = head(logs).header("ETag");
    ASSERT_NE(before, "");
    world_.write_attempt(id, 1, "logs/stdout.log", "one and two");
    EXPECT_EQ(head(logs).header("ETag") == before, kept) << to_string(phase);
  }
}

}  // namespace
}  // namespace vbrain::api
