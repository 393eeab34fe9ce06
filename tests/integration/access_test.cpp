#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "integration/config_maps.hpp"
#include "integration/control_plane.hpp"
#include "kube/transport/rest_transport.hpp"
#include "support/cpp/certificates.hpp"

namespace vbrain::testing {
namespace {

using namespace std::chrono_literals;
using kube::ErrorCode;
using nlohmann::json;
using ::testing::HasSubstr;

TEST(Access, AnApiServerOfAnotherAuthorityIsRefused) {
  kube::Config config = ControlPlane::shared().config();
  config.ca_pem = make_certificate({.common_name = "kubernetes", .authority = true}).certificate_pem;
  Connection connection(config);
  const auto read = connection.client().get<ConfigMap>("default", "x");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "CertificateRefused");
  EXPECT_THAT(read.error().message, HasSubstr("certificate"));
}

TEST(Access, WithoutCredentialsEverythingIsForbidden) {
  kube::Config config = ControlPlane::shared().config();
  config.client_cert_pem.clear();
  config.client_key_pem.clear();
  Connection connection(config);
  const auto read = connection.client().get<ConfigMap>("default", "x");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kForbidden);
}

TEST(Access, AWrongTokenIsUnauthorized) {
  kube::Config config = ControlPlane::shared().config();
  config.client_cert_pem.clear();
  config.client_key_pem.clear();
  config.token = "no-such-token";
  Connection connection(config);
  const auto read = connection.client().get<ConfigMap>("default", "x");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnauthorized);
}

// A ServiceAccount with tokens that can be revoked separately: each token is bound to its own Secret.
class Account {
 public:
  explicit Account(Connection& admin) : admin_(admin) {
    auto& client = admin.client();
    const std::string ns = admin.ns();
    need(client.create({"", "v1", "serviceaccounts", "ServiceAccount"}, ns, {{"metadata", {{"name", "sa"}}}}));
    need(client.create(
        {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"}, ns,
        {{"metadata", {{"name", "sa"}}},
         {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "cluster-admin"}}},
         {"subjects", {{{"kind", "ServiceAccount"}, {"name", "sa"}, {"namespace", ns}}}}}));
  }

  std::string token(const std::string& secret) {
    auto& client = admin_.client();
    const auto made = need(client.create(kSecrets, admin_.ns(), {{"metadata", {{"name", secret}}}}));
    kube::Request request = kube::create_request(
        {"", "v1", "serviceaccounts/sa/token", ""}, admin_.ns(),
        {{"apiVersion", "authentication.k8s.io/v1"},
         {"kind", "TokenRequest"},
         {"spec",
          {{"boundObjectRef",
            {{"apiVersion", "v1"}, {"kind", "Secret"}, {"name", secret}, {"uid", made["metadata"]["uid"]}}}}}});
    request.target = "/api/v1/namespaces/" + admin_.ns() + "/serviceaccounts/sa/token";
    const auto answer = client.call(request);
    if (!answer) throw std::runtime_error(answer.error().message);
    return json::parse(answer->body)["status"]["token"];
  }
  void withdraw(const std::string& secret) { ASSERT_TRUE(admin_.client().remove(kSecrets, admin_.ns(), secret)); }

 private:
  static constexpr kube::ResourceType kSecrets{"", "v1", "secrets", "Secret"};

  static json need(const kube::KubeResult<json>& result) {
    if (!result) throw std::runtime_error(result.error().message);
    return *result;
  }

  Connection& admin_;
};

TEST(Access, AReplacedTokenIsTakenUpWithoutAFailedCall) {
  Connection admin;
  Account account(admin);
  const std::string first = account.token("first");
  const std::string second = account.token("second");
  ASSERT_TRUE(admin.client().create<ConfigMap>(admin.ns(), config_map("a", "1")));

  const auto file = ControlPlane::shared().folder() / "rotating-token";
  const auto write = [&](const std::string& token) { std::ofstream(file, std::ios::trunc) << token; };
  write(first);
  kube::Config config = ControlPlane::shared().config();
  config.client_cert_pem.clear();
  config.client_key_pem.clear();
  kube::Config fixed = config;
  config.token_file = file;
  fixed.token = first;
  Connection rotating(config);
  Connection stale(fixed);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  // The API server sees the new RoleBinding a moment after its creation.
  while (!stale.client().get<ConfigMap>(admin.ns(), "a")) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  ASSERT_TRUE(rotating.client().get<ConfigMap>(admin.ns(), "a"));

  write(second);
  account.withdraw("first");
  // The API server caches a valid token for some seconds.
  while (stale.client().get<ConfigMap>(admin.ns(), "a")) {
    const auto read = rotating.client().get<ConfigMap>(admin.ns(), "a");
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(50ms);
  }
  const auto read = rotating.client().get<ConfigMap>(admin.ns(), "a");
  EXPECT_TRUE(read) << read.error().message;
}

TEST(Access, CallsGoOnAfterTheApiServerWasRestarted) {
  auto& plane = ControlPlane::shared();
  Connection connection;
  ASSERT_TRUE(connection.client().create<ConfigMap>(connection.ns(), config_map("a", "1")));
  // Both leave broken connections in the pool.
  for (const bool kill : {true, false}) {
    kill ? plane.kill_apiserver() : plane.stop_apiserver();
    const auto away = connection.client().get<ConfigMap>(connection.ns(), "a");
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().code, ErrorCode::kUnavailable);
    EXPECT_TRUE(is_retryable(away.error()));
    plane.start_apiserver();
    EXPECT_TRUE(connection.client().get<ConfigMap>(connection.ns(), "a"));
    EXPECT_TRUE(connection.client().create<ConfigMap>(connection.ns(), config_map(kill ? "b" : "c", "1")));
  }
}

TEST(Access, AnswersAboveTheLimitAreTooLarge) {
  auto transport = kube::make_rest_transport(ControlPlane::shared().config(), {.max_answer_bytes = 10'000});
  ASSERT_TRUE(transport);
  kube::ApiClient client(**transport);
  Connection connection;
  ASSERT_TRUE(connection.client().create<ConfigMap>(connection.ns(), config_map("big", std::string(20'000, 'x'))));
  ASSERT_TRUE(connection.client().create<ConfigMap>(connection.ns(), config_map("small", "x")));
  const auto big = client.get<ConfigMap>(connection.ns(), "big");
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(client.get<ConfigMap>(connection.ns(), "small"));
}

}  // namespace
}  // namespace vbrain::testing
