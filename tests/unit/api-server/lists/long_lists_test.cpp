// Lists that take long to read: who reads them, and who waits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <future>
#include <utility>

#include "api-server/lists/id_lists.hpp"
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

// Calls `at_next` once, in the middle of the next call that asks it for the time: a list that is being read.
class HookClock final : public base::Clock {
 public:
  base::TimePoint now() const override {
    if (const auto hook = std::exchange(at_next, nullptr)) hook();
    return clock_.now();
  }
  base::SteadyPoint steady() const override { return clock_.steady(); }

  mutable std::function<void()> at_next;

 private:
  vbrain::testing::ManualClock clock_;
};

class LongLists : public ::testing::Test {
 protected:
  std::string make_repository() {
    return world_.volume->publish_repository(world_.volume->stage(World::tenant()), {}, world_.clock.now());
  }
  fs::path markers(const std::string& repository) const {
    return fs::path(world_.root) / artifacts::layout::markers(World::tenant(), repository);
  }
  void make_marker(const std::string& repository, int number) const {
    const int fd = ::open((markers(repository) / id_of(number)).c_str(), O_CREAT | O_WRONLY, 0660);
    ASSERT_GE(fd, 0);
    ::close(fd);
  }
  // Jobs as a list sees them: a marker and a folder.
  void make_jobs(const std::string& repository, int from, int to) const {
    for (int i = from; i < to; ++i) {
      fs::create_directories(world_.job_folder(id_of(i)));
      make_marker(repository, i);
    }
  }
  // Makes the folder look unchanged for years, so that its stamp is trusted.
  void age(const std::string& repository) {
    const timespec old[2] = {{1'000'000'000, ++age_}, {1'000'000'000, age_}};
    ASSERT_EQ(::utimensat(AT_FDCWD, markers(repository).c_str(), old, 0), 0);
  }
  IdLists::Listed ask(const std::string& repository, Effort effort) {
    return lists_.jobs(World::tenant(), repository, effort);
  }

  static constexpr int kNames = IdLists::kShortNames;
  static constexpr int kLookUps = IdLists::kShortLookUps;

  World world_;
  HookClock clock_;
  IdLists lists_{*world_.volume, world_.jobs, clock_, 32U << 20};
  long age_ = 0;
};

TEST_F(LongLists, AShortCallReadsAShortListOnly) {
  const std::string repository = make_repository();
  make_jobs(repository, 0, kLookUps);
  const auto few = ask(repository, Effort::kShort);
  ASSERT_NE(few.ids, nullptr);
  EXPECT_EQ(few.ids->size(), std::size_t(kLookUps));
  // As many again are few. One more is too much to look up.
  make_jobs(repository, kLookUps, 2 * kLookUps);
  ASSERT_NE(ask(repository, Effort::kShort).ids, nullptr);
  make_jobs(repository, 2 * kLookUps, 3 * kLookUps + 1);
  EXPECT_TRUE(ask(repository, Effort::kShort).takes_long);
  EXPECT_EQ(ask(repository, Effort::kLong).ids->size(), 3U * kLookUps + 1);
  EXPECT_EQ(ask(repository, Effort::kShort).ids->size(), 3U * kLookUps + 1) << "nothing is new now";
  // Many names take long, also if they are known.
  make_jobs(repository, 3 * kLookUps + 1, kNames + 1);
  EXPECT_EQ(ask(repository, Effort::kLong).ids->size(), kNames + 1U);
  EXPECT_TRUE(ask(repository, Effort::kShort).takes_long);
  age(repository);
  EXPECT_TRUE(ask(repository, Effort::kShort).takes_long) << "a new stamp";
  EXPECT_EQ(ask(repository, Effort::kLong).ids->size(), kNames + 1U);
  EXPECT_EQ(ask(repository, Effort::kShort).ids->size(), kNames + 1U) << "the same stamp";
}

TEST_F(LongLists, OfRepositoriesTheNamesCountOnly) {
  std::string last;
  for (int i = 0; i < kLookUps + 1; ++i) last = make_repository();
  EXPECT_EQ(lists_.repositories(World::tenant(), Effort::kShort).ids->size(), kLookUps + 1U);
  const fs::path folder = markers(last).parent_path().parent_path();
  for (int i = 0; i < kNames; ++i) fs::create_directory(folder / ("x" + std::to_string(i)));
  EXPECT_TRUE(lists_.repositories(World::tenant(), Effort::kShort).takes_long);
  EXPECT_EQ(lists_.repositories(World::tenant(), Effort::kLong).ids->size(), kLookUps + 1U);
}

