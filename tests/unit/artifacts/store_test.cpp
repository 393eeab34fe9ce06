#include "artifacts/store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "artifacts/archive/archive_reader.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using vbrain::testing::count_below;
using vbrain::testing::mode_of;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

const base::TimePoint kTime = *base::parse_rfc3339("2026-01-02T03:04:05Z");
const Tenant kTenant{"acme", "Operações", "north"};

std::vector<std::string> names_in_zip(int fd) {
  const auto listing = inspect(fd);
  std::vector<std::string> names;
  if (!listing) return {listing.error().reason};
  for (const auto& entry : listing->entries) names.push_back(entry.name);
  return names;
}

ArchiveWriter::Sink into(const Fd& file) {
  return [fd = file.get()](std::string_view bytes) { write_all(fd, bytes); };
}

class StoreTest : public ::testing::Test {
 protected:
  std::string repository(const std::string& params = "{}") {
    return store.publish_repository(store.stage(kTenant), {.created_by = "ana", .params = params}, kTime);
  }
  static JobFile job(const std::string& repository_id, const std::string& id = "job-1") {
    return {.job_id = id, .tenant = kTenant, .repository_id = repository_id, .created_on = kTime, .created_by = "ana"};
  }
  std::string below(const std::string& path) const { return temp / path; }

  TempDir temp;
  Store store{temp.path()};
};

// The server must not accept a job that its readers would refuse forever.
TEST_F(StoreTest, DoesNotPublishUnreadableFiles) {
  const std::string id = repository();
  const std::vector<InputFile> large(66'000, {std::string(1'000, 'n'), 4, std::string(64, 'a')});
  const std::vector<InputFile> many(600'000, {"n", 4, std::string(64, 'a')});
  for (const std::vector<InputFile>* input : {&large, &many}) {
    EXPECT_THROW(store.publish_repository(store.stage(kTenant), {.input = *input}, kTime), TooLarge);
    JobFile file = job(id);
    file.input = *input;
    EXPECT_THROW(static_cast<void>(store.publish_job(file)), TooLarge);
  }
  EXPECT_THAT(store.repositories(kTenant), ElementsAre(id));
  EXPECT_FALSE(store.has_job(kTenant, "job-1"));
  EXPECT_THAT(*store.index_of(kTenant, id), IsEmpty());
  EXPECT_EQ(count_below(below(layout::staging(kTenant))), 0U);
}

TEST_F(StoreTest, PublishesARepositoryWithInput) {
  Staging staging = store.stage(kTenant);
  staging.input().make_new("d");
  write_all(staging.input().create_file("d/a.csv")->get(), "1,2\n");
  const std::string id = store.publish_repository(
      std::move(staging), {.created_by = "ana", .input = {{"d/a.csv", 4, std::string(64, 'a')}}}, kTime);
  EXPECT_TRUE(is_repository_id(id)) << id;
  EXPECT_TRUE(id.starts_with("20260102030405")) << id;
  const auto file = store.read_repository(kTenant, id);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->repository_id, id);
  EXPECT_EQ(read_file(below(layout::repository_input(kTenant, id) + "/d/a.csv")), "1,2\n");
  EXPECT_EQ(mode_of(below(layout::repository(kTenant, id))), 02770U);
  EXPECT_EQ(mode_of(below(layout::repository_file(kTenant, id))), 0660U);
  EXPECT_THAT(store.repositories(kTenant), ElementsAre(id));
  EXPECT_EQ(count_below(below(layout::staging(kTenant))), 0U);
  EXPECT_FALSE(
      store.read_repository(kTenant, "202601020304050000" == id ? "202601020304050001" : "202601020304050000"));
  EXPECT_FALSE(store.read_repository({"acme", "Operações", "south"}, id)) << "another tenant's is absent";
}

TEST_F(StoreTest, RepositoryIdsOfOneSecondAreDifferent) {
  std::set<std::string> ids;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const std::string id = repository();
        const std::lock_guard lock(mutex);
        ids.insert(id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), 100U);
  for (const auto& id : ids) EXPECT_EQ(store.read_repository(kTenant, id)->repository_id, id);
}

