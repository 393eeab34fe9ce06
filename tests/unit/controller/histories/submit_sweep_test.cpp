// What the sweeper does for batches of jobs, Idempotency-Keys and uploads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/submit/job_batch.hpp"
#include "artifacts/submit/key_records.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "controller/sweep/sweeper.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::controller {
namespace {

const artifacts::Tenant kTenant{"acme", "Tutorial", "north"};
constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";

class SubmitSweep : public ::testing::Test {
 protected:
  SubmitSweep() {
    repository_ = store_.publish_repository(store_.stage(kTenant), {}, base::SystemClock().now());
    // File times are the real clock's.
    clock_.advance(base::SystemClock().now() - clock_.now());
  }
  // As a server leaves it that was killed just after the commit.
  void leave_batch(const std::vector<std::string>& ids) {
    artifacts::Staging staging = store_.stage(kTenant);
    for (const std::string& id : ids) {
      artifacts::JobFile file;
      file.job_id = id;
      file.tenant = kTenant;
      file.repository_id = repository_;
      file.created_by = "ana";
      const auto folder = staging.folder().make_new(id);
      artifacts::add_first_attempt(*folder);
      folder->write_file_durably(artifacts::layout::kJobFile, encode(file));
    }
    const auto batches = store_.root().make(artifacts::layout::tenant(kTenant) + "/.batches");
    ASSERT_TRUE(store_.place(std::move(staging), batches, repository_ + "-batch"));
  }

  vbrain::testing::TempDir folder_;
  artifacts::Store store_{folder_.path()};
  vbrain::testing::FakeApiServer api_;
  vbrain::testing::ManualClock clock_;
  kube::ApiClient client_{api_};
  kube::Cache<job::Job> jobs_;
  base::Metrics metrics_;
  bool leading_ = true;
  std::string repository_;
  Sweeper sweeper_{{.store = store_,
                    .client = client_,
                    .jobs = jobs_,
                    .metrics = metrics_,
                    .clock = clock_,
                    .namespace_name = "vbrain",
                    .may_write = [this] { return leading_; },
                    .volume_time = [this] { return std::optional(clock_.now()); }},
                   {}};
};

TEST_F(SubmitSweep, CompletesABatchAndThenItsResources) {
  leave_batch({"job-a", "job-b"});
  sweeper_.round({});
  EXPECT_FALSE(store_.has_job(kTenant, "job-a")) << "a server may still be at work";
  clock_.advance(std::chrono::minutes(2));
  leading_ = false;
  sweeper_.round({});
  EXPECT_FALSE(store_.has_job(kTenant, "job-a")) << "another controller leads";
  leading_ = true;
  sweeper_.round({});
  EXPECT_THAT(store_.jobs_of(kTenant, repository_).value(), ::testing::ElementsAre("job-a", "job-b"));
  clock_.advance(std::chrono::minutes(2));
  sweeper_.round({});
  for (const std::string id : {"job-a", "job-b"}) {
    EXPECT_FALSE(api_.object(std::string(kJobs) + "/" + id).is_null()) << id;
  }
}

TEST_F(SubmitSweep, RemovesKeysAfterADay) {
  const std::string name = artifacts::key_record_name("k");
  ASSERT_TRUE(claim_key(store_, kTenant, name, {.request = std::string(64, 'a'), .id = "job-a", .answer = "{}"}));
  clock_.advance(std::chrono::hours(23));
  sweeper_.sweep({});
  EXPECT_TRUE(find_key(store_, kTenant, name));
  clock_.advance(std::chrono::hours(2));
  sweeper_.sweep({});
  EXPECT_FALSE(find_key(store_, kTenant, name));
}

TEST_F(SubmitSweep, RemovesUploadsThatHaveNotChangedForTheirTime) {
  const std::string id = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
  create_upload(store_, kTenant, id, {.bytes = 1, .name = "a.csv", .expiry = std::chrono::hours(30)});
  clock_.advance(std::chrono::hours(29));
  sweeper_.sweep({});
  EXPECT_TRUE(open_upload(store_, kTenant, id));
  clock_.advance(std::chrono::hours(2));
  sweeper_.sweep({});
  EXPECT_FALSE(open_upload(store_, kTenant, id));
}

}  // namespace
}  // namespace vbrain::controller
