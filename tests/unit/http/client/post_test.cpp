// One POST to a real server: whom it trusts, what it never does, and how it ends.
#include "http/client/post.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "http/client/allow_list.hpp"
#include "support/cpp/certificates.hpp"
#include "support/cpp/temp_dir.hpp"
#include "support/cpp/tls_server.hpp"
#include "unit/http/server_fixture.hpp"

namespace vbrain::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Cause = NoAnswer::Cause;
using vbrain::testing::TlsConnection;
using vbrain::testing::TlsServer;

Result<void, std::string> anything(const IpAddress&) {
  return {};
}

Post post_to(const std::string& url) {
  return {.url = parse_url(url).value(),
          .fields = {{"webhook-id", "m1"}, {"Content-Type", "application/json"}},
          .body = "{}"};
}

// A receiver whose authority is known.
class PostTest : public ::testing::Test {
 protected:
  // The servers of this test write with write(2).
  PostTest() { std::signal(SIGPIPE, SIG_IGN); }

  Result<int, NoAnswer> send(const TlsServer& server, const std::string& host = "127.0.0.1",
                             milliseconds patience = seconds(10), std::stop_token stop = {}) {
    vbrain::testing::write_file(folder_ / "ca.crt", server.authority_pem());
    return post(post_to(server.url(host) + "/jobs?a=1"), check_, authorities_, patience, std::move(stop));
  }

  vbrain::testing::TempDir folder_{::testing::TempDir()};
  AddressCheck check_ = anything;
  Authorities authorities_{folder_ / "ca.crt", folder_ / "no-such-file"};
};

TEST_F(PostTest, SendsTheRequestAndReturnsTheStatus) {
  std::string seen;
  TlsServer server([&](TlsConnection& connection, int number) {
    seen = connection.read_request();
    connection.answer(number == 0 ? 204 : 500, "");
  });
  const auto status = send(server);
  ASSERT_TRUE(status) << status.error().detail;
  EXPECT_EQ(*status, 204);
  EXPECT_THAT(seen, ::testing::StartsWith("POST /jobs?a=1 HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Host: " + server.url().substr(8) + "\r\n"));
  EXPECT_THAT(seen, HasSubstr("webhook-id: m1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(seen, ::testing::EndsWith("\r\n\r\n{}"));
  EXPECT_EQ(send(server).value(), 500);
}

TEST_F(PostTest, ByName) {
  std::atomic<int> connections{0};
  TlsServer server(
      [&](TlsConnection& connection, int) {
        ++connections;
        connection.read_request();
        connection.answer(200, "");
      },
      "DNS:localhost");
  const auto status = send(server, "localhost");
  ASSERT_TRUE(status) << status.error().detail;
  EXPECT_EQ(*status, 200);
}

TEST_F(PostTest, ARedirectIsAnAnswer) {
  TlsServer server([&](TlsConnection& connection, int) {
    connection.read_request();
    connection.answer(302, "", "Location: /other\r\n");
  });
  EXPECT_EQ(send(server).value(), 302);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(PostTest, TrustsNoOther) {
  const auto serve = [](TlsConnection& connection, int) {
    connection.read_request();
    connection.answer(200, "");
  };
  {
    TlsServer server(serve, "DNS:other.example");
    const auto status = send(server);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().cause, Cause::kNotTrusted);
    EXPECT_THAT(status.error().detail, HasSubstr("IP address mismatch"));
  }
  {
    TlsServer server(serve, "IP:127.0.0.1");
    const auto status = send(server, "localhost");
    ASSERT_FALSE(status) << "a certificate for the address is none for the name";
    EXPECT_EQ(status.error().cause, Cause::kNotTrusted);
  }
  {
    TlsServer server(serve);
    TlsServer other(serve);
    vbrain::testing::write_file(folder_ / "ca.crt", other.authority_pem());
    const auto status = post(post_to(server.url()), check_, authorities_, seconds(10));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().cause, Cause::kNotTrusted);
    EXPECT_THAT(status.error().detail, HasSubstr("certificate"));
  }
}

TEST_F(PostTest, WithoutAnAuthorityNothingIsSent) {
  Authorities none("", folder_ / "no-such-file");
  std::atomic<int> seen{0};
  TlsServer server([&](TlsConnection&, int) { ++seen; });
  const auto status = post(post_to(server.url()), check_, none, seconds(10));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().cause, Cause::kNotTrusted);
  EXPECT_THAT(status.error().detail, HasSubstr("no-such-file"));
  EXPECT_EQ(server.connections(), 0);
}

