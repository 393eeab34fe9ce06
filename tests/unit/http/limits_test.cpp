// Limits on time, connections and work, and the drain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <thread>
#include <tuple>
#include <vector>

#include "unit/http/server_fixture.hpp"

namespace vbrain::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::body_of;
using testing::get;
using ::testing::HasSubstr;
using testing::HttpServerTest;
using testing::post;
using testing::RawClient;
using testing::status_of;
using testing::Wire;

// From memory (by sendfile(2) where the socket is plain), and read on the pool.
class SendsFilesTest : public testing::HttpServerBase, public ::testing::WithParamInterface<std::tuple<Wire, bool>> {
 protected:
  SendsFilesTest() : HttpServerBase(std::get<0>(GetParam())) {
    options_.in_memory = std::get<1>(GetParam()) ? always_in_memory : never_in_memory;
  }
};

INSTANTIATE_TEST_SUITE_P(FromMemoryAndFromDisk, SendsFilesTest,
                         ::testing::Combine(::testing::Values(Wire::kPlain, Wire::kTls), ::testing::Bool()));

// For a test with a header_timeout in which a slow machine could not end a handshake.
class PlainHttpServerTest : public testing::HttpServerBase {
 protected:
  PlainHttpServerTest() : HttpServerBase(Wire::kPlain) {}
};

TEST_F(PlainHttpServerTest, CutsSlowHeads) {
  options_.header_timeout = milliseconds(200);
  RawClient silent(address());
  RawClient begun(address());
  begun.send("GET / HT");
  RawClient dripping(address());
  for (int i = 0; i < 100; ++i) dripping.send("G");
  EXPECT_TRUE(silent.is_closed_by_peer());
  EXPECT_TRUE(begun.is_closed_by_peer());
  EXPECT_TRUE(dripping.is_closed_by_peer());
}

TEST_P(HttpServerTest, AnswersBodiesThatPause) {
  options_.body_timeout = milliseconds(200);
  for (const char* head :
       {"Content-Length: 100\r\n", "Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"}) {
    RawClient client(address());
    ASSERT_TRUE(client.send(post("/echo", head, "4\r\nhalf\r\n")));
    const std::string reply = client.read_reply();
    EXPECT_EQ(status_of(reply), 408) << head;
    EXPECT_THAT(reply, HasSubstr("Connection: close")) << head;
    EXPECT_TRUE(client.is_closed_by_peer());
  }
  EXPECT_TRUE(seen_.wait([this] { return seen_.broken_bodies == 3; }));
}

TEST_P(HttpServerTest, CutsIdleConnections) {
  options_.idle_timeout = milliseconds(200);
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/")));
  EXPECT_EQ(status_of(client.read_reply()), 200);
  EXPECT_TRUE(client.is_closed_by_peer());
  if (client.tls() != nullptr) {
    EXPECT_TRUE(client.tls()->was_ended());
  }
}

