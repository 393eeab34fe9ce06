#include "unit/controller/space/offboarding_world.hpp"

#include <utility>

namespace vbrain::controller {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Kind = kube::ReconcileResult::Kind;

TEST_F(OffboardingTest, ATenantThatWasMadeAnewKeepsItsFiles) {
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter);
  // etcd was restored to the time of the deletion.
  set_written(1h);
  clock_.advance(30s);
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, AClientOfTheTenantThatComesDuringAPurgeKeepsTheFiles) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  EXPECT_TRUE(kube_.patch(job::Job::kType, "vbrain", "job-1", {{"metadata", {{"finalizers", nullptr}}}}));
  // Between the look at the Clients and the list of Jobs.
  bool came = false;
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    const bool lists_jobs = request.method == "GET" && request.target.starts_with(std::string(kJobs) + "?");
    if (lists_jobs && !std::exchange(came, true)) put_client("north-2", "north");
    return std::nullopt;
  });
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(came);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, APurgeThatWaitsAsksLessAndLessOften) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 6; ++i) {
    sync();
    waits.push_back(offboarding_.reconcile("north", {}).delay.count());
  }
  EXPECT_THAT(waits, ::testing::ElementsAre(2'000, 4'000, 8'000, 16'000, 30'000, 30'000));
}

TEST_F(OffboardingTest, APurgeGoesOnAfterACrash) {
  reconcile();
  remove();
  store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; });
  EXPECT_EQ(settle(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, StrayFilesHoldUpNoPurge) {
  const std::filesystem::path folder = std::filesystem::path(folder_.path()) / artifacts::layout::tenant(kNorth);
  for (const char* kind : {"jobs", "repositories"}) {
    vbrain::testing::write_file(folder / kind / ".DS_Store", "junk");
    vbrain::testing::write_file(folder / kind / "3d3c0b4e-2b1c-4a53-9a53-0c7cb2d7a011", "junk");
    std::filesystem::create_symlink("/nowhere", folder / kind / "link");
  }
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(store_.has_job(kNorth, "job-1"));
}

TEST_F(OffboardingTest, APassDeletesFewJobsAndLooksAnew) {
  for (const char* id : {"job-3", "job-4", "job-5"}) put_job(id, "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  const auto deleted = [&] {
    int count = 0;
    for (const char* id : {"job-3", "job-4", "job-5"})
      count += resource(id).at("metadata").contains("deletionTimestamp");
    return count;
  };
  EXPECT_EQ(deleted(), 2);
  put_client("north-2", "north");
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_EQ(deleted(), 2);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(store_.has_job(kNorth, "job-1"));
  ASSERT_EQ(told("NotPurged").size(), 1U);
  EXPECT_THAT(told("NotPurged")[0], ::testing::HasSubstr("2 of its Jobs were deleted"));
}

TEST_F(OffboardingTest, WhatIsPublishedDuringThePurgeGoesToo) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  set_written(1h);
  EXPECT_TRUE(kube_.patch(job::Job::kType, "vbrain", "job-1", {{"metadata", {{"finalizers", nullptr}}}}));
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(has_files(kNorth));
}

TEST_F(OffboardingTest, FoldersOfANewTenantOfThisNameStay) {
  const artifacts::Store::TenantFolders before = store_.tenant_folders(kNorth);
  const auto go_on = [] { return true; };
  for (const std::string& name : store_.trash_tenant(kNorth, before, go_on)) store_.purge(kNorth, name);
  store_.remove_empty_tenant(kNorth);
  publish(kSouth, "job-6");
  publish(kNorth, "job-7");
  artifacts::Store::TenantFolders stale = store_.tenant_folders(kNorth);
  ++*stale.jobs;
  ++*stale.repositories;
  EXPECT_THAT(store_.trash_tenant(kNorth, stale, go_on), ::testing::IsEmpty());
  EXPECT_TRUE(store_.has_job(kNorth, "job-7"));
  EXPECT_THAT(store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return false; }), ::testing::IsEmpty());
}

TEST_F(OffboardingTest, AFailedReleaseOfALiveClientBeginsNoDeletion) {
  reconcile();
  EXPECT_TRUE(kube_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "PATCH") return kube::Error{.code = kube::ErrorCode::kConflict, .message = "-"};
    return std::nullopt;
  });
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  api_.set_before({});
  put_client("north", "north", "confirm");
  reconcile();
  ASSERT_TRUE(is_held());
  clock_.advance(24h);
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter) << "an uninstallation may show only now";
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, APurgeThatWaitsLongSaysForWhat) {
  put_job("job-1", "north");
  reconcile();
  remove();
  settle();
  for (int i = 0; i < 6; ++i) reconcile();
  ASSERT_EQ(told("PurgeWaits").size(), 1U);
  EXPECT_THAT(told("PurgeWaits")[0], ::testing::HasSubstr("1 Jobs that are being deleted, among them job-1"));
}

TEST_F(OffboardingTest, ARefusedDeletionOfAJobIsTold) {
  put_job("job-1", "north");
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter);
  clock_.advance(30s);
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "DELETE")
      return kube::Error{.code = kube::ErrorCode::kForbidden, .message = "a webhook says no"};
    return std::nullopt;
  });
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  api_.set_before({});
  ASSERT_EQ(told("PurgeWaits").size(), 1U);
  EXPECT_THAT(told("PurgeWaits")[0], ::testing::HasSubstr("a webhook says no"));
}

}  // namespace
}  // namespace vbrain::controller
