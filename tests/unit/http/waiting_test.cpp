// Requests that wait without a thread, and what a wait and a stream cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>

#include "unit/http/stream_fixture.hpp"

namespace vbrain::http {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::get;
using testing::RawClient;
using testing::status_of;
using testing::StreamTest;

std::string answer_of(Woken woken) {
  return std::to_string(static_cast<int>(woken));
}

TEST_P(StreamTest, AWaitEndsWhenItIsWoken) {
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/wait") + get("/next")));
  ASSERT_TRUE(seen_.wait([this] { return wakers_.size() == 1; }));
  for (int i = 0; i < 100; ++i) wakers_.front().wake();
  EXPECT_EQ(body_of(client.read_reply()), answer_of(Woken::kSignal));
  EXPECT_EQ(body_of(client.read_reply()), "/next");
  // A Waker outlives its request.
  wakers_.front().wake();
  Waker().wake();
  ASSERT_TRUE(client.send(get("/next")));
  EXPECT_EQ(body_of(client.read_reply()), "/next");
  server_.reset();
  wakers_.front().wake();
}

TEST_P(StreamTest, ASignalBeforeTheWaitIsNotLost) {
  before_wait_ = [this] { wakers_.front().wake(); };
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/wait")));
  EXPECT_EQ(body_of(client.read_reply()), answer_of(Woken::kSignal));
}

TEST_P(StreamTest, AWaitEndsWhenItsTimeComesAndNoTimerCutsIt) {
  options_.idle_timeout = options_.body_timeout = milliseconds(20);
  options_.stuck_timeout = milliseconds(1);
  options_.is_stuck = [] { return true; };
  wait_ = milliseconds(300);
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/wait")));
  EXPECT_EQ(body_of(client.read_reply()), answer_of(Woken::kTimeout));
}

TEST_P(StreamTest, AWaitWithoutTimeEndsAtOnce) {
  wait_ = milliseconds(0);
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/wait")));
  EXPECT_EQ(body_of(client.read_reply()), answer_of(Woken::kTimeout));
}

TEST_P(StreamTest, AWaitEndsWhenTheClientGoes) {
  {
    RawClient gone(address());
    ASSERT_TRUE(gone.send(get("/wait")));
    ASSERT_TRUE(seen_.wait([this] { return wakers_.size() == 1; }));
  }
  ASSERT_TRUE(seen_.wait([this] { return woken_.size() == 1; }));
  EXPECT_EQ(woken_.front(), Woken::kGone);
  EXPECT_TRUE(eventually([this] { return server_->connections() == 0; }));
}

TEST_P(StreamTest, WaitsEndWhenTheServerStops) {
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/wait")));
  ASSERT_TRUE(seen_.wait([this] { return wakers_.size() == 1; }));
  auto drained = std::async(std::launch::async, [this] { return server_->drain(std::chrono::seconds(10)); });
  const std::string reply = client.read_reply();
  EXPECT_EQ(body_of(reply), answer_of(Woken::kStopping));
  EXPECT_THAT(reply, ::testing::HasSubstr("Connection: close"));
  client.close();
  EXPECT_TRUE(drained.get());
}

// The rest of a body and the next requests may come while a request waits; a part of them stays in the kernel.
TEST_P(StreamTest, WhatComesDuringAWaitIsReadAfterwards) {
  RawClient client(address());
  ASSERT_TRUE(client.send(testing::post("/wait", "Content-Length: 9000\r\n", "begin")));
  ASSERT_TRUE(seen_.wait([this] { return wakers_.size() == 1; }));
  std::string more(8995, 'b');
  for (int i = 0; i < 100; ++i) more += get("/" + std::to_string(i));
  ASSERT_TRUE(client.send(more));
  wakers_.front().wake();
  EXPECT_EQ(body_of(client.read_reply()), answer_of(Woken::kSignal));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(body_of(client.read_reply()), "/" + std::to_string(i));
}

std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// The clients are in this process, too; they hold nothing but their socket. VBRAIN_TEST_WAITERS: another number.
std::size_t number_of_clients() {
  const char* given = std::getenv("VBRAIN_TEST_WAITERS");
  const std::size_t wanted = given == nullptr ? 200 : std::strtoul(given, nullptr, 10);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(wanted, (limit.rlim_cur - 100) / 2);
}

template <class Ready>
std::size_t cost_of(const std::string& address, const std::string& request, std::size_t count, Ready ready) {
  std::vector<std::unique_ptr<RawClient>> clients;
  clients.reserve(count);
  const std::size_t allocated_before = mallinfo2().uordblks;
  const std::size_t before = resident_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<RawClient>(address));
    EXPECT_TRUE(clients.back()->send(request));
  }
  EXPECT_TRUE(ready());
  const std::size_t after = resident_bytes();
  // The memory of an earlier test may be in use again: then the process has not grown.
  const std::size_t allocated = (mallinfo2().uordblks - allocated_before) / count;
  const std::size_t grown = after < before ? 0 : (after - before) / count;
  std::printf("%zu clients: the process grew by %zu bytes for each, %zu were allocated\n", count, grown, allocated);
  return std::max(grown, allocated);
}

// A usual head.
const std::string kFields =
    "username: ana\r\norganization_id: acme\r\napplication_id: Tutorial\r\nclient_id: north\r\nx-api-key: vb_ana1_" +
    std::string(43, 'S') + "\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n";

TEST_P(StreamTest, AWaitCostsLittle) {
  const std::size_t count = number_of_clients();
  options_.max_connections = count + 10;
  wakers_.reserve(count);
  address();
  const std::size_t each = cost_of(address_, get("/wait", kFields), count,
                                   [&] { return seen_.wait([&] { return wakers_.size() == count; }); });
  EXPECT_LE(each, 64U << 10);
  EXPECT_TRUE(eventually([this] { return server_->connections() == 0; }));
}

TEST_P(StreamTest, AnIdleStreamCostsLittle) {
  const std::size_t count = number_of_clients();
  options_.max_connections = options_.max_streams = count + 10;
  heartbeat_ = ":\n\n";
  heartbeat_interval_ = std::chrono::seconds(15);
  address();
  const std::size_t each =
      cost_of(address_, get("/feed", kFields), count, [&] { return eventually([&] { return feed_.asked >= count; }); });
  EXPECT_LE(each, 64U << 10);
  EXPECT_TRUE(eventually([&] { return feed_.ended == count; }));
}

}  // namespace
}  // namespace vbrain::http
