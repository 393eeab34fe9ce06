#include "artifacts/scans/store_scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "artifacts/scans/store_sweep.hpp"
#include "base/time/clock.hpp"
#include "support/cpp/pod_user.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

const Tenant kNorth{"acme", "Tutorial", "north"};
const Tenant kEast{"acme", "Tutorial", "east"};
const Tenant kSouth{"a/b", "Tutorial", "..\u00e9"};

class StoreScanTest : public ::testing::Test {
 protected:
  void publish(const Tenant& tenant, const std::string& id) {
    JobFile file;
    file.job_id = id;
    file.tenant = tenant;
    ASSERT_TRUE(store_.publish_job(file));
  }
  std::set<std::string> scanned() {
    std::set<std::string> paths;
    scan([&](const ScannedJob& job) {
      EXPECT_TRUE(paths.insert(job.path()).second) << job.path() << " twice";
      return true;
    });
    return paths;
  }
  void scan(const std::function<bool(const ScannedJob&)>& visit) { scan_jobs(store_, visit, note_unreadable_); }
  std::size_t sweep(base::TimePoint before) { return sweep(before, before); }
  std::size_t sweep(base::TimePoint staged, base::TimePoint trashed) {
    return sweep_rubbish(store_, {.staged = staged, .trashed = trashed}, note_unreadable_, note_not_removed_, {});
  }
  base::TimePoint now() { return base::SystemClock().now(); }

  TempDir folder_;
  Store store_{folder_.path()};
  std::set<std::string> unreadable_;
  const OnUnreadable note_unreadable_ = [this](const std::string& path, const VolumeError&) {
    unreadable_.insert(path);
    return true;
  };
  std::vector<std::string> not_removed_;
  const OnNotRemoved note_not_removed_ = [this](const std::string& path, const VolumeError& error) {
    not_removed_.push_back(path + ": " + error.what());
  };
};

TEST_F(StoreScanTest, FindsTheJobsOfAllTenants) {
  EXPECT_TRUE(scanned().empty()) << "a new volume";
  publish(kNorth, "job-1");
  publish(kNorth, "job-2");
  publish(kSouth, "job-1");
  write_file(folder_ / "tenants/acme/Tutorial/north/jobs/README", "somebody's");
  write_file(folder_ / "tenants/acme/Tutorial/north/jobs/Not an id/job.json", "{}");
  write_file(folder_ / "tenants/acme/stray", "x");
  const std::set<std::string> want = {layout::job(kNorth, "job-1"), layout::job(kNorth, "job-2"),
                                      layout::job(kSouth, "job-1")};
  EXPECT_EQ(scanned(), want);
}

