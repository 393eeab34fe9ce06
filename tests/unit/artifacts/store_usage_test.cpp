#include "artifacts/scans/store_usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>

#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

const Tenant kNorth{"acme", "Tutorial", "north"};
const Tenant kOdd{"a/b", "Tutorial", "..\u00e9"};

// Later than all times of files.
const base::TimePoint kNow = base::TimePoint::max();

class StoreUsageTest : public ::testing::Test {
 protected:
  void publish_job(const std::string& id, const std::string& repository = {}) {
    JobFile file;
    file.job_id = id;
    file.tenant = kNorth;
    file.repository_id = repository;
    ASSERT_TRUE(store_.publish_job(file));
  }
  std::string publish_repository() {
    return store_.publish_repository(store_.stage(kNorth), {}, base::SystemClock().now());
  }
  fs::path at(const std::string& path) { return fs::path(folder_.path()) / path; }
  void each_tenant(const std::function<void(const ScannedTenant&)>& visit) {
    scan_tenants(
        store_,
        [&](const ScannedTenant& tenant) {
          visit(tenant);
          return true;
        },
        on_unreadable_);
  }
  std::map<std::string, TreeSize> job_sizes() {
    std::map<std::string, TreeSize> sizes;
    each_tenant([&](const ScannedTenant& tenant) {
      tenant.each_job(
          [&](const ScannedJob& job, const TreeSize& size) {
            sizes[job.id()] = size;
            return true;
          },
          on_unreadable_);
    });
    return sizes;
  }
  std::vector<ScannedRepository> repositories() {
    std::vector<ScannedRepository> found;
    each_tenant([&](const ScannedTenant& tenant) {
      tenant.each_repository(
          [&](const ScannedRepository& repository) {
            found.push_back(repository);
            return true;
          },
          on_unreadable_);
    });
    return found;
  }

  TempDir folder_;
  Store store_{folder_.path()};
  const OnUnreadable on_unreadable_ = [](const std::string& path, const VolumeError& error) {
    ADD_FAILURE() << path << ": " << error.what();
    return true;
  };
};

TEST_F(StoreUsageTest, TheTenantOfAPathIsTheOneThatHasIt) {
  for (const Tenant& tenant : {kNorth, kOdd, Tenant{".", "..", "a%2Fb c"}}) {
    EXPECT_EQ(layout::tenant_of(layout::tenant(tenant)), tenant) << layout::tenant(tenant);
  }
  const Tenant long_name{std::string(255, '/'), "Tutorial", "north"};
  EXPECT_EQ(layout::tenant_of(layout::tenant(long_name)), std::nullopt);
  for (const char* path : {"", "tenants", "tenants/a/b", "tenants/a/b/c/d", "tenants/a//c", "tenants/.a/b/c",
                           "tenants/a/b/%2g", "tenants/a/b/%41", "jobs/a/b/c"}) {
    EXPECT_EQ(layout::tenant_of(path), std::nullopt) << path;
  }
}

TEST_F(StoreUsageTest, AJobCountsWithAllItsFiles) {
  publish_job("job-1");
  const TreeSize before = job_sizes().at("job-1");
  EXPECT_EQ(before.files, 1U);  // job.json
  store_.create_attempt(kNorth, "job-1", 1);
  write_file(at(layout::attempt(kNorth, "job-1", 1)) / "logs" / "stdout.log", std::string(1000, 'x'));
  const TreeSize after = job_sizes().at("job-1");
  EXPECT_EQ(after.files, 2U);
  EXPECT_LE(after.bytes, before.bytes + 1000);
  EXPECT_GT(after.bytes, before.bytes);
}

TEST_F(StoreUsageTest, AFileWithHolesCountsWithWhatItTakes) {
  publish_job("job-1");
  const fs::path file = at(layout::job(kNorth, "job-1")) / "sparse";
  write_file(file, "x");
  fs::resize_file(file, 1ULL << 40);
  EXPECT_LT(job_sizes().at("job-1").bytes, 1ULL << 30);
}

TEST_F(StoreUsageTest, LinksAreNotFollowed) {
  publish_job("job-1");
  const TreeSize before = job_sizes().at("job-1");
  write_file(at("outside"), std::string(5000, 'x'));
  fs::create_symlink(at("outside"), at(layout::job(kNorth, "job-1")) / "link");
  fs::create_directory_symlink(folder_.path(), at(layout::job(kNorth, "job-1")) / "loop");
  EXPECT_EQ(job_sizes().at("job-1"), before);
}

TEST_F(StoreUsageTest, ARepositoryIsUsedWhileItsIndexNamesAJob) {
  const std::string id = publish_repository();
  ASSERT_THAT(repositories(), ::testing::SizeIs(1));
  EXPECT_FALSE(repositories()[0].used);
  publish_job("job-1", id);
  EXPECT_TRUE(repositories()[0].used);
  EXPECT_EQ(store_.trash_unused_repository(kNorth, id, kNow), std::nullopt);
  EXPECT_TRUE(store_.has_repository(kNorth, id));
  store_.remove_job(kNorth, "job-1", id);
  EXPECT_FALSE(repositories()[0].used);
  EXPECT_TRUE(store_.trash_unused_repository(kNorth, id, kNow));
  EXPECT_FALSE(store_.has_repository(kNorth, id));
  EXPECT_THAT(repositories(), ::testing::IsEmpty());
}

