// Streams: an answer that is read while it arrives, such as a watch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "unit/kube/rest_fixture.hpp"

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;
using testing::TlsConnection;
using testing::TlsServer;

using RestStreamTest = RestTransportTest;

TEST_F(RestStreamTest, StreamsChunksUntilTheServerEnds) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    connection.chunk("one\ntw");
    connection.chunk("o\nthree\n");
    connection.end_chunks();
    connection.wait_for_end();
  });
  const auto transport = connect(server);
  std::string all;
  const auto ended = transport->stream(kGet, {},
                                       [&](std::string_view chunk) {
                                         all += chunk;
                                         return true;
                                       },
                                       {});
  EXPECT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(all, "one\ntwo\nthree\n");
}

TEST_F(RestStreamTest, AStreamEndsWhenItsReaderHasEnough) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    while (connection.chunk("more\n")) {
    }
  });
  const auto transport = connect(server);
  EXPECT_TRUE(transport->stream(kGet, {}, [](std::string_view) { return false; }, {}));
}

TEST_F(RestStreamTest, StopIsSeenBetweenDataThatNeverPauses) {
  std::atomic<std::size_t> written{0};
  TlsServer server([&](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    const std::string bytes(64 << 10, 'x');
    while (connection.chunk(bytes)) written += bytes.size();
  });
  const auto transport = connect(server);
  std::stop_source stop;
  int calls = 0;
  std::size_t got = 0;
  const auto reader = [&](std::string_view chunk) {
    ++calls;
    got += chunk.size();
    stop.request_stop();
    // The next bytes arrive before these are processed.
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (written < got + (192 << 10) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return calls < 100;
  };
  const auto ended = transport->stream(kGet, {}, reader, stop.get_token());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(calls, 1);
}

TEST_F(RestStreamTest, AReaderThatThrowsEndsItsStream) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    while (connection.chunk("more\n")) {
    }
  });
  const auto transport = connect(server);
  const auto throwing = [](std::string_view) -> bool { throw std::runtime_error("reader"); };
  EXPECT_THROW((void)transport->stream(kGet, {}, throwing, {}), std::runtime_error);
}

TEST_F(RestStreamTest, ABrokenStreamGivesWhatCameAndAnError) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    connection.chunk("half a li");
  });
  const auto transport = connect(server);
  std::string all;
  const auto ended = transport->stream(kGet, {},
                                       [&](std::string_view chunk) {
                                         all += chunk;
                                         return true;
                                       },
                                       {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(ended.error().http_status, 0);
  EXPECT_EQ(all, "half a li");
}

TEST_F(RestStreamTest, ASilentStreamTimesOutAndAnActiveOneDoesNot) {
  TlsServer server([](TlsConnection& connection, int number) {
    connection.read_request();
    if (number > 0) connection.begin_chunks();
    if (number > 1) {
      // The whole answer takes longer than the idle time, but no gap does.
      for (int i = 0; i < 12; ++i) {
        std::this_thread::sleep_for(100ms);
        connection.chunk("x");
      }
    }
    connection.wait_for_end();
  });
  const auto transport = connect(server);
  for (int i = 0; i < 3; ++i) {
    std::size_t seen = 0;
    const auto ended = transport->stream(kGet, {.idle_timeout = 1'000ms},
                                         [&](std::string_view chunk) {
                                           seen += chunk.size();
                                           return true;
                                         },
                                         {});
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, ErrorCode::kTimeout);
    EXPECT_EQ(seen, i == 2 ? 12u : 0u);
  }
}

TEST_F(RestStreamTest, ASlowReaderHoldsTheServerBack) {
  std::atomic<std::size_t> written{0};
  TlsServer server([&](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    const std::string bytes(64 << 10, 'x');
    while (connection.chunk(bytes)) written += bytes.size();
  });
  const auto transport = connect(server);
  const auto ended = transport->stream(kGet, {},
                                       [&](std::string_view) {
                                         // until the server's socket buffer is full, because nobody reads
                                         std::size_t before = 0;
                                         do {
                                           before = written;
                                           std::this_thread::sleep_for(100ms);
                                         } while (written != before);
                                         return false;
                                       },
                                       {});
  EXPECT_TRUE(ended);
  EXPECT_LT(written, 32u << 20) << "buffers of the kernel and ours, no more";
}

TEST_F(RestStreamTest, TheStatusOfARefusedStreamIsItsError) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.answer(410, R"({"kind":"Status","reason":"Expired","message":"too old"})");
    connection.wait_for_end();
  });
  const auto transport = connect(server);
  bool seen = false;
  const auto ended = transport->stream(kGet, {},
                                       [&](std::string_view) {
                                         seen = true;
                                         return true;
                                       },
                                       {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kGone);
  EXPECT_EQ(ended.error().message, "too old");
  EXPECT_FALSE(seen);
}

// Cancelled in the handshake, before the answer, or in the middle of it. None of these may end the process.
TEST_F(RestStreamTest, ManyRequestsAreCancelledAtAnyTime) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.begin_chunks();
    while (connection.chunk("some bytes of a watch\n")) {
    }
  });
  const auto transport = connect(server);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<std::uint32_t>(t + 1));
      for (int i = 0; i < 100; ++i) {
        std::stop_source stop;
        std::jthread stopper([&, time = std::chrono::microseconds(random() % 8'000)] {
          std::this_thread::sleep_for(time);
          stop.request_stop();
        });
        const auto ended = transport->stream(
            kGet, {}, [](std::string_view) { return true; }, stop.get_token());
        ASSERT_FALSE(ended);
        EXPECT_EQ(ended.error().code, ErrorCode::kCancelled);
      }
    });
  }
}

}  // namespace
}  // namespace vbrain::kube
