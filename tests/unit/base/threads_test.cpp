#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>

#include "base/threads/stop.hpp"
#include "base/threads/worker_pool.hpp"

namespace vbrain::base {
namespace {

TEST(WorkerPool, RunsAllAcceptedTasks) {
  std::atomic<int> runs = 0;
  WorkerPool pool("test", 3, 100);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.try_post([&] { ++runs; }));
  pool.close();
  EXPECT_EQ(runs, 100);
}

TEST(WorkerPool, RefusesBeyondItsQueue) {
  std::promise<void> release;
  std::promise<void> busy;
  WorkerPool pool("test", 1, 1);
  ASSERT_TRUE(pool.try_post([&] {
    busy.set_value();
    release.get_future().wait();
  }));
  busy.get_future().wait();
  EXPECT_TRUE(pool.try_post([] {}));
  EXPECT_FALSE(pool.try_post([] {}));
  release.set_value();
}

TEST(WorkerPool, RefusesWhenClosed) {
  WorkerPool pool("test", 1, 1);
  pool.close();
  EXPECT_FALSE(pool.try_post([] {}));
}

// Threads wake each other one by one. No thread may stay asleep while tasks wait behind a blocked one.
TEST(WorkerPool, UsesAllItsThreads) {
  WorkerPool pool("test", 8, 100);
  for (int round = 0; round < 200; ++round) {
    // Shared, because a latch must outlive the threads that are leaving it.
    const auto together = std::make_shared<std::latch>(9);
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(pool.try_post([together] { together->arrive_and_wait(); }));
    together->arrive_and_wait();
  }
}

TEST(Stop, SleepEndsWhenStopIsRequested) {
  std::stop_source source;
  std::future<bool> slept =
      std::async(std::launch::async, [&] { return sleep_for(source.get_token(), std::chrono::hours{1}); });
  source.request_stop();
  EXPECT_FALSE(slept.get());
}

TEST(Stop, SleepLastsItsTime) {
  EXPECT_TRUE(sleep_for(std::stop_token{}, std::chrono::nanoseconds{1}));
}

}  // namespace
}  // namespace vbrain::base
