// Calls: one request and one answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <latch>
#include <mutex>

#include "kube/transport/tls_source.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/kube/rest_fixture.hpp"

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::TlsConnection;
using testing::TlsServer;

TEST_F(RestTransportTest, SendsTheRequestAsItIs) {
  std::mutex mutex;
  std::vector<std::string> got;
  TlsServer server([&](TlsConnection& connection, int) {
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      {
        const std::lock_guard lock(mutex);
        got.push_back(request);
      }
      connection.answer(200, R"({"kind":"Pod"})");
    }
  });
  config_.token = "secret";
  config_.user_agent = "tester/1";
  const auto transport = connect(server);
  const auto read = transport->call(kGet, {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->body, R"({"kind":"Pod"})");
  ASSERT_TRUE(transport->call(kPost, {}));
  Request of_metadata = kGet;
  of_metadata.only_metadata = true;
  ASSERT_TRUE(transport->call(of_metadata, {}));
  ASSERT_EQ(got.size(), 3u);
  EXPECT_THAT(got[0], HasSubstr("Accept:application/json\r\n"));
  EXPECT_THAT(got[2], HasSubstr("Accept:application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"));
  EXPECT_THAT(got[0], HasSubstr("GET /api/v1/namespaces/ns/pods/a%2Fb?x=%20y HTTP/1.1\r\n"));
  EXPECT_THAT(got[0], HasSubstr("Authorization:Bearer secret\r\n"));
  EXPECT_THAT(got[0], HasSubstr("User-Agent:tester/1\r\n"));
  EXPECT_THAT(got[1], HasSubstr("Content-Type:application/json\r\n"));
  EXPECT_THAT(got[1], HasSubstr("\r\n\r\n{\"a\":1}"));
}

TEST_F(RestTransportTest, ConnectionsAreKept) {
  TlsServer server([&](TlsConnection& connection, int) {
    while (!connection.read_request().empty()) connection.answer(200, "{}");
  });
  const auto transport = connect(server);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(transport->call(kGet, {}));
  // The answer arrives a moment before its connection is free again.
  EXPECT_LE(server.connections(), 4);
}

TEST_F(RestTransportTest, AnAnswerOf300OrMoreIsAnError) {
  TlsServer server([](TlsConnection& connection, int) {
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      if (request.starts_with("GET")) {
        connection.answer(429, R"({"kind":"Status","reason":"TooManyRequests","message":"slow down"})",
                          "Retry-After: 7\r\n");
      } else {
        connection.answer(302, "", "Location: https://127.0.0.1:1/\r\n");
      }
    }
  });
  const auto transport = connect(server);
  const auto busy = transport->call(kGet, {});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, ErrorCode::kTooManyRequests);
  EXPECT_EQ(busy.error().retry_after, 7s);
  EXPECT_EQ(busy.error().message, "slow down");
  const auto moved = transport->call(kPost, {});
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().http_status, 302) << "redirects are not followed";
}

TEST_F(RestTransportTest, ADroppedKeptConnectionIsReplaced) {
  // The server closes each connection after one answer, as after an idle timeout.
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.answer(200, "{}");
  });
  const auto transport = connect(server);
  for (int i = 0; i < 20; ++i) {
    const auto read = transport->call(i % 2 == 0 ? kGet : kPost, {});
    EXPECT_TRUE(read) << i << " " << read.error().message;
  }
}