TEST_F(StoreUsageTest, TheRemovalOfAnUnusedRepositoryGoesOnAfterACrash) {
  const std::string id = publish_repository();
  fs::remove(at(layout::markers(kNorth, id)));
  EXPECT_FALSE(repositories()[0].half_removed) << "a copy without empty folders";
  write_file(at(layout::repository(kNorth, id)) / "unused", "");
  EXPECT_TRUE(repositories()[0].half_removed);
  JobFile file;
  file.job_id = "job-1";
  file.tenant = kNorth;
  file.repository_id = id;
  const auto published = store_.publish_job(file);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error(), PublishError::kNoRepository);
  EXPECT_TRUE(store_.trash_unused_repository(kNorth, id, kNow));
  EXPECT_FALSE(store_.has_repository(kNorth, id));
}

TEST_F(StoreUsageTest, ARepositoryThatIsUsedKeepsNoMarkOfItsRemoval) {
  const std::string id = publish_repository();
  publish_job("job-1", id);
  EXPECT_FALSE(store_.trash_unused_repository(kNorth, id, kNow));
  EXPECT_FALSE(fs::exists(at(layout::repository(kNorth, id)) / "unused"));
}

TEST_F(StoreUsageTest, AnUploadForARepositoryBeginsItsTimeAnew) {
  const std::string id = publish_repository();
  const fs::path index = at(layout::markers(kNorth, id));
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(100);
  fs::last_write_time(index, long_ago);
  EXPECT_TRUE(store_.hold_repository(kNorth, id));
  EXPECT_GT(fs::last_write_time(index), long_ago + std::chrono::hours(99));
  EXPECT_FALSE(store_.hold_repository(kNorth, "202009231629398695"));
}

// The look at it was long ago, and an upload has begun since then.
TEST_F(StoreUsageTest, ARepositoryThatWasUsedSinceItWasLookedAtStays) {
  const std::string id = publish_repository();
  const base::TimePoint looked_at = repositories()[0].changed;
  const auto later = fs::file_time_type::clock::now() + std::chrono::hours(1);
  fs::last_write_time(at(layout::markers(kNorth, id)), later);
  EXPECT_EQ(store_.trash_unused_repository(kNorth, id, looked_at), std::nullopt);
  EXPECT_TRUE(store_.has_repository(kNorth, id));
  EXPECT_FALSE(fs::exists(at(layout::repository(kNorth, id)) / "unused"));
}

TEST_F(StoreUsageTest, AMeasurementEndsInTheMiddleOfAJob) {
  publish_job("job-1");
  for (int i = 0; i < 100; ++i) write_file(at(layout::job(kNorth, "job-1")) / ("file-" + std::to_string(i)), "x");
  int files = 0;
  bool visited = false;
  each_tenant([&](const ScannedTenant& tenant) {
    const auto visit = [&](const ScannedJob&, const TreeSize&) { return visited = true; };
    EXPECT_FALSE(tenant.each_job(visit, on_unreadable_, [&] { return ++files < 10; }));
  });
  EXPECT_EQ(files, 10);
  EXPECT_FALSE(visited);
}

TEST_F(StoreUsageTest, ATenantChangesWithWhatIsPublishedAndRemoved) {
  const auto changed = [&] {
    base::TimePoint time{};
    each_tenant([&](const ScannedTenant& tenant) { time = tenant.changed(); });
    return time;
  };
  publish_job("job-1");
  const auto first = changed();
  EXPECT_GT(first, base::TimePoint{});
  store_.create_attempt(kNorth, "job-1", 1);
  EXPECT_EQ(changed(), first);
  const fs::path jobs = at(layout::jobs(kNorth));
  fs::last_write_time(jobs, fs::last_write_time(jobs) + std::chrono::hours(1));
  EXPECT_GT(changed(), first);
}

TEST_F(StoreUsageTest, WhatWasPublishedAfterATimeIsFound) {
  const std::string id = publish_repository();
  publish_job("job-1", id);
  const auto now = base::SystemClock().now();
  EXPECT_FALSE(find_published_after(store_, kNorth, now + std::chrono::hours(1), [] {}));
  EXPECT_EQ(find_published_after(store_, kNorth, now - std::chrono::hours(1), [] {}), layout::job(kNorth, "job-1"));
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(100);
  fs::last_write_time(at(layout::job_file(kNorth, "job-1")), long_ago);
  EXPECT_EQ(find_published_after(store_, kNorth, now - std::chrono::hours(1), [] {}), layout::repository(kNorth, id));
  EXPECT_FALSE(find_published_after(store_, kOdd, base::TimePoint{}, [] {}));
}

TEST_F(StoreUsageTest, ATenantIsRemovedAsAWhole) {
  const std::string id = publish_repository();
  publish_job("job-1", id);
  Staging upload = store_.stage(kNorth);
  upload.input();
  const auto moved = store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; });
  EXPECT_EQ(moved.size(), 3U) << "repositories, jobs and the upload";
  EXPECT_FALSE(store_.has_repository(kNorth, id));
  EXPECT_FALSE(store_.has_job(kNorth, "job-1"));
  // The upload that went on is not published.
  EXPECT_THROW(store_.publish_repository(std::move(upload), {}, base::SystemClock().now()), VolumeError);
  store_.remove_empty_tenant(kNorth);
  EXPECT_TRUE(fs::exists(at(layout::tenant(kNorth)))) << "it still has its trash";
  for (const std::string& name : moved) store_.purge(kNorth, name);
  EXPECT_EQ(store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; }).size(), 1U)
      << "the upload has made the folder of repositories again";
}

TEST_F(StoreUsageTest, TheFolderOfATenantGoesWhenItIsEmpty) {
  publish_job("job-1", publish_repository());
  for (const std::string& name : store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; }))
    store_.purge(kNorth, name);
  store_.remove_empty_tenant(kNorth);
  EXPECT_FALSE(fs::exists(at(layout::tenant(kNorth))));
  store_.remove_empty_tenant(kNorth);
  EXPECT_THAT(store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; }), ElementsAre());
}

}  // namespace
}  // namespace vbrain::artifacts
