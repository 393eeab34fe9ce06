// Batches of jobs: all or none, also after a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "artifacts/submit/job_batch.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/time/clock.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vbrain::testing::TempDir;

const Tenant kNorth{"acme", "Tutorial", "north"};
const std::string kBatch = "batch-1";

class JobBatch : public ::testing::Test {
 protected:
  JobBatch() { repository_ = store_.publish_repository(store_.stage(kNorth), {}, base::SystemClock().now()); }

  BatchOutcome publish(std::vector<std::string> ids, bool& committed, std::size_t bytes = 0) {
    JobFile file;
    file.tenant = kNorth;
    file.repository_id = repository_;
    std::size_t at = 0;
    const auto next = [&]() -> const JobFile* {
      if (at == ids.size()) return nullptr;
      file.job_id = ids[at++];
      if (bytes > 0) file.params = R"({"a":")" + std::string(bytes, 'x') + "\"}";
      return &file;
    };
    return publish_batch(store_, kNorth, repository_, kBatch, next, committed);
  }
  BatchOutcome publish(const std::vector<std::string>& ids) {
    bool committed = false;
    return publish(ids, committed);
  }
  // As a process that is killed at the failpoint.
  void publish_until(const std::string& failpoint, const std::vector<std::string>& ids) {
    const std::string armed = folder_.path() + "/failpoints";
    fs::create_directory(armed);
    std::ofstream(armed + "/" + failpoint).flush();
    const pid_t child = fork();
    if (child == 0) {
      setenv("FAILPOINTS", armed.c_str(), 1);
      publish(ids);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    killed_ = !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fs::remove_all(armed);
  }
  std::size_t finish() {
    const auto unreadable = [](const std::string&, const VolumeError&) { return true; };
    return finish_batches(store_, base::SystemClock().now() + std::chrono::hours(1), unreadable, {});
  }
  std::vector<std::string> jobs() const { return store_.jobs_of(kNorth, repository_).value(); }
  std::string path(const std::string& name) const { return folder_.path() + "/tenants/acme/Tutorial/north/" + name; }
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> found;
    if (!fs::exists(path(folder))) return found;
    for (const auto& entry : fs::directory_iterator(path(folder))) found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }

  TempDir folder_;
  Store store_{folder_.path()};
  std::string repository_;
  bool killed_ = false;
};

TEST_F(JobBatch, IsPublishedWhole) {
  EXPECT_EQ(publish({"a", "b", "c"}), BatchOutcome::kPublished);
  EXPECT_THAT(jobs(), ElementsAre("a", "b", "c"));
  for (const std::string id : {"a", "b", "c"}) {
    EXPECT_EQ(store_.read_job(kNorth, id)->job_id, id);
    EXPECT_TRUE(fs::is_directory(path("jobs/" + id + "/attempts/1/logs")));
  }
  EXPECT_THAT(names(".batches"), IsEmpty());
  EXPECT_THAT(names(".staging"), IsEmpty());
}

TEST_F(JobBatch, WithoutItsRepositoryLeavesNothing) {
  ASSERT_TRUE(store_.trash_repository(kNorth, repository_));
  EXPECT_EQ(publish({"a"}), BatchOutcome::kNoRepository);
  EXPECT_THAT(names("jobs"), IsEmpty());
  EXPECT_THAT(names(".staging"), IsEmpty());
}

TEST_F(JobBatch, ThatIsTooLargeLeavesNothing) {
  bool committed = false;
  EXPECT_THROW(publish({"a", "b", "c"}, committed, kBatchLimit / 3), TooLarge);
  EXPECT_FALSE(committed);
  EXPECT_THAT(names("jobs"), IsEmpty());
  EXPECT_THAT(names(".staging"), IsEmpty());
}

// Nobody could read such a job, and it would never end.
TEST_F(JobBatch, AJobThatCannotBeReadAgainIsNotPublished) {
  JobFile file;
  file.repository_id = repository_;
  file.job_id = "a";
  int given = 0;
  const auto next = [&]() -> const JobFile* { return given++ == 0 ? &file : nullptr; };
  bool committed = false;
  EXPECT_THROW(publish_batch(store_, kNorth, repository_, kBatch, next, committed), std::logic_error);
  EXPECT_FALSE(committed);
  EXPECT_THAT(names("jobs"), IsEmpty());
  EXPECT_THAT(names(".batches"), IsEmpty());
}