TEST_F(RestTransportTest, ADroppedKeptConnectionLeavesTheOthersInUse) {
  std::latch both(2);
  std::atomic<bool> is_dropped{false};
  std::atomic<int> last{-1};
  TlsServer server([&](TlsConnection& connection, int number) {
    for (int count = 0;; ++count) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      last = number;
      // The first requests wait for each other, so that there are two connections.
      if (number < 2 && count == 0) both.arrive_and_wait();
      if (request.starts_with("POST") && !is_dropped.exchange(true)) return;
      connection.answer(200, "{}");
    }
  });
  const auto transport = connect(server);
  {
    const std::jthread other([&] { EXPECT_TRUE(transport->call(kGet, {})); });
    EXPECT_TRUE(transport->call(kGet, {}));
  }
  ASSERT_EQ(server.connections(), 2);
  ASSERT_TRUE(transport->call(kPost, {}));
  EXPECT_EQ(last, 2) << "the repetition has a connection of its own";
  ASSERT_TRUE(transport->call(kPost, {}));
  EXPECT_LT(last, 2);
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(RestTransportTest, AConnectionThatNeverAnswersIsUnavailableAfterOneRepetition) {
  TlsServer server([](TlsConnection& connection, int) { connection.read_request(); });
  const auto transport = connect(server);
  const auto read = transport->call(kGet, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
  EXPECT_LE(server.connections(), 3);
  EXPECT_GE(server.connections(), 2);
}

// The library alone would silently send it again.
TEST_F(RestTransportTest, ARefusalOfARepeatedPostSaysThatTheFirstMayHaveBeenDone) {
  std::atomic<int> posts{0};
  TlsServer server([&](TlsConnection& connection, int number) {
    // The first connection is kept after a GET. The POST on it is read and never answered.
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      if (request.starts_with("POST") && ++posts == 1) return;
      if (number == 0) {
        connection.answer(200, "{}");
      } else {
        connection.answer(403, R"({"kind":"Status","reason":"Forbidden","message":"no"})");
      }
    }
  });
  const auto transport = connect(server);
  ASSERT_TRUE(transport->call(kGet, {}));
  const auto refused = transport->call(kPost, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kForbidden);
  EXPECT_TRUE(refused.error().maybe_done);
  EXPECT_EQ(posts, 2);
  const auto at_once = transport->call(kPost, {});
  ASSERT_FALSE(at_once);
  EXPECT_EQ(at_once.error().code, ErrorCode::kForbidden);
  EXPECT_FALSE(at_once.error().maybe_done) << "sent once";
}