// The check sees what the name resolves to, not the name, and nothing is connected before.
TEST_F(PostTest, ARefusedAddressIsNotConnected) {
  TlsServer server([](TlsConnection&, int) {}, "DNS:localhost");
  std::vector<std::string> asked;
  check_ = [&](const IpAddress& address) -> Result<void, std::string> {
    asked.push_back(to_text(address));
    return Unexpected<std::string>(asked.back() + " is a loopback address");
  };
  for (const char* host : {"localhost", "127.0.0.1"}) {
    asked.clear();
    const auto status = send(server, host);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().cause, Cause::kRefused);
    EXPECT_THAT(status.error().detail, HasSubstr("loopback"));
    EXPECT_EQ(asked.size(), 1u) << "the first that is refused ends it";
  }
  EXPECT_EQ(server.connections(), 0);
}

// One of several addresses is enough to refuse the host.
TEST(AllowAll, ChecksEachAddress) {
  const auto list = AllowList::parse({"hooks.example.com"}).value();
  const Url url = parse_url("https://hooks.example.com/").value();
  const auto check = [&](const IpAddress& address) { return list.check(url, address); };
  const IpAddress open = parse_address("8.8.8.8").value();
  const IpAddress loopback = parse_address("::1").value();
  EXPECT_TRUE(allow_all({open, open}, check));
  for (const auto& addresses : {std::vector{loopback, open}, std::vector{open, loopback}}) {
    const auto verdict = allow_all(addresses, check);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().cause, Cause::kRefused);
    EXPECT_EQ(verdict.error().detail, "::1 is a loopback address");
  }
}

TEST_F(PostTest, EndsInTime) {
  struct Case {
    const char* name;
    TlsServer::Serve serve;
  };
  const Case cases[] = {
      {"no answer", [](TlsConnection& connection, int) { connection.wait_for_end(); }},
      {"half a head",
       [](TlsConnection& connection, int) {
         connection.read_request();
         connection.write("HTTP/1.1 200 OK\r\nX-");
         connection.wait_for_end();
       }},
  };
  for (const Case& it : cases) {
    TlsServer server(it.serve);
    const auto status = send(server, "127.0.0.1", milliseconds(300));
    ASSERT_FALSE(status) << it.name;
    EXPECT_EQ(status.error().cause, Cause::kTimeout) << it.name << ": " << status.error().detail;
  }
}

TEST_F(PostTest, EndsByItsStop) {
  std::stop_source stop;
  TlsServer server([&](TlsConnection& connection, int) {
    connection.read_request();
    stop.request_stop();
    connection.wait_for_end();
  });
  const auto status = send(server, "127.0.0.1", std::chrono::hours(1), stop.get_token());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().cause, Cause::kStopped);
}

// RFC 9110 section 15.2.
TEST_F(PostTest, PassesOverWhatOnlySaysThatAnAnswerComes) {
  TlsServer server([](TlsConnection& connection, int number) {
    connection.read_request();
    if (number == 0) connection.write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    if (number == 0) connection.write("HTTP/1.1 204 No Content\r\n\r\n");
    for (int i = 0; number == 1 && i < 9; ++i) connection.write("HTTP/1.1 102 Processing\r\n\r\n");
  });
  EXPECT_EQ(send(server).value(), 204);
  const auto endless = send(server);
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().cause, Cause::kBroken);
  EXPECT_THAT(endless.error().detail, HasSubstr("too many")) << "it is not read until the receiver ends it";
}

