// Lists in memory: what they follow, what they cost, and what happens when they have no room.
#include "api-server/lists/id_lists.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;

using testing::HttpReply;
using testing::World;

std::string id_of(int number) {
  char id[48];
  std::snprintf(id, sizeof id, "01939c3e-7a61-7c0e-9f7e-%012d", number);
  return id;
}

// A folder in memory where there is one: the tests make tens of thousands of files.
std::string fast_folder() {
  const char* shared = "/dev/shm";
  const fs::path parent = ::access(shared, W_OK) == 0 ? fs::path(shared) : fs::temp_directory_path();
  std::string path = (parent / "vbrain-lists-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return path;
}

class IdListsTest : public ::testing::Test {
 protected:
  IdListsTest() : repository_(make_repository()) {}
  ~IdListsTest() override {
    std::error_code ignored;
    fs::remove_all(world_.root, ignored);
  }

  std::string make_repository() {
    return world_.volume->publish_repository(world_.volume->stage(World::tenant()), {}, world_.clock.now());
  }
  fs::path markers() const { return fs::path(world_.root) / artifacts::layout::markers(World::tenant(), repository_); }
  // Jobs as a list sees them: a marker and a folder. One system call each.
  void make_jobs(int from, int to) {
    const fs::path jobs = fs::path(world_.root) / artifacts::layout::jobs(World::tenant());
    fs::create_directories(jobs);
    for (int i = from; i < to; ++i) {
      ASSERT_EQ(::mkdir((jobs / id_of(i)).c_str(), 0770), 0);
      make_marker(id_of(i));
    }
  }
  void make_marker(const std::string& id) const {
    const int fd = ::open((markers() / id).c_str(), O_CREAT | O_WRONLY, 0660);
    ASSERT_GE(fd, 0);
    ::close(fd);
  }
  // Makes the folder look unchanged for years, so that its stamp is trusted.
  void age() {
    const timespec old[2] = {{1'000'000'000, ++age_}, {1'000'000'000, age_}};
    ASSERT_EQ(::utimensat(AT_FDCWD, markers().c_str(), old, 0), 0);
  }
  std::shared_ptr<const IdList> list(IdLists& lists) {
    return lists.jobs(World::tenant(), repository_, Effort::kLong).ids;
  }
  std::string all(IdLists& lists) {
    std::string ids;
    lists.each_job(World::tenant(), repository_, [&](std::string_view id) { ids.append(id).append(" "); });
    return ids;
  }

  World world_{fast_folder()};
  const std::string repository_;
  long age_ = 0;
};

TEST_F(IdListsTest, ManyJobsAreListedAndOneMoreSharesTheirText) {
  constexpr int kJobs = 20'000;  // more than are held at a time
  make_jobs(0, kJobs);
  IdLists lists(*world_.volume, world_.jobs, world_.clock, 32U << 20);
  const auto first = list(lists);
  ASSERT_EQ(first->size(), kJobs);
  EXPECT_EQ(first->at(0), id_of(0));
  EXPECT_EQ(first->at(kJobs - 1), id_of(kJobs - 1));
  EXPECT_EQ(list(lists), first) << "the folder is young and read again, but nothing has changed";
  make_jobs(kJobs, kJobs + 1);
  const auto more = list(lists);
  ASSERT_EQ(more->size(), kJobs + 1);
  std::set<const void*> shared;
  for (const auto& chunk : first->chunks()) shared.insert(chunk.get());
  std::size_t made = 0;
  for (const auto& chunk : more->chunks()) made += shared.contains(chunk.get()) ? 0 : 1;
  EXPECT_LE(made, 2U);
  fs::remove(markers() / id_of(500));
  EXPECT_EQ(list(lists)->size(), kJobs);
  EXPECT_FALSE(list(lists)->contains(id_of(500)));
  // In pieces, as when there is no room.
  std::string want;
  for (int i = 0; i <= kJobs; ++i) want += i == 500 ? "" : id_of(i) + " ";
  EXPECT_EQ(all(lists), want);
}

TEST_F(IdListsTest, AnOldFolderIsNotReadAgain) {
  make_jobs(0, 3);
  age();
  IdLists& lists = world_.view->lists();
  const auto first = list(lists);
  ASSERT_EQ(first->size(), 3U);
  // One marker goes and one comes without a new stamp, which no program can do.
  make_marker(id_of(7));
  fs::remove(markers() / id_of(2));
  fs::create_directories(world_.job_folder(id_of(7)));
  const timespec same[2] = {{1'000'000'000, age_}, {1'000'000'000, age_}};
  ASSERT_EQ(::utimensat(AT_FDCWD, markers().c_str(), same, 0), 0);
  EXPECT_EQ(list(lists), first);
  age();
  EXPECT_TRUE(list(lists)->contains(id_of(7)));
  EXPECT_FALSE(list(lists)->contains(id_of(2)));
}

TEST_F(IdListsTest, AMarkedJobComesBackWithItsFolderOnly) {
  make_jobs(0, 2);
  world_.volume->mark_deleted(World::tenant(), id_of(1));  // a crash before the marker in the index was removed
  make_marker(id_of(2));                                   // a job on its way
  age();
  IdLists& lists = world_.view->lists();
  EXPECT_EQ(list(lists)->size(), 1U);
  fs::create_directories(world_.job_folder(id_of(2)));
  EXPECT_EQ(list(lists)->size(), 2U) << "with the same stamp of the index";
  fs::remove_all(world_.job_folder(id_of(1)));
  EXPECT_EQ(list(lists)->size(), 2U);
  fs::create_directories(world_.job_folder(id_of(1)));
  EXPECT_EQ(list(lists)->size(), 3U);
}

TEST_F(IdListsTest, WithoutRoomAListIsTooLargeAndOthersAreForgottenFirst) {
  make_jobs(0, 3'000);  // 130 kB
  const std::string second = make_repository();
  IdLists lists(*world_.volume, world_.jobs, world_.clock, 300'000);
  EXPECT_EQ(list(lists)->size(), 3'000U);
  {
    const auto kept = list(lists);
    // Slow readers of the text keep it when the list is forgotten.
    IdLists small(*world_.volume, world_.jobs, world_.clock, 200'000);
    const auto listed = small.jobs(World::tenant(), repository_, Effort::kLong);
    EXPECT_TRUE(listed.too_large);
    EXPECT_EQ(listed.ids, nullptr);
    EXPECT_EQ(all(small).size(), 3'000U * 37);
    EXPECT_FALSE(small.jobs(World::tenant(), second, Effort::kLong).too_large) << "what it took is given back";
    EXPECT_FALSE(small.each_job(World::tenant(), "202009231629398695", [](std::string_view) {}));
  }
  // Another large repository of the tenant takes the first one's place.
  const fs::path other = fs::path(world_.root) / artifacts::layout::markers(World::tenant(), second);
  for (int i = 0; i < 2'000; ++i) {
    fs::create_directories(world_.job_folder(id_of(10'000 + i)));
    ::close(::open((other / id_of(10'000 + i)).c_str(), O_CREAT | O_WRONLY, 0660));
  }
  EXPECT_EQ(lists.jobs(World::tenant(), second, Effort::kLong).ids->size(), 2'000U);
  EXPECT_EQ(list(lists)->size(), 3'000U) << "read anew";
}

TEST_F(IdListsTest, ARepositoryThatIsTooLargeForMemoryIsAnsweredAllTheSame) {
  // The list has no room at all: 1 MiB for JSON, half of it for one tenant.
  World world(Limits{.max_json_bytes = 4096, .max_json_memory = 1U << 20});
  VolumeView small(*world.volume, world.jobs, world.clock, *world.json_budget, 8U << 20, 16'384);
  const Services& with = *world.services;
  const Services services{with.limits,
                          with.clock,
                          with.namespace_name,
                          with.workers,
                          with.volume_workers,
                          with.transfer_workers,
                          with.bulk_workers,
                          with.list_workers,
                          with.json_budget,
                          with.spool_space,
                          with.sealed_texts,
                          with.made_archives,
                          with.volume,
                          small,
                          with.reads,
                          with.waits,
                          with.run_times,
                          with.feed,
                          with.streams,
                          with.key_counts,
                          with.upload_metrics,
                          with.kube,
                          with.jobs,
                          with.applications,
                          with.clients,
                          with.issued_keys,
                          with.last_uses,
                          with.space_ledger,
                          {},
                          [] { return std::string_view(); },
                          [] { return KeysState::kKnown; }};
  Api api(services, world.metrics);
  http::HttpServer server(
      "small", "127.0.0.1:0", {}, [&](http::Exchange& exchange) { return api.handle(exchange); },
      [&](const http::RefusedRequest& refused) { return api.refuse_request(refused); }, *world.io,
      world.transfer_workers.get(), world.metrics);
  const std::string made = world.make_job(job::Phase::kFinished);
  const std::string repository = world.jobs.get(made)->spec.repository_id;
  std::vector<std::string> want{made};
  for (int i = 0; i < 1'000; ++i) {
    fs::create_directories(world.job_folder(id_of(i)));
    std::ofstream(fs::path(world.root) / artifacts::layout::marker(World::tenant(), repository, id_of(i)));
    want.push_back(id_of(i));
  }
  std::ranges::sort(want);
  const auto ask = [&](const std::string& path, http::HttpServer& from) {
    std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nrepository_id: " + repository + "\r\n";
    for (const auto& [name, value] : World::identity("ana")) request += name + ": " + value + "\r\n";
    testing::RawClient connection(from.address());
    connection.send(request + "\r\n");
    return connection.read_reply(false);
  };
  const auto body = [](const std::string& reply) { return nlohmann::json::parse(testing::body_of(reply)); };
  for (const std::string& path : {"/api/v1/job/" + made, "/api/v1/repository/" + repository}) {
    const std::string reply = ask(path, server);
    ASSERT_EQ(testing::status_of(reply), 200) << reply.substr(0, 500);
    EXPECT_EQ(body(reply)["jobs"], nlohmann::json(want)) << path;
    EXPECT_EQ(testing::body_of(reply), testing::body_of(ask(path, *world.server))) << "as with room";
  }
  EXPECT_EQ(body(ask("/api/v1/job", server)), nlohmann::json(want));
  // The ids with a number are of 2024; the job was made in 2020 by the clock of this test.
  EXPECT_EQ(body(ask("/api/v1/job?to_date=202101010000", server)), nlohmann::json::array({made}));
  EXPECT_EQ(body(ask("/api/v1/job?from_date=202101010000", server)).size(), 1'000U);
  EXPECT_EQ(body(ask("/api/v1/job?from_date=202101010000", *world.server)).size(), 1'000U);
}

// It is not read again to find the same. Its folder, or more room, makes it be read again.
TEST_F(IdListsTest, ThatAListIsTooLargeIsRemembered) {
  make_jobs(0, 3'000);
  age();
  IdLists small(*world_.volume, world_.jobs, world_.clock, 200'000);
  EXPECT_TRUE(small.jobs(World::tenant(), repository_, Effort::kLong).too_large);
  // The number of names stays, and with it the size of the folder.
  for (int i = 10; i < 3'000; ++i) fs::rename(markers() / id_of(i), markers() / (".no-id-" + std::to_string(i)));
  const timespec same[2] = {{1'000'000'000, age_}, {1'000'000'000, age_}};
  ASSERT_EQ(::utimensat(AT_FDCWD, markers().c_str(), same, 0), 0);
  EXPECT_TRUE(small.jobs(World::tenant(), repository_, Effort::kLong).too_large) << "the stamp is the same: not read";
  age();
  EXPECT_EQ(list(small)->size(), 10U);
  fs::remove_all(fs::path(world_.root) / artifacts::layout::repository(World::tenant(), repository_));
  EXPECT_FALSE(small.jobs(World::tenant(), repository_, Effort::kLong).too_large);
}

TEST_F(IdListsTest, AListThatFoundNoRoomIsReadAgainWhenThereIsMore) {
  make_jobs(0, 2'000);
  age();
  IdLists lists(*world_.volume, world_.jobs, world_.clock, 240'000);
  auto kept = list(lists);  // a slow reader has its text
  ASSERT_NE(kept, nullptr);
  const std::string second = make_repository();
  const fs::path other = fs::path(world_.root) / artifacts::layout::markers(World::tenant(), second);
  for (int i = 0; i < 1'500; ++i) ::close(::open((other / id_of(i)).c_str(), O_CREAT | O_WRONLY, 0660));
  EXPECT_TRUE(lists.jobs(World::tenant(), second, Effort::kLong).too_large);
  EXPECT_TRUE(lists.jobs(World::tenant(), second, Effort::kLong).too_large);
  kept = nullptr;
  const auto listed = lists.jobs(World::tenant(), second, Effort::kLong);
  ASSERT_NE(listed.ids, nullptr);
  EXPECT_EQ(listed.ids->size(), 1'500U);
}

TEST_F(IdListsTest, SmallListsCountAgainstTheTenantsPart) {
  make_jobs(0, 10);
  IdLists lists(*world_.volume, world_.jobs, world_.clock, 40'000);
  std::vector<std::shared_ptr<const IdList>> read_slowly;
  bool too_large = false;
  for (int i = 0; i < 100 && !too_large; ++i) {
    const std::string repository = make_repository();
    const fs::path folder = fs::path(world_.root) / artifacts::layout::markers(World::tenant(), repository);
    for (int k = 0; k < 10; ++k) ::close(::open((folder / id_of(k)).c_str(), O_CREAT | O_WRONLY, 0660));
    const auto listed = lists.jobs(World::tenant(), repository, Effort::kLong);
    too_large = listed.too_large;
    read_slowly.push_back(listed.ids);
  }
  EXPECT_TRUE(too_large) << "slow readers of small lists hold more than the tenant's part";
}

TEST_F(IdListsTest, TheListsOfOneTenantLeaveThoseOfAnotherInMemory) {
  const artifacts::Tenant eve{"globex", "Tutorial", "north"};
  const std::string repository = world_.volume->publish_repository(world_.volume->stage(eve), {}, world_.clock.now());
  IdLists lists(*world_.volume, world_.jobs, world_.clock, 40'000);
  const fs::path folder = fs::path(world_.root) / artifacts::layout::markers(eve, repository);
  const auto first = lists.jobs(eve, repository, Effort::kLong).ids;
  ASSERT_NE(first, nullptr);
  const timespec old[2] = {{1'000'000'000, 1}, {1'000'000'000, 1}};
  ASSERT_EQ(::utimensat(AT_FDCWD, folder.c_str(), old, 0), 0);
  fs::create_directories(fs::path(world_.root) / artifacts::layout::jobs(eve) / id_of(1));
  ::close(::open((folder / id_of(1)).c_str(), O_CREAT | O_WRONLY, 0660));
  ASSERT_EQ(::utimensat(AT_FDCWD, folder.c_str(), old, 0), 0);
  const auto kept = lists.jobs(eve, repository, Effort::kLong).ids;
  ASSERT_EQ(kept->size(), 1U);
  // 512 bytes and more for each, though they are empty.
  for (int i = 0; i < 100; ++i) lists.jobs(World::tenant(), make_repository(), Effort::kLong);
  EXPECT_EQ(lists.jobs(eve, repository, Effort::kLong).ids, kept) << "read anew";
}

// One copy for each would take 35 MB; a tenant has 16.
TEST_F(IdListsTest, SlowReadersOfALongListShareItsText) {
  constexpr int kJobs = 30'000;
  constexpr int kReaders = 30;
  make_jobs(0, kJobs);
  std::deque<testing::RawClient> slow;
  std::string request = "GET /api/v1/job HTTP/1.1\r\nHost: x\r\nrepository_id: " + repository_ + "\r\n";
  for (const auto& [name, value] : World::identity("ana")) request += name + ": " + value + "\r\n";
  request += "\r\n";
  for (int i = 0; i < kReaders; ++i) {
    testing::RawClient& reader = slow.emplace_back(world_.server->address(), 4096);
    ASSERT_TRUE(reader.send(request));
    ASSERT_EQ(testing::status_of(reader.read_head()), 200) << i;
  }
  const std::string want = world_.get("/api/v1/job", {{"repository_id", repository_}}).body;
  EXPECT_EQ(want.size(), kJobs * 39U + 1);
  // Pieces of all sizes arrive in order, and then the connection goes on.
  EXPECT_EQ(testing::body_of(slow.front().read_reply()), want);
  ASSERT_TRUE(slow.front().send(request));
  EXPECT_EQ(testing::body_of(slow.front().read_reply()), want);
  make_jobs(kJobs, kJobs + 1);
  EXPECT_EQ(world_.get("/api/v1/job", {{"repository_id", repository_}}).body.size(), want.size() + 39);
  EXPECT_EQ(testing::body_of(slow.back().read_reply()), want) << "the list as it was when the answer began";
}

// Several threads ask while jobs come: each finds those that were there before it asked.
TEST_F(IdListsTest, WhoAsksFindsWhatWasThereBefore) {
  make_jobs(0, 100);
  IdLists& lists = world_.view->lists();
  std::atomic<int> made{100};
  std::vector<std::jthread> readers;
  std::atomic<int> missed{0};
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      for (int now = made; now < 400; now = made) {
        if (list(lists)->size() < static_cast<std::size_t>(now)) ++missed;
      }
    });
  }
  for (int i = 100; i < 400; ++i) {
    make_jobs(i, i + 1);
    made = i + 1;
  }
  readers.clear();
  EXPECT_EQ(missed, 0);
  EXPECT_EQ(list(lists)->size(), 400U);
}

}  // namespace
}  // namespace vbrain::api
