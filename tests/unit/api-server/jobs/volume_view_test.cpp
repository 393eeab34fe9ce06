#include "api-server/jobs/volume_view.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api-server/lists/id_lists.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::World;

class VolumeViewTest : public ::testing::Test {
 protected:
  // Publishes a job of `repository` and returns its id.
  std::string publish(const std::string& repository) {
    artifacts::JobFile file;
    char id[48];
    std::snprintf(id, sizeof id, "01939c3e-7a61-7c0e-9f7e-%012d", ++count_);
    file.job_id = id;
    file.tenant = World::tenant();
    file.repository_id = repository;
    file.metadata = R"({"name":"n"})";
    EXPECT_TRUE(world_.volume->publish_job(file));
    return file.job_id;
  }
  std::string make_repository() {
    return world_.volume->publish_repository(world_.volume->stage(World::tenant()), {}, world_.clock.now());
  }
  // Makes a folder look unchanged for years, so that the view trusts its times.
  void age(const std::string& path) {
    const timespec old[2] = {{1'000'000'000, ++age_}, {1'000'000'000, age_}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (world_.root + "/" + path).c_str(), old, 0), 0) << path;
  }
  void age_job(const std::string& id) { age(artifacts::layout::job(World::tenant(), id)); }
  void age_list(const std::string& repository) { age(artifacts::layout::markers(World::tenant(), repository)); }

  std::shared_ptr<const StoredJob> job(const std::string& id) { return world_.view->job(World::tenant(), id); }
  // Null: there is no such repository.
  std::shared_ptr<const std::string> job_list(std::string_view repository) {
    const auto listed = world_.view->lists().jobs(World::tenant(), repository, Effort::kLong);
    EXPECT_FALSE(listed.too_large);
    if (listed.ids == nullptr) return nullptr;
    std::string text;
    for (const std::string_view piece : pieces_of(*listed.ids)) text.append(piece);
    return std::make_shared<const std::string>(std::move(text));
  }
  std::string list(const std::string& repository) { return *job_list(repository); }

  World world_;
  int count_ = 0;
  long age_ = 0;
};

TEST_F(VolumeViewTest, RemembersAJobAndForgetsItWhenSomebodyElseDeletesIt) {
  const std::string repository = make_repository();
  for (const bool old : {false, true}) {
    const std::string id = publish(repository);
    if (old) age_job(id);
    const auto first = job(id);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(job(id), first) << "read once";
    artifacts::Store other(world_.root);
    other.mark_deleted(World::tenant(), id);
    EXPECT_EQ(job(id), nullptr);
    other.remove_job(World::tenant(), id, repository);
    EXPECT_EQ(job(id), nullptr);
  }
}

// Two changes within one tick of the file system's clock have the same time.
TEST_F(VolumeViewTest, DoesNotTrustTheTimesOfYoungFolders) {
  const std::string repository = make_repository();
  const std::string id = publish(repository);
  const auto unchanged_time = [&](const std::string& path, auto change) {
    struct stat before {};
    ASSERT_EQ(::stat((world_.root + "/" + path).c_str(), &before), 0);
    change();
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, (world_.root + "/" + path).c_str(), times, 0), 0);
  };
  EXPECT_EQ(list(repository), "[\"" + id + "\"]");
  std::string second;
  unchanged_time(artifacts::layout::markers(World::tenant(), repository), [&] { second = publish(repository); });
  EXPECT_EQ(list(repository), "[\"" + id + "\",\"" + second + "\"]");
  ASSERT_NE(job(id), nullptr);
  unchanged_time(artifacts::layout::job(World::tenant(), id),
                 [&] { world_.volume->mark_deleted(World::tenant(), id); });
  EXPECT_EQ(job(id), nullptr);
}

TEST_F(VolumeViewTest, ANewJobOfTheSameNameIsAnother) {
  const std::string repository = make_repository();
  const std::string id = publish(repository);
  age_job(id);
  const auto first = job(id);
  world_.volume->remove_job(World::tenant(), id, repository);
  artifacts::JobFile file;
  file.job_id = id;
  file.tenant = World::tenant();
  file.repository_id = repository;
  file.params = R"({"a":1})";
  // Keeps the old folder's inode number from being reused.
  const std::string other = publish(repository);
  ASSERT_TRUE(world_.volume->publish_job(file));
  ASSERT_NE(job(id), nullptr);
  EXPECT_EQ(job(id)->file.params, R"({"a":1})");
}

// ext4 may give a new folder the inode number of a removed one.
TEST_F(VolumeViewTest, ANewJobOfTheSameNameMayHaveTheOldFoldersInode) {
  const std::string repository = make_repository();
  for (const bool old : {false, true}) {
    const std::string id = publish(repository);
    if (old) age_job(id);
    ASSERT_NE(job(id), nullptr);
    artifacts::JobFile file = job(id)->file;
    file.params = R"({"a":1})";
    const std::string path = artifacts::layout::job_file(World::tenant(), id);
    world_.volume->root().write_file_durably(path, encode(file));
    ASSERT_NE(job(id), nullptr);
    EXPECT_EQ(job(id)->file.params, R"({"a":1})") << old;
  }
}

