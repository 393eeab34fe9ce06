// Which servers are trusted, and what happens when certificates are replaced.
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

TEST_F(RestTransportTest, OnlyTheConfiguredAuthorityIsTrusted) {
  TlsServer server([](TlsConnection& connection, int) {
    connection.read_request();
    connection.answer(200, "{}");
  });
  config_.server = server.url();
  config_.ca_pem = testing::make_certificate({.common_name = "authority", .authority = true}).certificate_pem;
  const auto transport = make_rest_transport(config_);
  ASSERT_TRUE(transport);
  const auto read = (*transport)->call(kGet, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "CertificateRefused");
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
}

void answer_all(TlsConnection& connection, int) {
  while (!connection.read_request().empty()) connection.answer(200, "{}");
}

class RotationTest : public RestTransportTest {
 protected:
  RotationTest() : folder_(std::filesystem::temp_directory_path() / ("rotation-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    write("kubeconfig", R"(
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://SERVER", certificate-authority: ca.crt}}]
users: [{name: u, user: {client-certificate: tls.crt, client-key: tls.key}}]
)");
  }
  ~RotationTest() override { std::filesystem::remove_all(folder_); }

  // As tools do: whole files take the place of the old ones.
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / (name + ".new")) << text;
    std::filesystem::rename(folder_ / (name + ".new"), folder_ / name);
  }
  void write_client(const std::string& name) {
    const auto client = testing::make_certificate({.common_name = name});
    write("tls.crt", client.certificate_pem);
    write("tls.key", client.key_pem);
  }
  Config load(const testing::TlsServer& server) {
    Config config = *load_kubeconfig(folder_ / "kubeconfig");
    config.server = server.url();
    return config;
  }

  const std::filesystem::path folder_;
};

TEST_F(RotationTest, AnAuthorityThatWasReplacedIsTrustedAtOnce) {
  TlsServer old_server(&answer_all);
  TlsServer server(&answer_all);
  write("ca.crt", old_server.authority_pem());
  write_client("me");
  const auto transport = *make_rest_transport(load(server));
  ASSERT_FALSE(transport->call(kGet, {})) << "not trusted yet";
  write("ca.crt", server.authority_pem());
  const auto answer = transport->call(kGet, {});
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(RotationTest, ACertificateOfOursThatWasReplacedIsShownAfterA401) {
  std::atomic<int> answers{0};
  TlsServer server([&](TlsConnection& connection, int number) {
    while (!connection.read_request().empty()) {
      ++answers;
      connection.answer(number == 0 ? 401 : 200, "{}");
    }
  });
  write("ca.crt", server.authority_pem());
  write_client("old");
  const auto transport = *make_rest_transport(load(server));
  const auto refused = transport->call(kGet, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(answers, 1) << "there is no other to show";
  write_client("new");
  EXPECT_TRUE(transport->call(kGet, {})) << "over a new connection";
}

TEST_F(RotationTest, HalfARotationLeavesTheOldOnesInUse) {
  TlsServer server(&answer_all);
  write("ca.crt", server.authority_pem());
  write_client("me");
  const Config config = load(server);
  testing::ManualClock clock;
  const auto source = *TlsSource::load(config, clock);
  const auto first = source->current();
  write("tls.key", testing::make_certificate({.common_name = "new"}).key_pem);
  clock.advance(10s);
  EXPECT_EQ(source->current(), first) << "the key does not belong to the certificate";
  write_client("new");
  EXPECT_EQ(source->current(), first) << "not looked at again yet";
  clock.advance(10s);
  const auto second = source->current();
  EXPECT_NE(second, first);
  clock.advance(10s);
  EXPECT_EQ(source->current(), second) << "connections stay open while the files do not change";
}

TEST_F(RestTransportTest, TheCertificateMustNameTheHost) {
  TlsServer server(
      [](TlsConnection& connection, int) {
        connection.read_request();
        connection.answer(200, "{}");
      },
      "IP:127.0.0.2,DNS:elsewhere");
  const auto transport = connect(server);
  const auto read = transport->call(kGet, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "CertificateRefused");
}

}  // namespace
}  // namespace vbrain::kube
