#include "api-server/answers/sealed_texts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

class SealedTextsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!artifacts::QuickLook(world_.volume->root()).status(".")) GTEST_SKIP() << "this file system may have to ask";
    id_ = world_.make_job(job::Phase::kFinished);
    repository_ = world_.get("/api/v1/job/" + id_).json()["repository_id"];
    world_.record(id_);
    age();
  }
  // Makes the job's folder look unchanged for years, so that its times are trusted.
  void age() {
    const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, world_.job_folder(id_).c_str(), old, 0), 0);
  }
  HttpReply output(const testing::Headers& more = {}) { return world_.get("/api/v1/job/" + id_ + "/output", more); }
  HttpReply result() { return world_.get("/api/v1/job/" + id_ + "/result"); }
  bool known() { return texts().find(SealedTexts::Kind::kOutput, World::tenant(), id_, "") != nullptr; }
  SealedTexts& texts() { return *world_.sealed_texts; }

  World world_;
  std::string id_;
  std::string repository_;
};

TEST_F(SealedTextsTest, ASecondReadNeedsNoPool) {
  const HttpReply first_output = output();
  const HttpReply first_result = result();
  ASSERT_EQ(first_output.body, "PK..");
  ASSERT_EQ(first_result.body, R"({"output":200})");
  // All threads that read the volume are busy.
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  int released = 0;
  for (base::WorkerPool* pool : {world_.volume_workers.get(), world_.transfer_workers.get()}) {
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(pool->try_post([&] {
        std::unique_lock lock(mutex);
        opened.wait_for(lock, std::chrono::seconds(8), [&] { return open; });
        ++released;
      }));
    }
  }
  const HttpReply second_output = output();
  const HttpReply second_result = result();
  const HttpReply part = output({{"Range", "bytes=1-2"}});
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(released, 0) << "an answer waited for the pool";
    open = true;
  }
  opened.notify_all();
  EXPECT_EQ(second_output.status, 200);
  EXPECT_EQ(second_output.body, first_output.body);
  EXPECT_EQ(second_output.header("ETag"), first_output.header("ETag"));
  EXPECT_EQ(second_output.header("Content-Type"), first_output.header("Content-Type"));
  EXPECT_EQ(second_output.header("Content-Disposition"), first_output.header("Content-Disposition"));
  EXPECT_EQ(second_result.body, first_result.body);
  EXPECT_EQ(second_result.header("Content-Type"), first_result.header("Content-Type"));
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "K.");
  world_.volume_workers->close();
}

TEST_F(SealedTextsTest, WhatAnotherServerMarkedAsDeletedIsGoneAtOnce) {
  output();
  ASSERT_TRUE(known());
  artifacts::Store other(world_.root);
  other.mark_deleted(World::tenant(), id_);
  EXPECT_EQ(output().status, 404);
  EXPECT_EQ(result().status, 404);
}

TEST_F(SealedTextsTest, WhatAnotherServerRemovedIsGoneAtOnce) {
  output();
  ASSERT_TRUE(known());
  artifacts::Store other(world_.root);
  other.remove_job(World::tenant(), id_, repository_);
  EXPECT_FALSE(known());
}

TEST_F(SealedTextsTest, AFolderUnderAnotherNameIsGone) {
  output();
  ASSERT_TRUE(known());
  const std::string folder = world_.job_folder(id_);
  std::filesystem::rename(folder, folder + "-other");
  EXPECT_FALSE(known());
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(SealedTextsTest, AJobThatIsBeingDeletedIsGoneAtOnce) {
  output();
  ASSERT_TRUE(known());
  auto changed = std::make_shared<job::Job>(*world_.jobs.get(id_));
  changed->meta.deletion_timestamp = world_.clock.now();
  world_.jobs.put(id_, changed);
  EXPECT_EQ(output().status, 404);
}

TEST_F(SealedTextsTest, AnotherJobOfThatNameIsAnother) {
  output();
  ASSERT_TRUE(known());
  auto changed = std::make_shared<job::Job>(*world_.jobs.get(id_));
  changed->meta.uid = "another";
  world_.jobs.put(id_, changed);
  EXPECT_FALSE(known());
}

TEST_F(SealedTextsTest, OnlyItsTenantAndItsRepositoryHaveIt) {
  ASSERT_EQ(output({{"repository_id", repository_}}).status, 200);
  ASSERT_TRUE(known());
  EXPECT_EQ(output({{"repository_id", repository_}}).status, 200);
  EXPECT_EQ(output({{"repository_id", "202001010000000000"}}).status, 404);
  EXPECT_EQ(output({{"repository_id", "../.."}}).status, 404);
  EXPECT_EQ(world_.call("GET", "/api/v1/job/" + id_ + "/output", World::identity("eve")).status, 404);
  EXPECT_TRUE(known());
  std::filesystem::remove_all(world_.root + "/" + artifacts::layout::repository(World::tenant(), repository_));
  EXPECT_EQ(output({{"repository_id", repository_}}).status, 404);
}

// Two changes within one tick of the file system's clock have the same time.
TEST_F(SealedTextsTest, AYoungFolderIsNotRemembered) {
  const auto touched = [&](base::TimePoint when) {
    const timespec at{std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count(), 0};
    const timespec both[2] = {at, at};
    return ::utimensat(AT_FDCWD, world_.job_folder(id_).c_str(), both, 0);
  };
  ASSERT_EQ(touched(world_.clock.now() - std::chrono::seconds(1)), 0);
  EXPECT_EQ(output().status, 200);
  EXPECT_FALSE(known());
  ASSERT_EQ(touched(world_.clock.now() - std::chrono::seconds(4)), 0);
  EXPECT_EQ(output().status, 200);
  EXPECT_TRUE(known());
}

TEST_F(SealedTextsTest, AJobThatHasNotFinishedIsNotRemembered) {
  id_ = world_.make_job(job::Phase::kStarted);
  age();
  EXPECT_EQ(output().status, 202);
  EXPECT_FALSE(known());
}

// Larger than what is read at once: from the volume as a file, from memory without a copy.
TEST_F(SealedTextsTest, AFileInTheMiddleIsRemembered) {
  std::string middle(60'000, 'x');
  middle[30'000] = 'y';
  world_.write_attempt(id_, 1, "output.zip", middle);
  world_.write_attempt(id_, 1, "result.json", "\"" + middle + "\"");
  auto changed = std::make_shared<job::Job>(*world_.jobs.get(id_));
  changed->status.artifacts->output_bytes = static_cast<std::int64_t>(middle.size());
  changed->status.artifacts->result_bytes = static_cast<std::int64_t>(middle.size() + 2);
  world_.jobs.put(id_, changed);
  world_.record(id_);
  age();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(output().body, middle) << i;
    EXPECT_EQ(result().body, "{\"output\":\"" + middle + "\"}") << i;
    EXPECT_EQ(output({{"Range", "bytes=29999-30001"}}).body, "xyx") << i;
    EXPECT_TRUE(known());
  }
}

TEST_F(SealedTextsTest, ALargeFileIsNotRemembered) {
  const std::string large(SealedTexts::kMaxBytes + 1, 'x');
  world_.write_attempt(id_, 1, "output.zip", large);
  auto changed = std::make_shared<job::Job>(*world_.jobs.get(id_));
  changed->status.artifacts->output_bytes = static_cast<std::int64_t>(large.size());
  world_.jobs.put(id_, changed);
  world_.record(id_);
  age();
  EXPECT_EQ(output().body, large);
  EXPECT_FALSE(known());
}

}  // namespace
}  // namespace vbrain::api