// Markers without a folder are looked up each time.
TEST_F(LongLists, ManyJobsOnTheirWayTakeLong) {
  const std::string repository = make_repository();
  for (int i = 0; i < kLookUps + 1; ++i) make_marker(repository, i);
  age(repository);
  EXPECT_EQ(ask(repository, Effort::kLong).ids->size(), 0U);
  EXPECT_TRUE(ask(repository, Effort::kShort).takes_long);
  make_jobs(repository, 0, 1);
  age(repository);
  EXPECT_EQ(ask(repository, Effort::kLong).ids->size(), 1U);
  EXPECT_EQ(ask(repository, Effort::kShort).ids->size(), 1U);
}

// One that is refused meanwhile must not forget what is being read.
TEST_F(LongLists, AShortCallDoesNotWaitForALongOne) {
  const std::string repository = make_repository();
  make_jobs(repository, 0, kLookUps + 1);
  age(repository);
  bool refused = false;
  clock_.at_next = [&] { refused = ask(repository, Effort::kShort).takes_long; };
  const auto read = ask(repository, Effort::kLong);
  EXPECT_TRUE(refused);
  ASSERT_NE(read.ids, nullptr);
  EXPECT_EQ(ask(repository, Effort::kShort).ids, read.ids);
}

TEST_F(LongLists, ARemovedRepositoryIsToldAtOnce) {
  const std::string repository = make_repository();
  make_jobs(repository, 0, kLookUps + 1);
  EXPECT_TRUE(ask(repository, Effort::kShort).takes_long);
  fs::remove_all(markers(repository).parent_path());
  const auto listed = ask(repository, Effort::kShort);
  EXPECT_EQ(listed.ids, nullptr);
  EXPECT_FALSE(listed.takes_long);
}

TEST(ReadingTurn, AWaitingShortCallEndsWhenALongOneTakesTheTurn) {
  ReadingTurn turn;
  ASSERT_TRUE(turn.enter(Effort::kShort));
  std::promise<void> short_has_ended;
  auto long_call = std::async(std::launch::async, [&] {
    turn.enter(Effort::kLong);
    short_has_ended.get_future().wait();  // it has the turn until then
    turn.leave();
  });
  auto short_call = std::async(std::launch::async, [&] {
    if (turn.enter(Effort::kShort)) turn.leave();  // it was the first of the two
    short_has_ended.set_value();
  });
  turn.leave();
  short_call.get();
  long_call.get();
  EXPECT_TRUE(turn.enter(Effort::kLong));
  EXPECT_FALSE(turn.enter(Effort::kShort));
}

// By their own threads, so that neither reads nor archives wait for them, and they wait for no archive.
TEST_F(LongLists, AreReadByThreadsOfTheirOwn) {
  const std::string long_one = make_repository();
  const std::string cold = make_repository();
  make_jobs(long_one, 0, kLookUps + 1);
  make_jobs(cold, kLookUps + 1, 2 * kLookUps + 2);
  age(long_one);
  const auto get = [&](const std::string& id) { return world_.get("/api/v1/repository/" + id); };
  const auto jobs = [&](const std::string& id) { return world_.get("/api/v1/job", {{"repository_id", id}}); };
  world_.bulk_workers->close();
  EXPECT_EQ(get(long_one).json()["jobs"].size(), kLookUps + 1U);
  world_.list_workers->close();
  EXPECT_EQ(get(long_one).json()["jobs"].size(), kLookUps + 1U) << "in memory";
  EXPECT_EQ(jobs(long_one).json().size(), kLookUps + 1U);
  EXPECT_EQ(get(cold).status, 503);
  EXPECT_EQ(jobs(cold).status, 503);
  EXPECT_EQ(world_.get("/api/v1/repository/" + cold + "?jobs=false").status, 200);
  EXPECT_EQ(get(make_repository()).status, 200) << "a short list";
  EXPECT_EQ(world_.get("/api/v1/repository").json().size(), 3U);
}

}  // namespace
}  // namespace vbrain::api
