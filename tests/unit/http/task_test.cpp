#include "http/task.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <future>
#include <optional>

#include "http/handler.hpp"

namespace vbrain::http {
namespace {

template <class F>
void run_coroutine(F& coroutine) {
  boost::asio::io_context io;
  boost::asio::co_spawn(io.get_executor(), coroutine, [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
}

TEST(RunOn, DoesNotBeginWorkThatWaitedTooLong) {
  // No task is young enough for this pool.
  base::WorkerPool pool("test", 1, 8, std::chrono::milliseconds(-1));
  bool overloaded = false;
  bool begun = false;
  int result = 0;
  const auto coroutine = [&]() -> Task<void> {
    const auto late = [&] { begun = true; };
    try {
      co_await run_on(pool, late);
    } catch (const Overloaded&) {
      overloaded = true;
    }
    const auto needed = [] { return 7; };
    result = co_await run_always_on(pool, needed);
  };
  run_coroutine(coroutine);
  EXPECT_TRUE(overloaded);
  EXPECT_FALSE(begun);
  EXPECT_EQ(result, 7);
}

TEST(RunOn, IsToldThatItWaitsTooLongWhileAllThreadsAreBusy) {
  // They live longer than the pool, whose thread may still use them when the test ends.
  std::promise<void> release;
  std::promise<void> busy;
  base::WorkerPool pool("test", 1, 8, std::chrono::minutes(1));
  ASSERT_TRUE(pool.try_post([&] {
    busy.set_value();
    release.get_future().wait();
  }));
  busy.get_future().wait();
  bool overloaded = false;
  const auto coroutine = [&]() -> Task<void> {
    const auto work = [] {};
    try {
      co_await run_on(pool, work);
    } catch (const Overloaded&) {
      overloaded = true;
    }
  };
  boost::asio::io_context io;
  boost::asio::co_spawn(io.get_executor(), coroutine, boost::asio::detached);
  io.poll();
  pool.expire(std::chrono::steady_clock::now() + std::chrono::minutes(2));
  io.run();
  EXPECT_TRUE(overloaded);
  release.set_value();
}

TEST(RunOn, SaysWhoseQueueIsFull) {
  std::promise<void> release;
  std::promise<void> busy;
  base::WorkerPool pool("test", 1, 2);
  const base::Lane lane = pool.new_lane();
  pool.new_lane();
  ASSERT_TRUE(lane.try_post([&] {
    busy.set_value();
    release.get_future().wait();
  }));
  busy.get_future().wait();
  ASSERT_TRUE(lane.try_post([] {}));
  std::optional<ExceptionAnswer> own;
  std::optional<ExceptionAnswer> everybodys;
  const auto coroutine = [&]() -> Task<void> {
    const auto work = [] {};
    try {
      co_await run_on(lane, work);
    } catch (const std::exception&) {
      own = answer_to_exception(std::current_exception());
    }
    EXPECT_TRUE(pool.try_post([] {}));
    try {
      co_await run_on(pool, work);
    } catch (const std::exception&) {
      everybodys = answer_to_exception(std::current_exception());
    }
  };
  run_coroutine(coroutine);
  release.set_value();
  ASSERT_TRUE(own && everybodys);
  EXPECT_EQ(own->status, 429);
  EXPECT_EQ(everybodys->status, 503);
}

TEST(RunOn, AlwaysRunsTasksThatMustBeDone) {
  base::WorkerPool pool("test", 1, 0);
  bool overloaded = false;
  bool done = false;
  const auto coroutine = [&]() -> Task<void> {
    const auto work = [&] { done = true; };
    try {
      co_await run_on(pool, work);
    } catch (const Overloaded&) {
      overloaded = true;
    }
    co_await run_always_on(pool, work);
  };
  run_coroutine(coroutine);
  EXPECT_TRUE(overloaded);
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace vbrain::http