TEST_P(SendsFilesTest, CutsSlowReaders) {
  options_.body_timeout = milliseconds(200);
  make_file(20 << 20);
  RawClient client(address(), 4096);
  ASSERT_TRUE(client.send(get("/file")));
  ASSERT_TRUE(seen_.wait([this] { return seen_.requests == 1; }));
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (server_->connections() > 0 && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(server_->connections(), 0u);
}

// body_timeout is for each 64 KiB. The whole answer takes longer: 128 times 20 ms.
TEST_P(HttpServerTest, LetsASteadyReaderTakeALargeAnswer) {
  options_.body_timeout = milliseconds(2'000);
  RawClient client(address(), 64 * 1024);
  ASSERT_TRUE(client.send(get("/large", "Connection: close\r\n")));
  EXPECT_EQ(body_of(client.read_slowly(64 * 1024, milliseconds(20))).size(), 8U << 20);
}

TEST_P(SendsFilesTest, LetsASteadyReaderTakeALargeFile) {
  options_.body_timeout = milliseconds(2'000);
  make_file(8 << 20);
  RawClient client(address(), 64 * 1024);
  ASSERT_TRUE(client.send(get("/file", "Connection: close\r\n")));
  EXPECT_EQ(body_of(client.read_slowly(64 * 1024, milliseconds(20))), "<" + file_content(8 << 20) + ">");
}

TEST_P(SendsFilesTest, NeverSendsAFileThatShrankAsIfWhole) {
  make_file(1000);
  file_size_ = 5000;
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/file")));
  bool closed = false;
  const std::string reply = client.read_to_end(&closed);
  EXPECT_TRUE(closed);
  EXPECT_LT(body_of(reply).size(), 5002u);
}

TEST_P(HttpServerTest, AFileInMemoryLeavesWithoutThePool) {
  options_.in_memory = always_in_memory;
  make_file(4 << 20);
  std::atomic<int> released{0};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pool_.try_post([&] {
      seen_.wait([this] { return seen_.gate_open; });
      ++released;
    }));
  }
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/file", "Connection: close\r\n")));
  EXPECT_EQ(body_of(client.read_to_end()), "<" + file_content(4 << 20) + ">");
  EXPECT_EQ(released, 0) << "the file was sent after the pool was free";
  seen_.change([this] { seen_.gate_open = true; });
  pool_.close();
}

TEST_P(HttpServerTest, ADownloadFromAHungVolumeIsBrokenOff) {
  std::atomic<bool> stuck{false};
  options_.in_memory = never_in_memory;
  options_.stuck_timeout = milliseconds(1);
  options_.idle_timeout = milliseconds(200);  // how often the server looks
  options_.is_stuck = [&] { return stuck.load(); };
  make_file(1 << 20);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pool_.try_post([this] { seen_.wait([this] { return seen_.gate_open; }); }));
  }
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/file")));
  ASSERT_TRUE(seen_.wait([this] { return seen_.requests == 1; }));
  stuck = true;
  bool closed = false;
  const std::string reply = client.read_to_end(&closed);
  EXPECT_TRUE(closed);
  EXPECT_EQ(status_of(reply), 200);
  EXPECT_EQ(body_of(reply), "<") << "what was announced is not made up for by other words";
  seen_.change([this] { seen_.gate_open = true; });
}

std::size_t memory_in_use() {
  const auto memory = mallinfo2();
  return memory.uordblks + memory.hblkhd;
}

// The parts around a file may be long, and all readers share them.
TEST_P(HttpServerTest, SlowReadersOfAFileShareTheTextAroundIt) {
  constexpr std::size_t kClients = 8;
  RawClient first(address());
  ASSERT_TRUE(first.send(get("/file-behind-text")));
  EXPECT_EQ(body_of(first.read_reply()), long_text_->joined() + file_content(file_size_) + "]");
  const std::size_t before = memory_in_use();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(address(), 4096));
    ASSERT_TRUE(clients.back()->send(get("/file-behind-text")));
    EXPECT_EQ(status_of(clients.back()->read_head()), 200);
  }
  EXPECT_LT(memory_in_use(), before + (kClients << 20));
  EXPECT_EQ(body_of(clients.back()->read_reply()), long_text_->joined() + file_content(file_size_) + "]");
}

TEST_P(HttpServerTest, AnAnswerIsInMemoryOnceWhileItIsSent) {
  constexpr std::size_t kClients = 4;
  const std::size_t before = memory_in_use();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(address(), 4096));
    ASSERT_TRUE(clients.back()->send(get("/large")));  // 8 MiB
    EXPECT_EQ(status_of(clients.back()->read_head()), 200);
  }
  EXPECT_LT(memory_in_use(), before + kClients * (9U << 20));
  EXPECT_EQ(body_of(clients.back()->read_reply()), std::string(8 << 20, 'x'));
}

