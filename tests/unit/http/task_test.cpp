#include "http/task.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

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
