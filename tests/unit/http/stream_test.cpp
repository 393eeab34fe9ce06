// Bodies that are made while they are sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include "unit/http/stream_fixture.hpp"

namespace vbrain::http {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::get;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using testing::status_of;
using testing::StreamTest;

constexpr std::string_view kLastChunk = "0\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(Over, StreamTest, ::testing::Values(testing::Wire::kPlain, testing::Wire::kTls),
                         testing::name_of);

TEST_P(StreamTest, SendsWhatComesInChunksAndGoesOnWithTheNextRequest) {
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/feed")));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
  feed_.put(StreamPiece::of("hello"));
  EXPECT_EQ(client.read_until("hello\r\n"), "5\r\nhello\r\n");
  // The next request comes while this one is answered.
  ASSERT_TRUE(client.send(get("/after") + get("/that")));
  feed_.put(StreamPiece::of(""));
  feed_.put(StreamPiece::of(std::string(17, 'x')));
  EXPECT_EQ(client.read_until("x\r\n"), "11\r\n" + std::string(17, 'x') + "\r\n");
  feed_.put(StreamPiece::end());
  EXPECT_EQ(client.read_until(kLastChunk), kLastChunk);
  EXPECT_EQ(body_of(client.read_reply()), "/after");
  EXPECT_EQ(body_of(client.read_reply()), "/that");
  EXPECT_EQ(feed_.ended, 1u);
}

// The value of an option of the server's socket of its only connection; -1 if there is none.
int option_at_server(const std::string& address, int level, int option) {
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in own{};
    sockaddr_in peer{};
    socklen_t size = sizeof own;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0 || ntohs(own.sin_port) != port) continue;
    size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;  // the one that listens
    int value = -1;
    size = sizeof value;
    ::getsockopt(fd, level, option, &value, &size);
    return value;
  }
  return -1;
}

