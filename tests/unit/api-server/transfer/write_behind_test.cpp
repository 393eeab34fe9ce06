#include "api-server/transfer/write_behind.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <mutex>

namespace vbrain::api {
namespace {

// What the pool has written. While it is closed, writing waits.
struct Sink {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true;
  std::string bytes;
  int calls = 0;
  int fail_at = 0;  // the call that throws; 0: none

  void write(std::string_view more) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(10), [this] { return open; });
    if (++calls == fail_at) throw std::runtime_error("the disk is full");
    bytes += more;
  }
  void let_go() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

class WriteBehindTest : public ::testing::Test {
 protected:
  // Runs `steps` on an I/O thread and returns what it throws, as text.
  std::string run(std::function<http::Task<void>(WriteBehind&)> steps) {
    boost::asio::io_context io;
    std::string thrown;
    const auto all = [&]() -> http::Task<void> {
      WriteBehind writing(pool_);
      writing.begin([this](std::string_view bytes) { sink_.write(bytes); });
      std::exception_ptr failure;
      try {
        co_await steps(writing);
      } catch (const std::exception& problem) {
        thrown = problem.what();
      }
      co_await writing.settle();
    };
    boost::asio::co_spawn(io.get_executor(), all, boost::asio::detached);
    io.run();
    return thrown;
  }

  const std::string block_ = std::string(WriteBehind::kBlock, 'x');
  Sink sink_;
  base::WorkerPool pool_{"test", 2, 64};
};

TEST_F(WriteBehindTest, WritesAllInOrder) {
  std::string want;
  const auto steps = [&](WriteBehind& writing) -> http::Task<void> {
    for (int i = 0; i < 50; ++i) {
      const std::string piece(static_cast<std::size_t>(i) * 1'000, static_cast<char>('a' + i % 26));
      want += piece;
      co_await writing.add(piece);
    }
    co_await writing.flush();
    EXPECT_EQ(sink_.bytes, want) << "all is written when flush() is over";
  };
  EXPECT_EQ(run(steps), "");
  EXPECT_EQ(sink_.calls, static_cast<int>(want.size() / WriteBehind::kBlock) + 1);
}

TEST_F(WriteBehindTest, TakesTheNextBlockWhileOneIsWritten) {
  sink_.open = false;
  const auto steps = [&](WriteBehind& writing) -> http::Task<void> {
    co_await writing.add(block_);
    const std::string_view most = std::string_view(block_).substr(1);
    co_await writing.add(most);
    {
      const std::lock_guard lock(sink_.mutex);
      EXPECT_EQ(sink_.calls, 0) << "it waited for the first block";
    }
    sink_.let_go();
    co_await writing.add(block_);
    co_await writing.flush();
  };
  EXPECT_EQ(run(steps), "");
  EXPECT_EQ(sink_.bytes.size(), 3 * block_.size() - 1);
}

TEST_F(WriteBehindTest, TellsThatABlockCouldNotBeWritten) {
  sink_.fail_at = 2;
  const auto steps = [&](WriteBehind& writing) -> http::Task<void> {
    for (int i = 0; i < 4; ++i) co_await writing.add(block_);
    co_await writing.flush();
  };
  EXPECT_EQ(run(steps), "the disk is full");
  EXPECT_EQ(sink_.calls, 2) << "nothing is written behind a failure";
}

TEST_F(WriteBehindTest, TellsThatTheLastBlockCouldNotBeWritten) {
  sink_.fail_at = 1;
  const auto steps = [&](WriteBehind& writing) -> http::Task<void> {
    const std::string_view few = "a few bytes";
    co_await writing.add(few);
    co_await writing.flush();
  };
  EXPECT_EQ(run(steps), "the disk is full");
}

TEST_F(WriteBehindTest, EndsOnlyWhenNothingIsBeingWritten) {
  sink_.open = false;
  const auto steps = [&](WriteBehind& writing) -> http::Task<void> {
    co_await writing.add(block_);
    sink_.let_go();
    throw std::runtime_error("the client is gone");
  };
  EXPECT_EQ(run(steps), "the client is gone");
  EXPECT_EQ(sink_.calls, 1);
}

}  // namespace
}  // namespace vbrain::api
