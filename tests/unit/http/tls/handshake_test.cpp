// What a listener with TLS agrees to, and what it answers to those that speak something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "http/tls/handshakes.hpp"
#include "unit/http/server_fixture.hpp"

namespace vbrain::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::body_of;
using testing::get;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::status_of;
using testing::TlsWishes;

class TlsTest : public testing::HttpServerBase {
 protected:
  TlsTest() : HttpServerBase(testing::Wire::kTls) {}

  // Without https://, for clients that do something else.
  std::string bare_address() {
    address();
    return server_->address();
  }
  std::string count(const std::string& result) {
    const std::string name = "vbrain_http_tls_handshakes_total{listener=\"test\",result=\"" + result + "\"} ";
    const std::string all = metrics_.render();
    const auto at = all.find(name);
    return at == std::string::npos ? "" : all.substr(at + name.size(), all.find('\n', at) - at - name.size());
  }
  bool becomes(const std::string& result, const std::string& number) {
    const auto end = std::chrono::steady_clock::now() + seconds(10);
    while (count(result) != number && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return count(result) == number;
  }
};

std::string run(const std::string& command, int* status = nullptr) {
  FILE* program = ::popen((command + " 2>&1").c_str(), "r");
  std::string output(100'000, '\0');
  output.resize(std::fread(output.data(), 1, output.size(), program));
  const int ended = ::pclose(program);
  if (status != nullptr) *status = ended;
  return output;
}

TEST_F(TlsTest, AgreesToNothingOld) {
  struct Case {
    const char* name;
    TlsWishes wishes;
    const char* error;  // nullptr: the handshake succeeds
  };
  const Case cases[] = {
      {"TLS 1.3", {}, nullptr},
      {"TLS 1.2", {.newest = TLS1_2_VERSION}, nullptr},
      {"TLS 1.1", {.newest = TLS1_1_VERSION}, "protocol"},
      {"without forward secrecy", {.newest = TLS1_2_VERSION, .ciphers = "kRSA"}, "handshake failure"},
      {"http/1.1", {.protocols = "\x02h2\x08http/1.1"}, nullptr},
      {"only h2", {.protocols = "\x02h2"}, "no application protocol"},
  };
  for (const Case& it : cases) {
    RawClient client(address(), 0, it.wishes);
    EXPECT_EQ(client.tls()->ready(), it.error == nullptr) << it.name << ": " << client.tls()->error();
    if (it.error != nullptr) {
      EXPECT_THAT(client.tls()->error(), HasSubstr(it.error)) << it.name;
      continue;
    }
    ASSERT_TRUE(client.send(get("/"))) << it.name;
    EXPECT_EQ(status_of(client.read_reply()), 200) << it.name;
    if (it.wishes.protocols.empty()) continue;
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.tls()->ssl(), &protocol, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(protocol), size), "http/1.1");
  }
  EXPECT_TRUE(becomes("ok", "3"));
  EXPECT_TRUE(becomes("failed", "3"));
}

TEST_F(TlsTest, ResumesNothing) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawClient first(address(), 0, {.newest = version});
    ASSERT_TRUE(first.send(get("/")));
    ASSERT_EQ(status_of(first.read_reply()), 200);
    SSL_SESSION* const session = SSL_get1_session(first.tls()->ssl());
    EXPECT_EQ(SSL_SESSION_has_ticket(session), 0);
    {
      RawClient second(address(), 0, {.newest = version, .session = session});
      ASSERT_TRUE(second.tls()->ready());
      EXPECT_EQ(SSL_session_reused(second.tls()->ssl()), 0);
    }
    SSL_SESSION_free(session);
  }
}

TEST_F(TlsTest, RefusesToRenegotiate) {
  RawClient client(address(), 0, {.newest = TLS1_2_VERSION});
  ASSERT_TRUE(client.tls()->ready());
  ASSERT_EQ(SSL_renegotiate(client.tls()->ssl()), 1);
  EXPECT_FALSE(client.send(get("/")) && !client.read_reply().empty());
  EXPECT_THAT(client.tls()->error(), HasSubstr("no renegotiation"));
}