// A machine that lost power says nothing; without these options TCP waits for a quarter of an hour, or for ever.
TEST_P(StreamTest, APeerThatVanishedHoldsAStreamForTwoMinutes) {
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/feed")));
  EXPECT_NE(client.read_until("\r\n\r\n"), "");
  EXPECT_EQ(option_at_server(address(), IPPROTO_TCP, TCP_USER_TIMEOUT), 120'000);
  EXPECT_EQ(option_at_server(address(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_at_server(address(), IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option_at_server(address(), IPPROTO_TCP, TCP_KEEPINTVL), 15);
  EXPECT_EQ(option_at_server(address(), IPPROTO_TCP, TCP_KEEPCNT), 4);
}

TEST_P(StreamTest, AClientOfHttp10GetsTheBytesAndTheEnd) {
  RawClient client(address());
  ASSERT_TRUE(client.send("GET /feed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(head, HasSubstr("Connection: close"));
  feed_.put(StreamPiece::of("hello"));
  feed_.put(StreamPiece::end());
  bool closed = false;
  EXPECT_EQ(client.read_to_end(&closed), "hello");
  EXPECT_TRUE(closed);
  EXPECT_FALSE(client.was_reset());
  if (client.tls() != nullptr) {
    EXPECT_TRUE(client.tls()->was_ended());
  }
}

TEST_P(StreamTest, HeadAsksForNothingOfTheStream) {
  options_.max_streams = 0;
  RawClient client(address());
  ASSERT_TRUE(client.send("HEAD /feed HTTP/1.1\r\nHost: x\r\n\r\n" + get("/after")));
  EXPECT_THAT(client.read_reply(true), HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_EQ(body_of(client.read_reply()), "/after");
  EXPECT_EQ(feed_.asked, 0u);
  EXPECT_EQ(feed_.ended, 1u);
}

TEST_P(StreamTest, AnIdleStreamSendsHeartbeatsAndNoTimerCutsIt) {
  options_.idle_timeout = options_.body_timeout = milliseconds(40);
  options_.stuck_timeout = milliseconds(1);
  options_.is_stuck = [] { return true; };
  heartbeat_ = ":\n\n";
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/feed")));
  ASSERT_NE(client.read_until("\r\n\r\n"), "");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(client.read_until(":\n\n\r\n"), "3\r\n:\n\n\r\n");
  feed_.put(StreamPiece::of("data"));
  EXPECT_THAT(client.read_until("data\r\n"), HasSubstr("4\r\ndata\r\n"));
}

TEST_P(StreamTest, EndsWhenAnIdleClientGoes) {
  RawClient gone(address());
  ASSERT_TRUE(gone.send(get("/feed")));
  ASSERT_NE(gone.read_until("\r\n\r\n"), "");
  gone.close();
  EXPECT_TRUE(eventually([this] { return feed_.ended == 1; }));
  // Also when it has sent something else before.
  RawClient half(address());
  ASSERT_TRUE(half.send(get("/feed") + "GET /next"));
  ASSERT_NE(half.read_until("\r\n\r\n"), "");
  half.shutdown_write();
  EXPECT_TRUE(eventually([this] { return feed_.ended == 2; }));
  EXPECT_TRUE(eventually([this] { return server_->connections() == 0; }));
}

TEST_P(StreamTest, ABrokenStreamDoesNotLookComplete) {
  for (const char* request : {"GET /feed HTTP/1.1\r\nHost: x\r\n\r\n", "GET /feed HTTP/1.0\r\n\r\n"}) {
    RawClient client(address());
    ASSERT_TRUE(client.send(request));
    const bool old = client.read_until("\r\n\r\n").find("Transfer-Encoding") == std::string::npos;
    feed_.put(StreamPiece::of("half"));
    ASSERT_NE(client.read_until("half"), "");
    feed_.put(StreamPiece::broken());
    bool closed = false;
    EXPECT_THAT(client.read_to_end(&closed), Not(HasSubstr(kLastChunk)));
    EXPECT_TRUE(closed);
    // Without chunks the end of the connection would be the end of the body.
    EXPECT_EQ(client.was_reset(), old);
    if (client.tls() != nullptr) {
      EXPECT_FALSE(client.tls()->was_ended());
    }
  }
}

TEST_P(StreamTest, CurlSeesWhatIsCompleteAndWhatIsNot) {
  if (std::system("curl --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "curl is not installed";
  address();
  const std::string command =
      "curl -sS " + certificate_.curl_options() + " " + certificate_.url_of(*server_) + "/feed 2>/dev/null";
  for (const bool whole : {true, false}) {
    feed_.put(StreamPiece::of("hello "));
    feed_.put(StreamPiece::of("world"));
    feed_.put(whole ? StreamPiece::end() : StreamPiece::broken());
    FILE* curl = ::popen(command.c_str(), "r");
    ASSERT_NE(curl, nullptr);
    std::string body(100, '\0');
    body.resize(std::fread(body.data(), 1, body.size(), curl));
    EXPECT_EQ(::pclose(curl) == 0, whole);
    EXPECT_EQ(body, "hello world");
  }
}

TEST_P(StreamTest, AnExceptionBreaksTheStreamAndOverloadDoesNot) {
  std::atomic<int> turn{0};
  next_ = [&]() -> StreamPiece {
    ++turn;
    if (turn == 1) throw Overloaded();
    if (turn == 2) return StreamPiece::of("after all");
    throw std::runtime_error("secret");
  };
  RawClient client(address());
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(client.send("GET /asked HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\n\r\n"));
  const std::string all = client.read_to_end();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr(R"("message":"a stream was broken off","request_id":"r1","trace_id":"4bf9")"));
  EXPECT_THAT(all, HasSubstr("9\r\nafter all\r\n"));
  EXPECT_THAT(all, Not(HasSubstr(kLastChunk)));
  EXPECT_THAT(all, Not(HasSubstr("secret")));
}

// The stream is asked only for what the client takes, and the kernel keeps little of it.
TEST_P(StreamTest, AReaderThatStandsStopsTheStreamAndIsCut) {
  options_.body_timeout = milliseconds(300);
  std::atomic<std::size_t> given{0};
  next_ = [&] {
    given += 8192;
    return StreamPiece::of(std::string(8192, 'x'));
  };
  RawClient client(address(), 4096);
  ASSERT_TRUE(client.send(get("/asked")));
  EXPECT_TRUE(eventually([this] { return feed_.ended == 1; }));
  EXPECT_LT(given, 512U << 10);
}

TEST_P(StreamTest, AStreamThatNeverPausesLeavesOthersTheirTurn) {
  next_ = [] { return StreamPiece::of(std::string(8192, 'x')); };
  RawClient greedy(address());
  ASSERT_TRUE(greedy.send(get("/asked")));
  std::jthread reader([&](std::stop_token stop) {
    while (!stop.stop_requested() && !greedy.read_until("xxxx\r\n").empty()) {
    }
  });
  for (int i = 0; i < 20; ++i) {
    RawClient quick(address());
    ASSERT_TRUE(quick.send(get("/quick")));
    EXPECT_EQ(body_of(quick.read_reply()), "/quick");
  }
  reader.request_stop();
}

TEST_P(StreamTest, AStreamThatGivesNothingAgainAndAgainLeavesOthersTheirTurn) {
  next_ = [] { return StreamPiece::of(""); };
  RawClient busy(address());
  ASSERT_TRUE(busy.send(get("/asked")));
  RawClient quick(address());
  ASSERT_TRUE(quick.send(get("/quick")));
  EXPECT_EQ(body_of(quick.read_reply()), "/quick");
}

TEST_P(StreamTest, StreamsEndProperlyWhenTheServerStops) {
  feed_.at_stop = StreamPiece::of("come back");
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/feed")));
  ASSERT_NE(client.read_until("\r\n\r\n"), "");
  auto drained = std::async(std::launch::async, [this] { return server_->drain(std::chrono::seconds(10)); });
  EXPECT_EQ(client.read_to_end(), "9\r\ncome back\r\n0\r\n\r\n");
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(feed_.ended, 1u);
}

TEST_P(StreamTest, AStreamWithoutItsEndSaysSoWhenTheServerStops) {
  feed_.at_stop = StreamPiece::broken();
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/feed")));
  ASSERT_NE(client.read_until("\r\n\r\n"), "");
  EXPECT_TRUE(server_->drain(std::chrono::seconds(10)));
  bool closed = false;
  EXPECT_EQ(client.read_to_end(&closed), "");
  EXPECT_TRUE(closed);
}

TEST_P(StreamTest, OneTooManyIsRefusedAndAPlaceBecomesFree) {
  options_.max_streams = 1;
  RawClient first(address());
  ASSERT_TRUE(first.send(get("/feed")));
  ASSERT_EQ(status_of(first.read_until("\r\n\r\n")), 200);
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_http_streams{listener=\"test\"} 1"));
  RawClient second(address());
  ASSERT_TRUE(second.send(get("/asked")));
  const std::string refused = second.read_reply();
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_THAT(refused, HasSubstr("--max-streams"));
  first.close();
  EXPECT_TRUE(eventually([this] { return feed_.ended == 2; }));
  RawClient third(address());
  ASSERT_TRUE(third.send(get("/feed")));
  EXPECT_EQ(status_of(third.read_until("\r\n\r\n")), 200);
  feed_.put(StreamPiece::of("counted"));
  feed_.put(StreamPiece::end());
  ASSERT_NE(third.read_until(kLastChunk), "");
  ASSERT_TRUE(third.send(get("/next")));
  ASSERT_EQ(body_of(third.read_reply()), "/next");
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_http_streams{listener=\"test\"} 0"));
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_http_stream_bytes_total{listener=\"test\"} 7"));
}

// Works on the pool, where it hangs.
class HangingStream final : public Stream {
 public:
  HangingStream(base::WorkerPool& pool, testing::Seen& seen) : pool_(pool), seen_(seen) {}
  Task<StreamPiece> next() override {
    const auto hang = [this] {
      seen_.change([this] { ++seen_.requests; });
      seen_.wait([this] { return seen_.gate_open; });
    };
    co_await run_on(pool_, hang);
    co_return StreamPiece::of("late");
  }

 private:
  base::WorkerPool& pool_;
  testing::Seen& seen_;
};

TEST_P(StreamTest, AStreamThatHangsIsCutOffWithoutASecondAnswer) {
  std::atomic<bool> stuck{false};
  options_.stuck_timeout = milliseconds(1);
  options_.idle_timeout = milliseconds(200);  // how often the server looks
  options_.is_stuck = [&] { return stuck.load(); };
  own_ = std::make_shared<HangingStream>(pool_, seen_);
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/own")));
  ASSERT_NE(client.read_until("\r\n\r\n"), "");
  ASSERT_TRUE(seen_.wait([this] { return seen_.requests == 1; }));
  stuck = true;
  bool closed = false;
  EXPECT_EQ(client.read_to_end(&closed), "");
  EXPECT_TRUE(closed);
  seen_.change([this] { seen_.gate_open = true; });
}

}  // namespace
}  // namespace vbrain::http