TEST_F(PostTest, ReadsNoMoreThanAHead) {
  TlsServer server([](TlsConnection& connection, int number) {
    connection.read_request();
    if (number == 0) connection.write("HTTP/1.1 200 OK\r\nX: " + std::string(64'000, 'x') + "\r\n\r\n");
    if (number == 1) connection.write("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    if (number == 2) connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx");
  });
  auto status = send(server);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().cause, Cause::kBroken);
  status = send(server);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().cause, Cause::kBroken);
  EXPECT_EQ(send(server).value(), 200) << "the body does not matter";
}

TEST_F(PostTest, NamesWhatIsNotThere) {
  std::string url;
  {
    TlsServer server([](TlsConnection&, int) {});
    vbrain::testing::write_file(folder_ / "ca.crt", server.authority_pem());
    url = server.url();
  }
  auto status = post(post_to(url), check_, authorities_, seconds(10));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().cause, Cause::kNotConnected) << status.error().detail;
}

TEST_F(PostTest, ANewFileOfAuthoritiesIsUsed) {
  const auto serve = [](TlsConnection& connection, int) {
    connection.read_request();
    connection.answer(200, "");
  };
  TlsServer first(serve);
  EXPECT_EQ(send(first).value(), 200);
  TlsServer second(serve);
  EXPECT_EQ(send(second).value(), 200);
}

class AuthoritiesTest : public ::testing::Test {
 protected:
  // The sentence if there are no rules.
  static std::string fault_of(Authorities& authorities) {
    const auto context = authorities.context();
    return context ? "" : context.error();
  }
  void put(const std::string& text) { vbrain::testing::write_file(file_, text); }
  static std::string an_authority() {
    return vbrain::testing::make_certificate({.common_name = "authority", .authority = true}).certificate_pem;
  }

  vbrain::testing::TempDir folder_{::testing::TempDir()};
  const std::string file_ = folder_ / "ca.crt";
};

// Also where the system has authorities: the operator relies on those of the file.
TEST_F(AuthoritiesTest, AFileThatIsNamedMustHoldACertificate) {
  vbrain::testing::write_file(folder_ / "system.crt", an_authority());
  Authorities both(file_, folder_ / "system.crt");
  EXPECT_THAT(fault_of(both), HasSubstr("cannot open " + file_));
  for (const char* text : {"", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    put(text);
    EXPECT_EQ(fault_of(both), file_ + " holds no readable PEM certificate") << text;
  }
  put(an_authority());
  EXPECT_EQ(fault_of(both), "");
}

TEST_F(AuthoritiesTest, ABrokenNewFileLeavesTheOnesBeforeInUse) {
  put(an_authority());
  Authorities authorities(file_, folder_ / "no-such-file");
  const auto before = authorities.context();
  ASSERT_TRUE(before) << before.error();
  put("half a certificate");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(authorities.context().value(), *before);
  EXPECT_EQ(authorities.context().value(), *before);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("those read before stay in use"));
  EXPECT_THAT(log, HasSubstr("holds no readable PEM certificate"));
  EXPECT_EQ(log.find("stay in use"), log.rfind("stay in use")) << "once: " << log;
  ::testing::internal::CaptureStderr();
  std::filesystem::remove(file_);
  EXPECT_EQ(authorities.context().value(), *before) << "a file that went away";
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("cannot open " + file_));
  put(an_authority());
  EXPECT_NE(authorities.context().value(), *before);
}

class PlainPostTest : public testing::HttpServerBase {
 protected:
  PlainPostTest() : HttpServerBase(testing::Wire::kPlain) {}
};

TEST_F(PlainPostTest, HttpWithoutTls) {
  Authorities none("", "/no-such-file");
  const auto status = post(post_to("http://" + address() + "/echo"), anything, none, seconds(10));
  ASSERT_TRUE(status) << status.error().detail;
  EXPECT_EQ(*status, 200);
  EXPECT_TRUE(seen_.wait([&] { return seen_.requests == 1; }));
}

}  // namespace
}  // namespace vbrain::http