// What a crash leaves at each step: none of the jobs before the commit, all of them after it.
TEST_F(JobBatch, ACrashLeavesAllOrNone) {
  const std::vector<std::string> ids{"a", "b", "c"};
  const struct {
    std::string failpoint;
    bool all;
  } steps[] = {{"batch.staged", false}, {"batch.committed", true}, {"batch.indexed", true}, {"batch.moved", true}};
  for (const auto& step : steps) {
    publish_until(step.failpoint, ids);
    if (!killed_) GTEST_SKIP() << "built without failpoints";
    EXPECT_EQ(finish(), step.all ? 1u : 0u) << step.failpoint;
    if (step.all) {
      EXPECT_THAT(jobs(), ElementsAre("a", "b", "c")) << step.failpoint;
    } else {
      EXPECT_THAT(jobs(), IsEmpty()) << step.failpoint;
      EXPECT_THAT(names("jobs"), IsEmpty()) << step.failpoint;
    }
    EXPECT_THAT(names(".batches"), IsEmpty()) << step.failpoint;
    EXPECT_EQ(finish(), 0u) << "twice";
    for (const std::string& id : ids) store_.remove_job(kNorth, id, repository_);
  }
}

// The client sends the same request again, before or after the controller has finished it.
TEST_F(JobBatch, ARepetitionCompletesIt) {
  const std::vector<std::string> ids{"a", "b", "c"};
  for (const std::string step : {"batch.staged", "batch.committed", "batch.indexed", "batch.moved"}) {
    for (const bool finished : {false, true}) {
      publish_until(step, ids);
      if (!killed_) GTEST_SKIP() << "built without failpoints";
      if (finished) finish();
      EXPECT_EQ(publish(ids), BatchOutcome::kPublished) << step;
      EXPECT_THAT(jobs(), ElementsAre("a", "b", "c")) << step;
      EXPECT_THAT(names(".batches"), IsEmpty()) << step;
      for (const std::string& id : ids) store_.remove_job(kNorth, id, repository_);
    }
  }
}

// With keys: what was done once is not done again, although its jobs were deleted.
TEST_F(JobBatch, ARepetitionBringsNoDeletedJobBack) {
  claim_key(store_, kNorth, key_record_name("k"), {.request = std::string(64, 'a'), .id = kBatch, .answer = "{}"});
  for (const bool crash : {false, true}) {
    if (crash) {
      fs::remove(path(".keys/done-" + kBatch));
      publish_until("batch.moved", {"a", "b"});
      if (!killed_) GTEST_SKIP() << "built without failpoints";
      EXPECT_EQ(finish(), 1u);
    } else {
      EXPECT_EQ(publish({"a", "b"}), BatchOutcome::kPublished);
    }
    for (const std::string id : {"a", "b"}) store_.remove_job(kNorth, id, repository_);
    EXPECT_EQ(publish({"a", "b"}), BatchOutcome::kDone);
    EXPECT_THAT(names("jobs"), IsEmpty());
    EXPECT_THAT(names(".batches"), IsEmpty());
  }
}

TEST_F(JobBatch, ACommittedOneWhoseRepositoryIsDeletedGoesToo) {
  publish_until("batch.committed", {"a", "b"});
  if (!killed_) GTEST_SKIP() << "built without failpoints";
  ASSERT_TRUE(store_.trash_repository(kNorth, repository_));
  finish();
  EXPECT_THAT(names("jobs"), IsEmpty());
  EXPECT_THAT(names(".batches"), IsEmpty());
}

TEST_F(JobBatch, AYoungOneIsLeftAlone) {
  publish_until("batch.committed", {"a"});
  if (!killed_) GTEST_SKIP() << "built without failpoints";
  const auto unreadable = [](const std::string&, const VolumeError&) { return true; };
  EXPECT_EQ(finish_batches(store_, store_.probe().value() - std::chrono::minutes(1), unreadable, {}), 0u);
  EXPECT_THAT(names(".batches"), ::testing::SizeIs(1));
}

}  // namespace
}  // namespace vbrain::artifacts
