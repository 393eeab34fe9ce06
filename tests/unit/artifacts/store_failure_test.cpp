// What stays visible when the disk fails in the middle of publishing.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "artifacts/store.hpp"
#include "unit/artifacts/temp_dir.hpp"

namespace {
int fsyncs_until_failure = 0;  // 0: none fails
}

// Stands in for the C library's in this program.
extern "C" int fsync(int fd) {
  if (fsyncs_until_failure > 0 && --fsyncs_until_failure == 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace vbrain::artifacts {
namespace {

const Tenant kTenant{"acme", "Tutorial", "north"};
const base::TimePoint kTime = *base::parse_rfc3339("2026-01-02T03:04:05Z");

class StoreFailure : public ::testing::Test {
 protected:
  void SetUp() override {
    repository_ = store_.publish_repository(store_.stage(kTenant), {}, kTime);
    store_.trash_jobs(kTenant, {}, {});  // makes .trash
  }
  ~StoreFailure() override { fsyncs_until_failure = 0; }

  vbrain::testing::TempDir temp_;
  Store store_{temp_.path()};
  std::string repository_;
};

TEST_F(StoreFailure, AJobThatIsNotPublishedIsNotVisible) {
  int failures = 0;
  for (int n = 1; n < 100; ++n) {
    JobFile file;
    file.job_id = "job-" + std::to_string(n);
    file.tenant = kTenant;
    file.repository_id = repository_;
    fsyncs_until_failure = n;
    bool thrown = false;
    try {
      EXPECT_TRUE(store_.publish_job(file));
    } catch (const VolumeError&) {
      thrown = true;
    }
    const bool reached = fsyncs_until_failure == 0;
    fsyncs_until_failure = 0;
    EXPECT_EQ(thrown, reached) << n;
    EXPECT_EQ(store_.has_job(kTenant, file.job_id), !thrown) << n;
    if (!reached) break;
    ++failures;
  }
  EXPECT_GE(failures, 5) << "file, folder, marker, both parents";
}

TEST_F(StoreFailure, ARepositoryThatIsNotPublishedIsNotVisible) {
  int failures = 0;
  for (int n = 1; n < 100; ++n) {
    const auto before = store_.repositories(kTenant);
    fsyncs_until_failure = n;
    bool thrown = false;
    try {
      store_.publish_repository(store_.stage(kTenant), {}, kTime);
    } catch (const VolumeError&) {
      thrown = true;
    }
    const bool reached = fsyncs_until_failure == 0;
    fsyncs_until_failure = 0;
    EXPECT_EQ(thrown, reached) << n;
    EXPECT_EQ(store_.repositories(kTenant).size(), before.size() + (thrown ? 0 : 1)) << n;
    if (!reached) break;
    ++failures;
  }
  EXPECT_GE(failures, 5);
}

}  // namespace
}  // namespace vbrain::artifacts
