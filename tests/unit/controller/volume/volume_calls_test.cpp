// How many system calls the controller makes on the volume for one job. On a network file system each is a round trip.
#include <gtest/gtest.h>

#include "artifacts/store/store.hpp"
#include "artifacts/submit/key_records.hpp"
#include "controller/volume/volume.hpp"
#include "support/cpp/system_calls.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using testing::a_job;
using testing::at;
using vbrain::testing::count_system_calls;
using vbrain::testing::TempDir;

class VolumeCalls : public ::testing::Test {
 protected:
  VolumeCalls() {
    // The tenant's folders exist already, as for all jobs but its first ones.
    artifacts::RepositoryFile repository;
    artifacts::Staging staging = store_.stage(tenant_of(a_job()));
    artifacts::sync_and_close(*staging.input().create_file("data.csv"));
    job_.spec.repository_id = store_.publish_repository(std::move(staging), repository, at(0));
    publish("an-earlier-job");
    job_.status.phase = job::Phase::kFinished;
    job_.status.attempts = 1;
  }
  void SetUp() override {
    if (!vbrain::testing::can_follow_children())
      GTEST_SKIP() << "kernel.yama.ptrace_scope forbids counting system calls";
  }
  // As the api-server does.
  void publish(const std::string& id) {
    artifacts::JobFile file;
    file.job_id = id;
    file.tenant = tenant_of(job_);
    file.repository_id = job_.spec.repository_id;
    EXPECT_TRUE(store_.publish_job(file));
  }
  // The controller's steps of a job with one attempt. Between them its runner writes claim and manifest.
  std::map<std::uint64_t, int> calls_of_job(bool want_published) {
    auto calls = count_system_calls([&] {
      const auto prepared = volume_.prepare_attempt(job_, 1, nullptr);
      return prepared && prepared->published == want_published && !prepared->paths.input.empty();
    });
    const auto attempt = store_.root().at(artifacts::layout::attempt(tenant_of(job_), job_.meta.name, 1));
    EXPECT_TRUE(take_claim(attempt, {.by = artifacts::Claim::By::kRunner, .pod_uid = testing::kPodUid}).won);
    attempt.write_file_durably(artifacts::layout::kManifest, artifacts::encode_manifest({}));
    const auto end = count_system_calls([&] {
      const bool has_manifest = volume_.read_attempt(job_, 1).manifest.has_value();
      return has_manifest && !volume_.archive(job_);
    });
    for (const auto& [call, count] : end) calls[call] += count;
    return calls;
  }

  TempDir folder_;
  artifacts::Store store_{folder_.path(), false};
  StoreVolume volume_{store_, "bin/1", [](const artifacts::Tenant&, const std::string&) {}};
  job::Job job_ = a_job();
};

TEST_F(VolumeCalls, AJobMadeByRestNeedsNoNewFolderAndTwoFsyncs) {
  job_.meta.labels.emplace(job::kOriginLabel, job::kOriginRest);
  publish(job_.meta.name);
  auto calls = calls_of_job(false);
  EXPECT_EQ(calls[SYS_mkdirat], 0);
  EXPECT_EQ(calls[SYS_fsync], 2) << "of the record and of its name";
  EXPECT_LE(calls[SYS_openat2], 12);
  EXPECT_LE(calls[SYS_openat], 1) << "the list of attempts";
}

TEST_F(VolumeCalls, AJobMadeWithKubectlIsPublishedWithItsFirstAttempt) {
  auto calls = calls_of_job(true);
  EXPECT_EQ(calls[SYS_mkdirat], 4) << "the job's, attempts, attempts/1 and its logs";
  EXPECT_EQ(calls[SYS_fsync], 5 + 2);
  EXPECT_LE(calls[SYS_openat2], 22);
}

// What the api-server does on the volume for a job in a repository that exists.
TEST_F(VolumeCalls, PublishingAJobByRest) {
  artifacts::JobFile file;
  file.job_id = "a-new-job";
  file.tenant = tenant_of(job_);
  file.repository_id = job_.spec.repository_id;
  auto calls = count_system_calls([&] { return store_.publish_job(file).has_value(); });
  EXPECT_EQ(calls[SYS_mkdirat], 4) << "the job's, attempts, attempts/1 and its logs";
  EXPECT_EQ(calls[SYS_fsync], 5);
  EXPECT_LE(calls[SYS_openat2], 10);
}

// `execute` without a repository does this first. The folder needs one fsync for all names in it.
TEST_F(VolumeCalls, PublishingARepository) {
  auto calls =
      count_system_calls([&] { return !store_.publish_repository(store_.stage(tenant_of(job_)), {}, at(0)).empty(); });
  EXPECT_EQ(calls[SYS_mkdirat], 3) << "the repository's, input, jobs";
  EXPECT_EQ(calls[SYS_fsync], 5) << "input/, jobs/, repository.json, the folder, repositories/";
}

// The record is a link, which the fsync of job.json covers. Without an ordered journal it is a file with two fsyncs.
TEST_F(VolumeCalls, AnIdempotencyKeyNeedsNoFsyncWithAnOrderedJournal) {
  const artifacts::Store journaled(folder_.path(), true);
  const auto tenant = tenant_of(job_);
  artifacts::KeyRecord record{.request = std::string(64, 'a'), .id = "a-new-job", .answer = "{}"};
  ASSERT_TRUE(claim_key(store_, tenant, artifacts::key_record_name("an earlier key"), record));
  const auto use_key = [&](const artifacts::Store& store, const std::string& key) {
    return count_system_calls([&] {
      const std::string name = artifacts::key_record_name(key);
      if (find_key(store, tenant, name) || !claim_key(store, tenant, name, record)) return false;
      mark_key_done(store, tenant, record.id);
      return true;
    });
  };
  auto calls = use_key(journaled, "one");
  EXPECT_EQ(calls[SYS_fsync], 0);
  EXPECT_EQ(calls[SYS_symlinkat], 1);
  EXPECT_EQ(calls[SYS_mkdirat], 0);
  EXPECT_LE(calls[SYS_openat2], 4) << "the folder three times, and the mark";
  calls = use_key(store_, "two");
  EXPECT_EQ(calls[SYS_fsync], 2) << "the record and its name";
  EXPECT_EQ(calls[SYS_symlinkat], 0);
}

// The file's own and that of the rename: the first one covers all names that were made before it.
TEST_F(VolumeCalls, WithAnOrderedJournalPublishingNeedsTwoFsyncs) {
  const artifacts::Store journaled(folder_.path(), true);
  artifacts::JobFile file;
  file.job_id = "a-new-job";
  file.tenant = tenant_of(job_);
  file.repository_id = job_.spec.repository_id;
  auto calls = count_system_calls([&] { return journaled.publish_job(file).has_value(); });
  EXPECT_EQ(calls[SYS_fsync], 2) << "job.json, jobs/";
  calls = count_system_calls(
      [&] { return !journaled.publish_repository(journaled.stage(tenant_of(job_)), {}, at(0)).empty(); });
  EXPECT_EQ(calls[SYS_fsync], 2) << "repository.json, repositories/";
  // Its files have data of their own.
  calls = count_system_calls([&] {
    artifacts::Staging staging = journaled.stage(tenant_of(job_));
    artifacts::write_all(staging.input().create_file("data.csv")->get(), "x");
    return !journaled.publish_repository(std::move(staging), {}, at(0)).empty();
  });
  EXPECT_EQ(calls[SYS_fsync], 4) << "data.csv and input/ too";
}

}  // namespace
}  // namespace vbrain::controller