TEST_F(StoreScanTest, FindsAThousandAndStopsWhenTold) {
  for (int i = 0; i < 1000; ++i) fs::create_directories(folder_ / (layout::jobs(kNorth) + "/job-" + std::to_string(i)));
  EXPECT_EQ(scanned().size(), 1000u);
  int seen = 0;
  scan([&](const ScannedJob&) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
}

TEST_F(StoreScanTest, ReportsTheContentOfAFolder) {
  publish(kNorth, "job-1");
  const auto look = [&](const auto& use) {
    scan([&](const ScannedJob& job) {
      use(job);
      return true;
    });
  };
  look([&](const ScannedJob& job) {
    EXPECT_FALSE(job.is_deleted());
    EXPECT_FALSE(job.has_record());
    EXPECT_LT(now() - *job.changed(), hours(1));
    EXPECT_EQ(job.read()->tenant, kNorth);
  });
  store_.mark_deleted(kNorth, "job-1");
  store_.write_status(kNorth, "job-1", {{"status", {{"phase", "Failed"}}}});
  look([&](const ScannedJob& job) {
    EXPECT_TRUE(job.is_deleted());
    EXPECT_TRUE(job.has_record());
  });
}

// Copied, moved or written by hand: job.json does not belong to this folder.
TEST_F(StoreScanTest, AFolderThatNamesAnotherJobIsCorrupt) {
  publish(kNorth, "job-1");
  const std::string file = vbrain::testing::read_file(folder_ / layout::job_file(kNorth, "job-1"));
  fs::remove_all(folder_ / layout::job(kNorth, "job-1"));
  for (const Tenant& tenant : {kNorth, kSouth}) {
    write_file(folder_ / layout::job_file(tenant, tenant == kNorth ? "job-2" : "job-1"), file);
  }
  write_file(folder_ / layout::job_file(kNorth, "job-3"), "{half");
  int spoilt = 0;
  scan([&](const ScannedJob& job) {
    EXPECT_THROW(job.read(), CorruptFile) << job.path();
    ++spoilt;
    return true;
  });
  EXPECT_EQ(spoilt, 3);
}

TEST_F(StoreScanTest, AFolderThatGoesAwayIsNoError) {
  publish(kNorth, "job-1");
  scan([&](const ScannedJob& job) {
    fs::remove_all(folder_ / job.path());
    EXPECT_FALSE(job.changed());
    EXPECT_FALSE(job.read());
    EXPECT_FALSE(job.is_deleted());
    return true;
  });
}

TEST_F(StoreScanTest, FilesWhereFoldersShouldBeHideNoOtherTenant) {
  for (const Tenant& tenant : {kNorth, kSouth, kEast}) publish(tenant, "job-1");
  write_file(folder_ / (layout::staging(kNorth) + "/old/f"), "x");
  write_file(folder_ / (layout::trash(kSouth) + "/old/f"), "x");
  write_file(folder_ / (layout::trash(kEast) + "/old/f"), "x");
  for (const std::string& path : {layout::jobs(kEast), layout::staging(kEast), layout::trash(kNorth)}) {
    fs::remove_all(folder_ / path);
    write_file(folder_ / path, "somebody's");
  }
  EXPECT_EQ(scanned(), (std::set<std::string>{layout::job(kNorth, "job-1"), layout::job(kSouth, "job-1")}));
  EXPECT_EQ(unreadable_, std::set<std::string>{"tenants/acme/Tutorial/east"});
  unreadable_.clear();
  EXPECT_EQ(sweep(now() + hours(1)), 3U);
  EXPECT_EQ(unreadable_, (std::set<std::string>{layout::staging(kEast), layout::trash(kNorth)}));
}

TEST_F(StoreScanTest, FoldersThatMayNotBeReadHideNoOthers) {
  const Tenant closed{"closed", "Tutorial", "north"};
  for (const Tenant& tenant : {kNorth, kSouth, kEast, closed}) {
    publish(tenant, "job-1");
    write_file(folder_ / (layout::trash(tenant) + "/old/f"), "x");
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    fs::permissions(entry.path(), fs::perms::all);
  }
  fs::permissions(folder_.path(), fs::perms::all);
  const std::string shut[] = {folder_ / "tenants/closed", folder_ / "tenants/acme/Tutorial/north",
                              folder_ / layout::trash(kEast)};
  for (const std::string& path : shut) fs::permissions(path, fs::perms::none);
  std::set<std::string> seen;
  std::size_t swept = 0;
  {
    const vbrain::testing::PodUser user;
    seen = scanned();
    swept = sweep(now() + hours(1));
  }
  for (const std::string& path : shut) fs::permissions(path, fs::perms::all);
  EXPECT_EQ(seen, (std::set<std::string>{layout::job(kSouth, "job-1"), layout::job(kEast, "job-1")}));
  EXPECT_EQ(swept, 1U);
  EXPECT_EQ(unreadable_,
            (std::set<std::string>{"tenants/closed", "tenants/acme/Tutorial/north", layout::trash(kEast)}));
}

TEST_F(StoreScanTest, AScanOfUnreadableFoldersEndsOnRequest) {
  for (const Tenant& tenant : {kNorth, kEast}) write_file(folder_ / layout::jobs(tenant), "somebody's");
  int told = 0;
  scan_jobs(
      store_, [](const ScannedJob&) { return true; },
      [&](const std::string&, const VolumeError&) { return ++told < 1; });
  EXPECT_EQ(told, 1);
}

TEST_F(StoreScanTest, SweepsFoldersThatAreNotWrittenAnyMore) {
  write_file(folder_ / (layout::staging(kNorth) + "/old/input/f"), "x");
  write_file(folder_ / (layout::trash(kSouth) + "/old/attempts/1/f"), "x");
  write_file(folder_ / "bin/.staging-x/runner", "x");
  write_file(folder_ / ".probe-x", "x");
  publish(kNorth, "job-1");
  const std::string repository = store_.publish_repository(store_.stage(kNorth), {}, now());
  EXPECT_EQ(sweep(now() - hours(1)), 0U) << "younger than that";
  EXPECT_EQ(sweep(now() + hours(1)), 4U);
  EXPECT_FALSE(fs::exists(folder_ / (layout::staging(kNorth) + "/old")));
  EXPECT_FALSE(fs::exists(folder_ / (layout::trash(kSouth) + "/old")));
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
  EXPECT_TRUE(store_.has_repository(kNorth, repository));
}

TEST_F(StoreScanTest, AStoppedSweepRemovesNothingMore) {
  write_file(folder_ / (layout::trash(kNorth) + "/old/f"), "x");
  write_file(folder_ / layout::staging(kNorth), "its trash comes next");
  std::stop_source stop;
  const auto told_in_the_middle = [&](const std::string&, const VolumeError&) {
    stop.request_stop();
    return true;
  };
  EXPECT_EQ(sweep_rubbish(store_, {now() + hours(1), now() + hours(1)}, told_in_the_middle, note_not_removed_,
                          stop.get_token()),
            0U);
  EXPECT_TRUE(stop.stop_requested());
  EXPECT_TRUE(fs::exists(folder_ / (layout::trash(kNorth) + "/old/f")));
}

TEST_F(StoreScanTest, SweepsTheTrashSoonAndStagedFoldersLate) {
  write_file(folder_ / (layout::staging(kNorth) + "/upload/f"), "x");
  write_file(folder_ / (layout::trash(kNorth) + "/job-1-x/f"), "x");
  EXPECT_EQ(sweep(now() - hours(1), now() + hours(1)), 1U);
  EXPECT_TRUE(fs::exists(folder_ / (layout::staging(kNorth) + "/upload/f")));
  EXPECT_FALSE(fs::exists(folder_ / (layout::trash(kNorth) + "/job-1-x")));
}

// An application may have removed rights from its own folders. The owner restores them; vBrain's pods own the folders
// of jobs with the default user. Folders of other users are reported each time, and the rest is removed.
TEST_F(StoreScanTest, SweepsFoldersWhoseRightsApplicationsRemoved) {
  using vbrain::testing::PodUser;
  fs::permissions(folder_.path(), fs::perms::all);
  {
    const PodUser application;
    write_file(folder_ / (layout::trash(kNorth) + "/job-1-x/attempts/1/logs/f"), "x");
    write_file(folder_ / (layout::trash(kNorth) + "/job-2-x/attempts/1/logs/f"), "x");
    for (const char* name : {"/job-1-x/attempts/1/logs", "/job-1-x/attempts/1"}) {
      fs::permissions(folder_ / (layout::trash(kNorth) + name), fs::perms::none);
    }
  }
  const PodUser user;
  EXPECT_EQ(sweep(now() + hours(1)), 2U);
  EXPECT_TRUE(fs::is_empty(folder_ / layout::trash(kNorth)));
  EXPECT_THAT(not_removed_, ::testing::IsEmpty());
}

TEST_F(StoreScanTest, ReportsEntriesThatCannotBeRemovedAndTriesAgain) {
  using vbrain::testing::PodUser;
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  fs::permissions(folder_.path(), fs::perms::all);
  const std::string trash = layout::trash(kNorth);
  {
    const PodUser user;
    store_.root().make(trash + "/job-1-x/attempts/1");
    store_.root().make(trash + "/job-2-x");
  }
  // It belongs to the volume's group, like all folders.
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
    fs::permissions(entry.path(), fs::perms::all);
  const std::string shut = folder_ / (trash + "/job-1-x/attempts/1/d");
  {
    const PodUser application(vbrain::testing::kOtherUser);
    write_file(shut + "/f", "x");
    fs::permissions(shut, fs::perms::none);
  }
  {
    const PodUser user;
    EXPECT_EQ(sweep(now() + hours(1)), 1U);
    EXPECT_EQ(sweep(now() + hours(1)), 0U);
  }
  const std::string want = trash + ": open folder job-1-x/attempts/1/d: Permission denied";
  EXPECT_THAT(not_removed_, ::testing::ElementsAre(want, want));
  fs::permissions(shut, fs::perms::all);
  const PodUser user;
  EXPECT_EQ(sweep(now() + hours(1)), 1U) << "once it can be";
}

TEST_F(StoreScanTest, RemovesIndexEntriesOfJobsThatNeverCame) {
  JobFile file;
  file.tenant = kNorth;
  file.repository_id = store_.publish_repository(store_.stage(kNorth), {.repository_id = {}}, now());
  file.job_id = "job-1";
  ASSERT_TRUE(store_.publish_job(file));
  // A crash after the entry and before the folder.
  write_file(folder_ / layout::marker(kNorth, file.repository_id, "job-2"), "");
  const auto sweep_before = [&](base::TimePoint before) { return sweep_markers(store_, before, note_unreadable_, {}); };
  EXPECT_EQ(sweep_before(now() - hours(1)), 0U) << "its job may come yet";
  EXPECT_EQ(sweep_before(now() + hours(1)), 1U);
  EXPECT_EQ(*store_.index_of(kNorth, file.repository_id), std::vector<std::string>{"job-1"});
  EXPECT_EQ(sweep_before(now() + hours(1)), 0U);
  write_file(folder_ / (layout::repository(kSouth, "202601020304050000") + "/jobs"), "no folder");
  store_.remove_job(kNorth, "job-1", {});
  EXPECT_EQ(sweep_before(now() + hours(1)), 1U) << "also after a crash between removing the folder and the entry";
  EXPECT_EQ(unreadable_, std::set<std::string>{layout::repository(kSouth, "202601020304050000")});
}

// An upload of many hours: its folder is old, its file grows.
TEST_F(StoreScanTest, AFreshFileDeepInsideKeepsTheWhole) {
  write_file(folder_ / (layout::staging(kNorth) + "/upload/input/a/b/f"), "x");
  const auto old = fs::file_time_type::clock::now() + hours(3);
  fs::last_write_time(folder_ / (layout::staging(kNorth) + "/upload/input/a/b/f"), old);
  EXPECT_EQ(sweep(now() + hours(1)), 0U);
  EXPECT_EQ(sweep(now() + hours(4)), 1U);
}

}  // namespace
}  // namespace vbrain::artifacts