TEST_F(RestTransportTest, AClosedPortIsUnavailable) {
  config_.server = "https://127.0.0.1:1";
  const auto transport = make_rest_transport(config_);
  ASSERT_TRUE(transport);
  for (const Request& request : {kGet, kPost}) {
    const auto read = (*transport)->call(request, {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
    const auto streamed = (*transport)->stream(request, {}, [](std::string_view) { return true; }, {});
    ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(RestTransportTest, SaysThatABodyNeverWentOut) {
  // Connection refused.
  config_.server = "https://127.0.0.1:1";
  const auto refused = (*make_rest_transport(config_))->call(kPost, {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().unsent) << refused.error().message;
  EXPECT_FALSE(may_have_been_done(refused.error()));
  // The kernel accepts the connection, but no TLS handshake follows.
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(bind(silent, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(listen(silent, 8), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&at), &size), 0);
  config_.server = "https://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  const auto waited = (*make_rest_transport(config_, {.call_timeout = 100ms}))->call(kPost, {});
  close(silent);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::kTimeout);
  EXPECT_FALSE(may_have_been_done(waited.error()));
}

TEST_F(RestTransportTest, SaysThatABodyMayHaveBeenRead) {
  TlsServer server([](TlsConnection& connection, int number) {
    connection.read_request();
    if (number == 0) connection.wait_for_end();
  });
  const auto transport = connect(server, {.call_timeout = 2s});
  const auto unanswered = transport->call(kPost, {});
  ASSERT_FALSE(unanswered);
  EXPECT_EQ(unanswered.error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(may_have_been_done(unanswered.error()));
  const auto dropped = transport->call(kPost, {});
  ASSERT_FALSE(dropped);
  EXPECT_TRUE(may_have_been_done(dropped.error())) << dropped.error().message;
}

TEST_F(RestTransportTest, ACallEndsAtItsTimeAlsoWhenBytesDripIn) {
  TlsServer server([](TlsConnection& connection, int number) {
    connection.read_request();
    if (number == 0) return connection.wait_for_end();
    connection.begin_chunks();
    while (connection.chunk(" ")) std::this_thread::sleep_for(5ms);
  });
  const auto transport = connect(server, {.call_timeout = 100ms});
  for (int i = 0; i < 2; ++i) {
    const auto read = transport->call(kGet, {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kTimeout);
  }
  Request quick = kGet;
  quick.timeout = 20ms;
  EXPECT_EQ(transport->call(quick, {}).error().code, ErrorCode::kTimeout);
}

TEST_F(RestTransportTest, StopEndsACallAndAStream) {
  std::latch arrived(2);
  TlsServer server([&](TlsConnection& connection, int number) {
    connection.read_request();
    if (number == 1) connection.begin_chunks();
    arrived.count_down();
    connection.wait_for_end();
  });
  const auto transport = connect(server);
  std::stop_source stop;
  std::jthread caller([&] {
    const auto read = transport->call(kGet, stop.get_token());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
  });
  std::jthread streamer([&] {
    const auto streamed = transport->stream(
        kGet, {}, [](std::string_view) { return true; }, stop.get_token());
    ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error().code, ErrorCode::kCancelled);
  });
  arrived.wait();
  stop.request_stop();
}

TEST_F(RestTransportTest, AnAnswerAboveTheLimitIsTooLarge) {
  TlsServer server([](TlsConnection& connection, int number) {
    connection.read_request();
    if (number == 0) {
      connection.answer(200, std::string(100'000, 'x'));
    } else {
      connection.begin_chunks();
      while (connection.chunk(std::string(10'000, 'x'))) {
      }
    }
  });
  const auto transport = connect(server, {.max_answer_bytes = 50'000});
  for (int i = 0; i < 2; ++i) {
    const auto read = transport->call(kGet, {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kTooLarge);
  }
}

TEST_F(RestTransportTest, AnAnswerCutOffIsNoAnswer) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
  });
  const auto transport = connect(server);
  const auto read = transport->call(kGet, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server.connections(), 1) << "the server had begun to answer: not sent again";
}

TEST_F(RestTransportTest, ARefusedTokenIsReadAgainOnce) {
  std::string pattern = (std::filesystem::temp_directory_path() / "vbrain-token-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const auto file = folder / "token";
  std::ofstream(file) << "old";
  std::atomic<int> requests{0};
  TlsServer server([&](TlsConnection& connection, int) {
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      ++requests;
      const bool good = request.find("Bearer new\r\n") != std::string::npos;
      connection.answer(good ? 200 : 401, good ? "{}" : R"({"kind":"Status","reason":"Unauthorized"})");
    }
  });
  config_.token_file = file;
  const auto transport = connect(server);
  EXPECT_EQ(transport->call(kGet, {}).error().code, ErrorCode::kUnauthorized);
  EXPECT_EQ(requests, 1) << "the same token is not tried again";
  std::ofstream(file) << "new";
  EXPECT_TRUE(transport->call(kGet, {}));
  std::filesystem::remove_all(folder);
}

TEST_F(RestTransportTest, RefusesWhatItCannotUse) {
  const auto own = testing::make_certificate({.common_name = "me"});
  const auto other = testing::make_certificate({.common_name = "other"});
  const struct {
    Config config;
    const char* want;
  } cases[] = {
      {{.server = "http://127.0.0.1:1"}, "not https"},
      {{.server = "https://h", .ca_pem = "nonsense"}, "certificate-authority"},
      {{.server = "https://h", .client_cert_pem = "nonsense", .client_key_pem = own.key_pem}, "client-certificate"},
      {{.server = "https://h", .client_cert_pem = own.certificate_pem, .client_key_pem = "nonsense"}, "client-key"},
      {{.server = "https://h", .client_cert_pem = own.certificate_pem, .client_key_pem = other.key_pem},
       "does not belong"},
  };
  for (const auto& c : cases) {
    const auto transport = make_rest_transport(c.config);
    ASSERT_FALSE(transport) << c.want;
    EXPECT_THAT(transport.error(), HasSubstr(c.want));
  }
}

TEST_F(RestTransportTest, ManyCallsAtOnce) {
  TlsServer server([](TlsConnection& connection, int) {
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      connection.answer(200, R"({"path":")" + request.substr(4, request.find(' ', 4) - 4) + "\"}");
    }
  });
  const auto transport = connect(server);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string path = "/t" + std::to_string(t) + "/" + std::to_string(i);
        const auto read = transport->call({.method = "GET", .target = path}, {});
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(read->body, R"({"path":")" + path + "\"}");
      }
    });
  }
  threads.clear();
  EXPECT_LE(server.connections(), 24);
}

}  // namespace
}  // namespace vbrain::kube