TEST_F(StoreTest, PublishesAJobAsAFolderAndAMarker) {
  const std::string id = repository();
  JobFile file = job(id);
  file.params = R"({"a":1.50})";
  ASSERT_TRUE(store.publish_job(file));
  EXPECT_EQ(*store.read_job(kTenant, "job-1"), file);
  EXPECT_EQ(count_below(below(layout::job(kTenant, "job-1"))), 4U) << "job.json and the folders of an attempt";
  EXPECT_EQ(fs::file_size(below(layout::marker(kTenant, id, "job-1"))), 0U);
  EXPECT_EQ(count_below(below(layout::staging(kTenant))), 0U);
  EXPECT_THAT(*store.jobs_of(kTenant, id), ElementsAre("job-1"));
  EXPECT_EQ(store.publish_job(file).error(), PublishError::kTaken);
  EXPECT_EQ(*store.read_job(kTenant, "job-1"), file) << "the first stays";
  EXPECT_EQ(count_below(below(layout::staging(kTenant))), 0U);
}

TEST_F(StoreTest, OneOfManyPublishersOfAnIdWins) {
  const std::string id = repository();
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> published = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { published += store.publish_job(job(id, "job-" + std::to_string(round))) ? 1 : 0; });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(published, 1);
  }
  EXPECT_EQ(count_below(below(layout::staging(kTenant))), 0U);
}

TEST_F(StoreTest, AJobNeedsItsRepository) {
  EXPECT_EQ(store.publish_job(job("202601020304050000")).error(), PublishError::kNoRepository);
  EXPECT_FALSE(store.has_job(kTenant, "job-1"));
  EXPECT_EQ(store.jobs_of(kTenant, "202601020304050000"), std::nullopt);
  EXPECT_TRUE(store.publish_job(job(""))) << "a job made with kubectl may have none";
  EXPECT_TRUE(store.read_job(kTenant, "job-1"));
}

TEST_F(StoreTest, OverlaysTheRepositorysInput) {
  Staging staging = store.stage(kTenant);
  for (const char* name : {"both.csv", "old.csv"}) {
    write_all(staging.input().create_file(name)->get(), std::string("repository's ") + name);
  }
  staging.input().make_new("d");
  write_all(staging.input().create_file("d/deep.csv")->get(), "deep");
  const std::string hash(64, 'a');
  const std::string id = store.publish_repository(
      std::move(staging),
      {.created_by = "ana", .input = {{"both.csv", 21, hash}, {"old.csv", 20, hash}, {"d/deep.csv", 4, hash}}}, kTime);

  Staging own = store.stage(kTenant);
  write_all(own.input().create_file("both.csv")->get(), "job's");
  JobFile file = job(id);
  file.input_from = JobFile::InputFrom::kJob;
  file.input = *store.overlay_repository_input(own, id, {{"both.csv", 5, hash}});
  ASSERT_TRUE(store.publish_job(std::move(own), file));
  const std::string input = layout::job_input(kTenant, "job-1");
  EXPECT_EQ(read_file(below(input + "/both.csv")), "job's");
  EXPECT_EQ(read_file(below(input + "/old.csv")), "repository's old.csv");
  EXPECT_EQ(read_file(below(input + "/d/deep.csv")), "deep");
  EXPECT_EQ(store.read_job(kTenant, "job-1")->input.size(), 3U);
  EXPECT_EQ(read_file(below(layout::repository_input(kTenant, id) + "/both.csv")), "repository's both.csv");
  Staging none = store.stage(kTenant);
  EXPECT_EQ(store.overlay_repository_input(none, "202601020304050000", {}), std::nullopt);

  const Fd zip(memfd_create("zip", 0));
  ASSERT_TRUE(store.write_input_zip(kTenant, id, into(zip)));
  EXPECT_THAT(names_in_zip(zip.get()), UnorderedElementsAre("both.csv", "old.csv", "d/deep.csv"));
}