// The server would read them as fast as they come, and nothing else on that thread.
TEST_F(TlsTest, RefusesToRenewKeysForEver) {
  const auto renew = [](RawClient& client, int times) {
    for (int i = 0; i < times; ++i) {
      if (SSL_key_update(client.tls()->ssl(), SSL_KEY_UPDATE_NOT_REQUESTED) != 1) return;
      // Sends it now, without data.
      if (SSL_do_handshake(client.tls()->ssl()) != 1) return;
    }
  };
  RawClient some(address(), 0, {});
  for (int turn = 0; turn < 3; ++turn) {
    renew(some, 50);
    ASSERT_TRUE(some.send(get("/")));
    EXPECT_EQ(status_of(some.read_reply()), 200) << "what comes between data is no flood";
  }
  RawClient flood(address(), 0, {});
  renew(flood, 2'000);
  EXPECT_FALSE(flood.send(get("/")) && !flood.read_reply().empty());
}

TEST_F(TlsTest, TellsAPlainClientToUseHttps) {
  for (const char* method : {"GET", "POST", "DELETE", "OPTIONS", "get"}) {
    RawClient client(bare_address());
    ASSERT_TRUE(client.send(std::string(method) + " /api/v1/job HTTP/1.1\r\nHost: x\r\n\r\n"));
    bool closed = false;
    const std::string reply = client.read_to_end(&closed);
    EXPECT_EQ(status_of(reply), 400) << method;
    EXPECT_THAT(body_of(reply), HasSubstr("{\"detail\":\"this port speaks HTTPS")) << method;
    EXPECT_TRUE(closed);
  }
  EXPECT_EQ(count("plain_http"), "5");
  EXPECT_EQ(seen_.requests, 0u);
}

TEST_F(TlsTest, ClosesWhatIsNoHandshake) {
  for (const std::string& bytes :
       {std::string(100, '\0'), std::string("\x16\x03\x01\xff\xff", 5) + std::string(70'000, 'x'),
        std::string("\x80\x2e\x01\x00\x02", 5) + std::string(60, 'x')}) {
    RawClient client(bare_address());
    client.send(bytes);
    EXPECT_TRUE(client.is_closed_by_peer());
  }
  EXPECT_TRUE(becomes("failed", "3"));
  // So a load balancer looks whether the port is open.
  { const RawClient probe(bare_address()); }
  RawClient other(address());
  ASSERT_TRUE(other.send(get("/")));
  EXPECT_EQ(status_of(other.read_reply()), 200);
  EXPECT_EQ(count("failed"), "3");
}

TEST_F(TlsTest, CutsHandshakesThatDoNotEnd) {
  options_.header_timeout = milliseconds(200);
  RawClient silent(bare_address());
  RawClient begun(bare_address());
  begun.send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(silent.is_closed_by_peer());
  EXPECT_TRUE(begun.is_closed_by_peer());
  EXPECT_TRUE(becomes("failed", "2"));
}

TEST_F(TlsTest, HandshakesCountAsConnections) {
  options_.max_connections = 1;
  const RawClient silent(bare_address());
  const auto end = std::chrono::steady_clock::now() + seconds(10);
  while (server_->connections() == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  RawClient second(address());
  ASSERT_TRUE(second.tls()->ready());
  const std::string refused = second.read_to_end();
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_THAT(body_of(refused), HasSubstr("too many connections"));
  EXPECT_TRUE(second.tls()->was_ended());
}

TEST_F(TlsTest, DrainEndsHandshakes) {
  RawClient silent(bare_address());
  const auto end = std::chrono::steady_clock::now() + seconds(10);
  while (server_->connections() == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(server_->drain(seconds(10)));
  EXPECT_TRUE(silent.is_closed_by_peer());
  EXPECT_EQ(count("failed"), "0");
}

// A record is smaller than a head, a body and an answer; several requests share one.
TEST_F(TlsTest, RecordsAreNoRequests) {
  RawClient client(address());
  std::string all;
  for (int i = 0; i < 30; ++i) all += testing::post("/echo", "Content-Length: 3000\r\n", std::string(3000, 'a'));
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 30; ++i) EXPECT_EQ(body_of(client.read_reply()), std::string(3000, 'a'));
}

TEST_F(TlsTest, CurlOpensslAndPythonAreServed) {
  make_file(3'000'000);
  address();
  const std::string port = server_->address().substr(server_->address().rfind(':') + 1);
  const std::string authority = testing::TestCertificates::get().file("ca.crt");
  int status = 0;
  if (std::system("curl --version >/dev/null 2>&1") == 0) {
    const std::string curl = "curl -sS " + certificate_.curl_options() + " ";
    EXPECT_EQ(run(curl + certificate_.url_of(*server_) + "/a", &status).substr(0, 4), "/a||");
    EXPECT_EQ(status, 0);
    EXPECT_EQ(run(curl + certificate_.url_of(*server_) + "/file | wc -c"), "3000002\n");
    // An upload with Expect: 100-continue.
    EXPECT_EQ(run("head -c 1000000 /dev/zero | " + curl + "-H 'Expect: 100-continue' --data-binary @- " +
                  certificate_.url_of(*server_) + "/echo | wc -c"),
              "1000000\n");
    EXPECT_THAT(run("curl -sS --noproxy '*' " + certificate_.url_of(*server_) + "/"), HasSubstr("certificate"));
    EXPECT_TRUE(becomes("failed", "1"));
  }
  if (std::system("openssl version >/dev/null 2>&1") == 0) {
    const std::string shown =
        run("printf 'GET /b HTTP/1.0\\r\\n\\r\\n' | openssl s_client -ign_eof -connect 127.0.0.1:" + port +
            " -CAfile " + authority + " -verify_return_error -alpn http/1.1");
    EXPECT_THAT(shown, HasSubstr("/b||"));
    EXPECT_THAT(shown, HasSubstr("ALPN protocol: http/1.1"));
    EXPECT_THAT(shown, HasSubstr("closed"));
  }
  if (std::system("python3 -c 'import ssl' 2>/dev/null") == 0) {
    EXPECT_EQ(
        run("python3 -c \"import ssl, urllib.request as r; print(len(r.urlopen('" + certificate_.url_of(*server_) +
            "/file', context=ssl.create_default_context(cafile='" + authority + "')).read()))\""),
        "3000002\n");
  }
}

TEST(SparseMessages, OneOfManyInEachPause) {
  const std::chrono::steady_clock::time_point begin{};
  SparseMessages messages(seconds(10));
  EXPECT_EQ(messages.note(begin), 1u);
  EXPECT_EQ(messages.note(begin + seconds(1)), std::nullopt);
  EXPECT_EQ(messages.note(begin + milliseconds(9'999)), std::nullopt);
  EXPECT_EQ(messages.note(begin + seconds(10)), 3u);
  EXPECT_EQ(messages.note(begin + seconds(11)), std::nullopt);
}

TEST(Handshakes, KnowsRemedies) {
  EXPECT_THAT(std::string(remedy_of("tlsv1 alert unknown ca")), HasSubstr("issuer's certificate"));
  EXPECT_THAT(std::string(remedy_of("unsupported protocol")), HasSubstr("TLS 1.2"));
  EXPECT_EQ(remedy_of("the client closed the connection"), "");
}

}  // namespace
}  // namespace vbrain::http
