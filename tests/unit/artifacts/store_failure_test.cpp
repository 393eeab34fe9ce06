// What is visible after the disk fails during a publication.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "artifacts/store/store.hpp"
#include "support/cpp/temp_dir.hpp"

namespace {
int fsyncs_until_failure = 0;  // 0: none fails
std::function<void(int fd)> before_fsync;
enum class Links { kWork, kUnknown, kAnswerLost };
std::atomic<Links> links = Links::kWork;
}  // namespace

// These replace functions of the C library in this program.
extern "C" int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) {
  if (links == Links::kUnknown) {
    errno = EPERM;
    return -1;
  }
  const auto done = static_cast<int>(syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
  if (done != 0 || links == Links::kWork) return done;
  errno = EEXIST;  // an NFS server's answer to a repeated request
  return -1;
}

extern "C" int fsync(int fd) {
  if (before_fsync) before_fsync(fd);
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
    EXPECT_EQ(store_.index_of(kTenant, repository_)->size(), thrown ? 0U : 1U) << n << ": lists can be remembered";
    if (!reached) break;
    ++failures;
  }
  EXPECT_GE(failures, 5) << "file, attempts, folder, index, jobs";
}

// A local file system then writes all of its names with the first fsync.
TEST_F(StoreFailure, AllOfAJobIsCreatedBeforeItsFirstFsyncAndSyncedFromBelow) {
  namespace fs = std::filesystem;
  JobFile file;
  file.job_id = "job-0";
  file.tenant = kTenant;
  file.repository_id = repository_;
  ASSERT_TRUE(store_.publish_job(file)) << "makes the tenant's folders";
  std::vector<std::string> synced;
  std::vector<std::size_t> indexed;
  before_fsync = [&](int fd) {
    // What is synced, as its last two names. That of the staged folder is random.
    const fs::path path = fs::read_symlink("/proc/self/fd/" + std::to_string(fd));
    const fs::path above = path.parent_path();
    const auto shown = [](const fs::path& folder) {
      return folder.parent_path().filename() == ".staging" ? "staged" : folder.filename().string();
    };
    synced.push_back(shown(above) + "/" + shown(path));
    indexed.push_back(store_.index_of(kTenant, repository_)->size());
  };
  file.job_id = "job-1";
  EXPECT_TRUE(store_.publish_job(file));
  before_fsync = {};
  EXPECT_THAT(synced, ::testing::ElementsAre("staged/job.json", "staged/attempts", ".staging/staged",
                                             repository_ + "/jobs", "north/jobs"));
  EXPECT_EQ(indexed, std::vector<std::size_t>(5, 2)) << "its entry in the index comes first";
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

class ClaimFailure : public ::testing::Test {
 protected:
  ~ClaimFailure() override {
    fsyncs_until_failure = 0;
    links = Links::kWork;
  }
  static Claim claim_of(const std::string& uid) { return {.by = Claim::By::kRunner, .pod_uid = uid, .time = kTime}; }
  // The number of threads that win.
  int race() {
    std::atomic<int> won = 0;
    std::vector<std::jthread> runners;
    for (int i = 0; i < 8; ++i) {
      runners.emplace_back(
          [&, i] { won += take_claim(Dir::open(temp_.path()), claim_of("pod-" + std::to_string(i))).won; });
    }
    runners.clear();
    return won;
  }

  vbrain::testing::TempDir temp_;
  Dir attempt_ = Dir::open(temp_.path());
};

TEST_F(ClaimFailure, AFullVolumeLeavesNoClaim) {
  // No file may grow: as on a full volume a name can be had, and no byte behind it.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  bool thrown = false;
  try {
    take_claim(attempt_, claim_of("pod-1"));
  } catch (const VolumeError&) {
    thrown = true;
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(thrown);
  EXPECT_FALSE(read_claim(attempt_));
  EXPECT_TRUE(attempt_.list().empty());
  EXPECT_TRUE(take_claim(attempt_, claim_of("pod-2")).won) << "whoever comes when there is room again";
}

TEST_F(ClaimFailure, AClaimIsCompleteOrAbsent) {
  fsyncs_until_failure = 1;
  EXPECT_THROW(take_claim(attempt_, claim_of("pod-1")), VolumeError);
  EXPECT_FALSE(read_claim(attempt_));
  fsyncs_until_failure = 2;
  EXPECT_THROW(take_claim(attempt_, claim_of("pod-1")), VolumeError) << "nobody knows whether the name will stay";
  EXPECT_EQ(read_claim(attempt_)->pod_uid, "pod-1");
  EXPECT_FALSE(take_claim(attempt_, claim_of("pod-1")).won);
}

TEST_F(ClaimFailure, ACrashBetweenItsTwoNamesIsHarmless) {
  ASSERT_TRUE(take_claim(attempt_, claim_of("pod-1")).won);
  std::filesystem::create_hard_link(temp_ / "claim", temp_ / ".vbrain-left-over");
  EXPECT_EQ(read_claim(attempt_)->pod_uid, "pod-1");
  EXPECT_EQ(take_claim(attempt_, claim_of("pod-2")).owner.pod_uid, "pod-1");
  std::filesystem::create_hard_link(temp_ / "claim", temp_ / "third");
  EXPECT_EQ(read_claim(attempt_)->by, Claim::By::kUnknown) << "not of our making";
}

TEST_F(ClaimFailure, OneWinsWhereThereAreNoHardLinks) {
  links = Links::kUnknown;
  EXPECT_EQ(race(), 1);
  EXPECT_EQ(read_claim(attempt_)->by, Claim::By::kRunner);
  EXPECT_EQ(attempt_.list().size(), 1U);
}

TEST_F(ClaimFailure, OneWinsThoughItsAnswerWasLost) {
  links = Links::kAnswerLost;
  EXPECT_EQ(race(), 1);
  EXPECT_EQ(attempt_.list().size(), 1U);
}

}  // namespace
}  // namespace vbrain::artifacts