TEST_F(StoreTest, AFileOfTheJobHidesAFolderOfTheRepository) {
  Staging staging = store.stage(kTenant);
  staging.input().make_new("d");
  staging.input().make_new("d/e");
  const std::string hash(64, 'a');
  for (const char* name : {"d/one", "d/e/two", "three"}) {
    write_all(staging.input().create_file(name)->get(), "x");
  }
  const std::string id = store.publish_repository(
      std::move(staging),
      {.created_by = "ana", .input = {{"d/one", 1, hash}, {"d/e/two", 1, hash}, {"three", 1, hash}}}, kTime);
  Staging own = store.stage(kTenant);
  write_all(own.input().create_file("d")->get(), "y");
  const auto all = store.overlay_repository_input(own, id, {{"d", 1, hash}});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->front().name, "three");
  EXPECT_EQ(all->back().name, "d");
}

TEST_F(StoreTest, StagedFoldersGoAwayUnpublished) {
  {
    Staging staging = store.stage(kTenant);
    write_all(staging.input().create_file("a")->get(), "x");
    EXPECT_GT(count_below(below(layout::staging(kTenant))), 0U);
    Staging moved = std::move(staging);
    moved = store.stage(kTenant);
  }
  EXPECT_EQ(count_below(below(layout::staging(kTenant))), 0U);
}