TEST_F(VolumeViewTest, ARecordIsReadOnceAndAgainWhenItIsReplaced) {
  const std::string id = publish(make_repository());
  const artifacts::Tenant tenant = World::tenant();
  const auto record = [&] { return world_.view->job_and_record(tenant, id).record; };
  const auto write = [&](const char* phase) {
    artifacts::Store(world_.root)
        .write_status(tenant, id, {{"metadata", {{"uid", "u"}}}, {"status", {{"phase", phase}, {"attempts", 1}}}});
  };
  EXPECT_EQ(record(), nullptr);
  for (const bool old : {false, true}) {
    write("Failed");
    if (old) age_job(id);
    const auto first = record();
    ASSERT_NE(first, nullptr) << old;
    EXPECT_EQ(first->uid, "u");
    EXPECT_EQ(first->status.phase, job::Phase::kFailed) << old;
    EXPECT_EQ(record(), first) << "read once";
    write("Finished");
    ASSERT_NE(record(), nullptr);
    EXPECT_EQ(record()->status.phase, job::Phase::kFinished) << old;
  }
  age_job(id);
  EXPECT_EQ(record()->status.phase, job::Phase::kFinished);
  const auto known = record();
  // The stamp of an old folder is enough: nothing in it is looked up.
  ASSERT_EQ(::truncate((world_.root + "/" + artifacts::layout::status_file(tenant, id)).c_str(), 0), 0);
  EXPECT_EQ(record(), known);
  world_.volume->mark_deleted(tenant, id);
  EXPECT_EQ(world_.view->job_and_record(tenant, id).job, nullptr);
}

TEST_F(VolumeViewTest, ListsFollowTheFolder) {
  const std::string repository = make_repository();
  EXPECT_EQ(list(repository), "[]");
  age_list(repository);
  EXPECT_EQ(list(repository), "[]");
  const std::string first = publish(repository);
  EXPECT_EQ(list(repository), "[\"" + first + "\"]");
  age_list(repository);
  EXPECT_EQ(list(repository), "[\"" + first + "\"]");
  const std::string second = publish(repository);
  EXPECT_EQ(list(repository), "[\"" + first + "\",\"" + second + "\"]");
  age_list(repository);
  list(repository);
  artifacts::Store(world_.root).remove_job(World::tenant(), first, repository);
  EXPECT_EQ(list(repository), "[\"" + second + "\"]");
  EXPECT_EQ(job_list("202009231629398695"), nullptr);
  EXPECT_EQ(job_list("../x"), nullptr);
}

TEST_F(VolumeViewTest, AListWithAJobOnItsWayIsNotRemembered) {
  const std::string repository = make_repository();
  const std::string id = "01939c3e-7a61-7c0e-9f7e-000000000001";
  ASSERT_TRUE(world_.volume->root().create_file(artifacts::layout::marker(World::tenant(), repository, id)));
  age_list(repository);
  EXPECT_EQ(list(repository), "[]");
  ASSERT_EQ(publish(repository), id);
  // The marker existed before, so the folder of markers looks unchanged.
  EXPECT_EQ(list(repository), "[\"" + id + "\"]");
}

TEST_F(VolumeViewTest, JobsBeingDeletedLeaveTheListsAtOnce) {
  const std::string repository = make_repository();
  const std::string id = publish(repository);
  age_list(repository);
  EXPECT_EQ(list(repository), "[\"" + id + "\"]");
  auto resource = std::make_shared<job::Job>();
  resource->meta.name = id;
  resource->meta.deletion_timestamp = world_.clock.now();
  const artifacts::Tenant tenant = World::tenant();
  // Another tenant's Job with this name has no effect.
  resource->spec.organization_id = tenant.organization + "x";
  resource->spec.application_id = tenant.application;
  resource->spec.client_id = tenant.client;
  resource->spec.repository_id = repository;
  world_.jobs.put(id, std::make_shared<job::Job>(*resource));
  EXPECT_EQ(list(repository), "[\"" + id + "\"]");
  resource->spec.organization_id = tenant.organization;
  world_.jobs.put(id, resource);
  EXPECT_EQ(list(repository), "[]");
}

TEST_F(VolumeViewTest, MemoryIsBounded) {
  const std::string repository = make_repository();
  VolumeView small(*world_.volume, world_.jobs, world_.clock, *world_.json_budget, 8192);
  std::vector<std::string> ids;
  std::weak_ptr<const StoredJob> first;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(publish(repository));
    const auto stored = small.job(World::tenant(), ids.back());
    if (i == 0) first = stored;
  }
  EXPECT_TRUE(first.expired());
  for (const std::string& id : ids) EXPECT_NE(small.job(World::tenant(), id), nullptr);
}

}  // namespace
}  // namespace vbrain::api