// A refused client has no key and may be one of many.
TEST_P(HttpServerTest, ARefusedClientThatDripsItsBodyHoldsLittle) {
  options_.max_header_bytes = 32 * 1024;
  constexpr std::size_t kClients = 50;
  const std::string field = "X-Long: " + std::string(31'000, 'x') + "\r\n";
  const std::string request = post("/", field + "Content-Length: 200000\r\n", "some");
  RawClient first(address());
  const std::size_t before = mallinfo2().uordblks;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(address()));
    ASSERT_TRUE(clients.back()->send(request));
    EXPECT_EQ(status_of(clients.back()->read_reply()), 200);
    ASSERT_TRUE(clients.back()->send("more"));
  }
  // All connections wait now.
  RawClient last(address());
  ASSERT_TRUE(last.send(get("/")));
  EXPECT_EQ(status_of(last.read_reply()), 200);
  const std::size_t held = (mallinfo2().uordblks - before) / kClients;
  // The memory of the test itself: the data that each client has received.
  // TLS of both sides takes 33 kB.
  EXPECT_LT(held, 31'000 + 20'000 + (GetParam() == Wire::kTls ? 40'000 : 0));
}

// The body's first bytes come with the head and are more than what is skipped at a time.
TEST_P(HttpServerTest, GoesOnBehindABodyThatNobodyRead) {
  options_.max_header_bytes = 32 * 1024;
  RawClient client(address());
  const std::string body(20'000, 'b');
  const std::string both = post("/one", "Content-Length: 20000\r\n", body) + get("/two");
  ASSERT_TRUE(client.send(both));
  EXPECT_THAT(client.read_reply(), HasSubstr("/one"));
  EXPECT_THAT(client.read_reply(), HasSubstr("/two"));
  ASSERT_TRUE(client.send(both));
  EXPECT_THAT(client.read_reply(), HasSubstr("/one"));
  EXPECT_THAT(client.read_reply(), HasSubstr("/two"));
}

TEST_P(HttpServerTest, OthersAreServedWhileManyAreSlowAndTheSlowAreCut) {
  options_.header_timeout = milliseconds(3000);
  options_.body_timeout = milliseconds(3000);
  make_file(20 << 20);
  std::vector<std::unique_ptr<RawClient>> slow;
  const auto connect = [&](std::string_view bytes, int receive_buffer) {
    slow.push_back(std::make_unique<RawClient>(address(), receive_buffer));
    ASSERT_TRUE(slow.back()->send(bytes));
  };
  for (int i = 0; i < 20; ++i) {
    connect("GET / HTTP/1.1\r\nHost: ", 0);
    connect(post("/echo", "Content-Length: 100\r\n", "half"), 0);
    connect(post("/echo", "Transfer-Encoding: chunked\r\n", "64\r\nhalf"), 0);
    connect(get("/file"), 4096);
  }
  // Bodies and readers can't get further.
  ASSERT_TRUE(seen_.wait([this] { return seen_.requests >= 60; }));
  for (int i = 0; i < 20; ++i) {
    RawClient quick(address());
    ASSERT_TRUE(quick.send(get("/quick")));
    EXPECT_EQ(status_of(quick.read_reply()), 200);
  }
  const auto deadline = steady_clock::now() + std::chrono::seconds(20);
  while (server_->connections() > 0 && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_EQ(seen_.broken_bodies, 40u);
}

TEST_P(HttpServerTest, TurnsAwayMoreConnectionsThanAllowed) {
  options_.max_connections = 3;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(address()));
    ASSERT_TRUE(clients.back()->send(get("/")));
    EXPECT_EQ(status_of(clients.back()->read_reply()), 200);
  }
  RawClient one_too_many(address());
  const std::string refused = one_too_many.read_to_end();
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_THAT(refused, ::testing::ContainsRegex("\r\nDate: [A-Z].* GMT\r\n"));
  clients.pop_back();
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (server_->connections() == 3 && steady_clock::now() < deadline) std::this_thread::yield();
  RawClient again(address());
  ASSERT_TRUE(again.send(get("/")));
  EXPECT_EQ(status_of(again.read_reply()), 200);
}

TEST_P(HttpServerTest, AnAddressHasAsManyConnectionsAsItMay) {
  options_.max_connections_per_address = 2;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(std::make_unique<RawClient>(address()));
    ASSERT_TRUE(clients.back()->send(get("/")));
    EXPECT_EQ(status_of(clients.back()->read_reply()), 200);
  }
  if (GetParam() == Wire::kPlain) {
    RawClient one_too_many(address());
    const std::string refused = one_too_many.read_to_end();
    EXPECT_EQ(status_of(refused), 429);
    EXPECT_THAT(body_of(refused), ::testing::HasSubstr("--max-connections-per-address"));
  } else {
    // There is no handshake.
    EXPECT_EQ(RawClient(address().substr(std::string_view("https://").size())).read_to_end(), "");
  }
  EXPECT_THAT(metrics_.render(), ::testing::HasSubstr("vbrain_http_address_limit_total{listener=\"test\"} 1\n"));
  clients.pop_back();
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (server_->connections() == 2 && steady_clock::now() < deadline) std::this_thread::yield();
  RawClient again(address());
  ASSERT_TRUE(again.send(get("/")));
  EXPECT_EQ(status_of(again.read_reply()), 200);
}