// A process that dies after k written bytes, for all k: a visible job is complete and listed.
TEST_F(StoreTest, ACrashAtAnyWriteLeavesNothingIncomplete) {
  const std::string id = repository();
  JobFile file = job(id);
  file.params = "{\"a\":\"" + std::string(2'000, 'x') + "\"}";
  int visible = 0, absent = 0;
  for (rlim_t limit = 0; limit < 2'600; limit += 100) {
    file.job_id = "job-" + std::to_string(limit);
    const pid_t child = fork();
    if (child == 0) {
      const rlimit size{limit, limit};  // writing beyond raises SIGXFSZ, whose default action kills
      setrlimit(RLIMIT_FSIZE, &size);
      static_cast<void>(store.publish_job(file));
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const auto read = store.read_job(kTenant, file.job_id);
    if (read) {
      EXPECT_EQ(*read, file);
      ++visible;
    } else {
      EXPECT_FALSE(store.has_job(kTenant, file.job_id)) << limit;
      ++absent;
    }
    const auto listed = *store.jobs_of(kTenant, id);
    EXPECT_EQ(std::count(listed.begin(), listed.end(), file.job_id), read ? 1 : 0);
  }
  EXPECT_GT(visible, 0);
  EXPECT_GT(absent, 0);
}

TEST_F(StoreTest, TheIndexHidesJobsWithoutAFolder) {
  const std::string id = repository();
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(store.publish_job(job(id, name)));
  write_file(below(layout::marker(kTenant, id, "crashed")), "");
  store.mark_deleted(kTenant, "b");
  store.mark_deleted(kTenant, "b");
  EXPECT_TRUE(store.is_deleted(kTenant, "b"));
  EXPECT_FALSE(store.is_deleted(kTenant, "a"));
  EXPECT_THAT(*store.jobs_of(kTenant, id), ElementsAre("a", "c"));
  EXPECT_THAT(*store.jobs_of(kTenant, id, [](std::string_view name) { return name > "a"; }), ElementsAre("c"));
}

TEST_F(StoreTest, RemovesJobs) {
  const std::string id = repository();
  ASSERT_TRUE(store.publish_job(job(id)));
  store.create_attempt(kTenant, "job-1", 1);
  EXPECT_TRUE(store.remove_job(kTenant, "job-1", id));
  EXPECT_FALSE(store.has_job(kTenant, "job-1"));
  EXPECT_FALSE(fs::exists(below(layout::marker(kTenant, id, "job-1"))));
  EXPECT_EQ(count_below(below(layout::trash(kTenant))), 0U);
  EXPECT_FALSE(store.remove_job(kTenant, "job-1", id)) << "repeatable";
  EXPECT_FALSE(store.remove_job(kTenant, "never", ""));
}

TEST_F(StoreTest, KeepsTheRecordOfATerminalJob) {
  ASSERT_TRUE(store.publish_job(job(repository())));
  EXPECT_EQ(store.read_status(kTenant, "job-1"), std::nullopt);
  const nlohmann::json record = {{"metadata", {{"name", "job-1"}}}, {"status", {{"phase", "Finished"}}}};
  store.write_status(kTenant, "job-1", record);
  EXPECT_EQ((*store.read_status(kTenant, "job-1"))["status"], record["status"]);
  EXPECT_EQ((*store.read_status(kTenant, "job-1"))["format"], 1);
  EXPECT_THROW(store.write_status(kTenant, "absent", record), VolumeError);
  write_file(below(layout::status_file(kTenant, "job-1")), "{");
  EXPECT_THROW(store.read_status(kTenant, "job-1"), CorruptFile);
  write_file(below(layout::job_file(kTenant, "job-1")), "{}");
  EXPECT_THROW(store.read_job(kTenant, "job-1"), CorruptFile);
}

// So that the controller need not create it.
TEST_F(StoreTest, TheFirstAttemptIsPublishedWithItsJob) {
  ASSERT_TRUE(store.publish_job(job(repository())));
  const std::string attempts = below(layout::attempts(kTenant, "job-1"));
  for (const char* name : {"", "/1", "/1/logs"}) EXPECT_EQ(mode_of(attempts + name), 02770U) << name;
  EXPECT_FALSE(store.read_claim(kTenant, "job-1", 1));
  fs::remove_all(attempts);
  store.create_attempt(kTenant, "job-1", 1);
  EXPECT_TRUE(fs::is_directory(attempts + "/1/logs")) << "a job of an older version has none";
  ASSERT_TRUE(store.publish_ended_job(job("", "job-2"), {{"status", nlohmann::json::object()}}));
  EXPECT_THAT(store.attempts(kTenant, "job-2"), IsEmpty()) << "a job that ended before it began";
}

TEST_F(StoreTest, Attempts) {
  ASSERT_TRUE(store.publish_job(job(repository())));
  EXPECT_THAT(store.attempts(kTenant, "job-1"), ElementsAre(1));
  for (const int number : {2, 1, 10, 1}) store.create_attempt(kTenant, "job-1", number);
  EXPECT_THAT(store.attempts(kTenant, "job-1"), ElementsAre(1, 2, 10));
  EXPECT_THROW(store.create_attempt(kTenant, "absent", 1), VolumeError);
  EXPECT_EQ(mode_of(below(layout::attempt(kTenant, "job-1", 1))), 02770U);

  EXPECT_FALSE(store.read_claim(kTenant, "job-1", 1));
  EXPECT_TRUE(store.close_attempt(kTenant, "job-1", 1, kTime).won);
  EXPECT_FALSE(store.close_attempt(kTenant, "job-1", 1, kTime).won);
  EXPECT_EQ(store.read_claim(kTenant, "job-1", 1)->by, Claim::By::kController);
  EXPECT_TRUE(store.close_attempt(kTenant, "job-1", 11, kTime).won) << "makes the folder";

  const std::string attempt = below(layout::attempt(kTenant, "job-1", 2)) + "/";
  EXPECT_FALSE(store.read_manifest(kTenant, "job-1", 2));
  EXPECT_FALSE(store.open_output(kTenant, "job-1", 2));
  write_file(attempt + "manifest.json", "{}");
  EXPECT_FALSE((*store.read_manifest(kTenant, "job-1", 2)).has_value());
  fs::remove(attempt + "manifest.json");
  fs::create_symlink("/etc/passwd", attempt + "manifest.json");
  EXPECT_FALSE((*store.read_manifest(kTenant, "job-1", 2)).has_value());
  fs::create_symlink("/etc/passwd", attempt + "output.zip");
  EXPECT_THROW(store.open_output(kTenant, "job-1", 2), UnsafeFile);
  write_file(attempt + "result.json", "200");
  EXPECT_EQ(store.open_result(kTenant, "job-1", 2)->size, 3U);
}

TEST_F(StoreTest, LogsAtAnyMoment) {
  const auto names = [&] {
    const Fd zip(memfd_create("zip", 0));
    EXPECT_TRUE(store.write_logs_zip(kTenant, "job-1", into(zip)));
    return names_in_zip(zip.get());
  };
  const Fd none(memfd_create("zip", 0));
  EXPECT_FALSE(store.write_logs_zip(kTenant, "job-1", into(none)));
  ASSERT_TRUE(store.publish_job(job(repository())));
  EXPECT_THAT(names(), IsEmpty()) << "an archive all the same";
  store.create_attempt(kTenant, "job-1", 1);
  EXPECT_THAT(names(), IsEmpty());
  const std::string logs = below(layout::attempt(kTenant, "job-1", 1)) + "/logs/";
  write_file(logs + "stdout.log", "out");
  write_file(logs + "sub/solver.log", "x");
  write_file(logs + ".vbrain-half", "x");
  fs::create_symlink("/etc/passwd", logs + "passwd");
  ASSERT_EQ(mkfifo((logs + "fifo").c_str(), 0600), 0);
  EXPECT_THAT(names(), UnorderedElementsAre("stdout.log", "sub/solver.log", "left-out-by-server.txt"));
  write_file(below(layout::attempt(kTenant, "job-1", 2)) + "/logs/stdout.log", "again");
  EXPECT_THAT(names(), UnorderedElementsAre("attempt-1-stdout.log", "attempt-1-sub/solver.log", "attempt-2-stdout.log",
                                            "left-out-by-server.txt"));
}

TEST_F(StoreTest, InstallsTheRunner) {
  const TempDir source;
  write_file(source / "runner", "one");
  write_file(source / "lib/libc.so.6", "c");
  store.install_runner(source.path(), "0.1.0");
  store.install_runner(source.path(), "0.1.0");
  EXPECT_EQ(read_file(below("bin/0.1.0/runner")), "one");
  EXPECT_EQ(read_file(below("bin/0.1.0/lib/libc.so.6")), "c");
  EXPECT_EQ(mode_of(below("bin/0.1.0/runner")), 0750U);
  write_file(source / "runner", "two");
  std::vector<std::thread> controllers;
  for (int i = 0; i < 4; ++i) controllers.emplace_back([&] { store.install_runner(source.path(), "0.1.0"); });
  for (auto& controller : controllers) controller.join();
  EXPECT_EQ(read_file(below("bin/0.1.0/runner")), "two");
  EXPECT_EQ(count_below(below("bin")), 4U) << "nothing else is left";
}

TEST_F(StoreTest, Probes) {
  const auto time = store.probe();
  ASSERT_TRUE(time);
  EXPECT_LT(std::chrono::abs(*time - base::SystemClock().now()), std::chrono::minutes(1));
  EXPECT_EQ(count_below(temp.path()), 0U);
  EXPECT_THROW(Store("/nonexistent"), VolumeError);
}

// Out of rotation a full volume could not even be emptied.
TEST(ProbeAsRoot, AFullOrReadOnlyVolumeAnswers) {
  const TempDir temp;
  // A mount of its own needs a process of its own: 0 as it should be, 77 not allowed here.
  const auto probe_on_small_disk = [&] {
    const char* path = temp.path().c_str();
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
    if (mount("tmpfs", path, "tmpfs", 0, "size=4k") != 0) _exit(77);
    try {
      const Store store(path);
      store.probe();
      auto filler = store.root().create_file("filler");
      try {
        for (;;) write_all(filler->get(), std::string(4096, 'x'));
      } catch (const VolumeError& error) {
        if (!error.is_full()) _exit(2);
      }
      if (!store.probe()) _exit(4);
      filler.reset();  // a file that is open for writing would keep the mount writable
      if (mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) _exit(3);
      const Store read_only(path);
      if (read_only.probe()) _exit(5);
    } catch (const VolumeError&) {
      _exit(1);
    }
    _exit(0);
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) probe_on_small_disk();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace vbrain::artifacts
