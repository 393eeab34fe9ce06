#include "base/log/log_writer.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <sstream>
#include <string>
#include <thread>

#include "base/log/log.hpp"

namespace vbrain::base {
namespace {

using ::testing::HasSubstr;

// A pipe whose reader reads only when it is told to.
struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    from = ends[0];
    to = ends[1];
  }
  ~Pipe() {
    ::close(from);
    if (to >= 0) ::close(to);
  }
  void fill() const {
    ::fcntl(to, F_SETFL, O_NONBLOCK);
    const std::string block(4096, '.');
    while (::write(to, block.data(), block.size()) > 0) {
    }
    while (::write(to, ".", 1) > 0) {
    }
    ::fcntl(to, F_SETFL, 0);
  }
  // All that comes until `end` has come.
  std::string read_until(const std::string& end) const {
    std::string all;
    char block[65536];
    while (all.find(end) == std::string::npos) {
      const ssize_t got = ::read(from, block, sizeof block);
      if (got <= 0) break;
      all.append(block, static_cast<std::size_t>(got));
    }
    return all;
  }
  int from = -1;
  int to = -1;
};

TEST(LogWriter, WritesLinesInOrder) {
  const Pipe pipe;
  {
    const LogWriter writer(pipe.to);
    for (int i = 0; i < 100; ++i) log_info("line", {{"i", i}});
    log_info("last");
  }
  std::istringstream lines(pipe.read_until("\"last\""));
  std::string line;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_THAT(line, HasSubstr("\"i\":" + std::to_string(i) + "}"));
  }
}

TEST(Log, HasTheIdsOfARequestThatThereAre) {
  const Pipe pipe;
  {
    const LogWriter writer(pipe.to);
    log_info("both", {{"a", 1}, RequestIds{.request_id = "r\"1", .trace_id = "4bf9"}, {"b", 2}});
    log_info("one", {RequestIds{.request_id = "r2", .trace_id = {}}});
    log_info("trace", {RequestIds{.request_id = {}, .trace_id = "4bf9"}});
    log_info("none", {RequestIds(), {"b", 2}});
    log_info("last");
  }
  const std::string all = pipe.read_until("\"last\"");
  EXPECT_THAT(all, HasSubstr(R"("message":"both","a":1,"request_id":"r\"1","trace_id":"4bf9","b":2})"));
  EXPECT_THAT(all, HasSubstr(R"("message":"one","request_id":"r2"})"));
  EXPECT_THAT(all, HasSubstr(R"("message":"trace","trace_id":"4bf9"})"));
  EXPECT_THAT(all, HasSubstr(R"("message":"none","b":2})"));
}

TEST(LogWriter, AFullPipeBlocksNobodyAndDroppedLinesAreCounted) {
  Pipe pipe;
  pipe.fill();
  constexpr int kLines = 1000;
  const std::uint64_t before = dropped_log_lines();
  const LogWriter writer(pipe.to, 10'000);
  auto logging = std::async(std::launch::async, [] {
    for (int i = 0; i < kLines; ++i) log_warning("line", {{"i", i}});
  });
  // Without a queue the first line waits for the reader for ever.
  const bool done = logging.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  EXPECT_TRUE(done);
  EXPECT_FALSE(done && flush_log(std::chrono::milliseconds(1)));
  const std::uint64_t dropped = dropped_log_lines() - before;
  EXPECT_GT(dropped, 0);
  EXPECT_LT(dropped, kLines);
  std::string all = pipe.read_until("log lines were dropped");
  log_info("goes on");
  all += pipe.read_until("goes on");
  EXPECT_THAT(all, HasSubstr("\"i\":0}"));
  // Told in several lines if the writer took its first line late.
  const std::string told = "\"lines\":";
  std::uint64_t sum = 0;
  for (std::size_t at = all.find(told); at != all.npos; at = all.find(told, at + 1)) {
    sum += std::stoull(all.substr(at + told.size()));
  }
  EXPECT_EQ(sum, dropped);
}

TEST(LogWriter, LinesOfSeveralThreadsDoNotMix) {
  const Pipe pipe;
  const LogWriter writer(pipe.to);
  auto reading = std::async(std::launch::async, [&] { return pipe.read_until("\"end\""); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) log_info("of a thread", {{"text", std::string(3000, 'x')}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(flush_log(std::chrono::seconds(10)));
  log_info("end");
  std::istringstream lines(reading.get());
  std::string line;
  int count = 0;
  while (std::getline(lines, line) && line.find("\"end\"") == std::string::npos) {
    EXPECT_TRUE(line.starts_with("{\"time\":") && line.ends_with("x\"}"));
    ++count;
  }
  EXPECT_EQ(count, 800);
}

TEST(LogWriterDeathTest, ACrashWaitsForTheLines) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const LogWriter writer;
        for (int i = 0; i < 200; ++i) log_error("before the crash", {{"i", i}});
        std::abort();
      },
      "\"i\":199");
}

}  // namespace
}  // namespace vbrain::base