TEST_P(HttpServerTest, AFullPoolIs503AndOtherRequestsAreServed) {
  // Two threads wait at the gate, 64 tasks are queued behind them: four find no room, or up to six if the threads
  // took theirs late.
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 70; ++i) {
    clients.push_back(std::make_unique<RawClient>(address()));
    ASSERT_TRUE(clients.back()->send(get("/wait")));
  }
  const auto answered = [&] {
    return std::ranges::count_if(clients, [](const auto& client) { return client->is_readable(); });
  };
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (answered() < 4 && steady_clock::now() < deadline) std::this_thread::yield();
  seen_.change([this] { seen_.gate_open = true; });
  std::map<int, int> statuses;
  for (auto& client : clients) ++statuses[status_of(client->read_reply())];
  EXPECT_EQ(statuses[200] + statuses[503], 70);
  EXPECT_THAT(statuses[503], ::testing::AllOf(::testing::Ge(4), ::testing::Le(6)));
}

TEST_P(HttpServerTest, DrainAnswersOpenRequestsAndClosesIdleConnections) {
  RawClient idle(address());
  ASSERT_TRUE(idle.send(get("/")));
  EXPECT_EQ(status_of(idle.read_reply()), 200);
  RawClient busy(address());
  ASSERT_TRUE(busy.send(get("/wait")));
  ASSERT_TRUE(seen_.wait([this] { return seen_.requests == 2; }));
  auto drained = std::async(std::launch::async, [this] { return server_->drain(std::chrono::seconds(10)); });
  EXPECT_TRUE(idle.is_closed_by_peer());
  seen_.change([this] { seen_.gate_open = true; });
  const std::string reply = busy.read_reply();
  EXPECT_EQ(body_of(reply), "waited");
  EXPECT_THAT(reply, HasSubstr("Connection: close"));
  busy.close();
  EXPECT_TRUE(drained.get());
  EXPECT_THROW(RawClient{address_}, std::runtime_error);
}

TEST_P(HttpServerTest, DrainCutsRequestsThatDoNotEnd) {
  RawClient stuck(address());
  ASSERT_TRUE(stuck.send(post("/echo", "Content-Length: 10\r\n", "")));
  ASSERT_TRUE(seen_.wait([this] { return seen_.requests == 1; }));
  EXPECT_FALSE(server_->drain(milliseconds(50)));
  EXPECT_TRUE(stuck.is_closed_by_peer());
}

TEST(HttpServerAddressTest, RefusesInvalidAddresses) {
  base::Metrics metrics;
  base::WorkerPool pool("test", 1, 1);
  IoThreads io(1);
  for (const char* address : {"", "8080", "localhost:8080", "1.2.3.4:", "1.2.3.4:70000", "1.2.3.4:x", "1.2.3.4:-1"}) {
    EXPECT_THROW(HttpServer("t", address, {}, {}, {}, io, &pool, metrics), std::runtime_error) << address;
  }
}

}  // namespace
}  // namespace vbrain::http
