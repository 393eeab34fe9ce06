#include "kube/api/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "kube/transport/token_source.hpp"
#include "support/cpp/manual_clock.hpp"

namespace vbrain::kube {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vbrain-config-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static GetEnv env(std::map<std::string, std::string> values) {
    return [values](const char* name) {
      const auto found = values.find(name);
      return found == values.end() ? std::nullopt : std::optional(found->second);
    };
  }
  // A kubeconfig with these lines in its cluster and its user.
  std::filesystem::path kubeconfig(const std::string& cluster, const std::string& user) const {
    return write("config",
                 "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n"
                 "- {name: there, context: {cluster: c, user: u}}\n"
                 "- {name: here, context: {cluster: c, user: u, namespace: team}}\n"
                 "clusters:\n- name: c\n  cluster: {" +
                     cluster + "}\nusers:\n- name: u\n  user: {" + user + "}\n");
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigTest, InlineCertificatesAndKey) {
  const auto config = load_kubeconfig(kubeconfig("server: 'https://127.0.0.1:6443/', certificate-authority-data: Q0E=",
                                                 "client-certificate-data: Q0VSVA==, client-key-data: S0VZ"));
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->server, "https://127.0.0.1:6443");
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->client_cert_pem, "CERT");
  EXPECT_EQ(config->client_key_pem, "KEY");
  EXPECT_EQ(config->namespace_name, "team");
}

TEST_F(ConfigTest, FilesAreRelativeToTheKubeconfig) {
  write("pki/ca.crt", "CA");
  write("pki/c.crt", "CERT");
  write("pki/c.key", "KEY");
  write("token", " secret\n");
  const auto file = kubeconfig("server: https://h, certificate-authority: pki/ca.crt",
                               "client-certificate: pki/c.crt, client-key: pki/c.key, tokenFile: token");
  const auto config = load_kubeconfig(file);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->client_key_pem, "KEY");
  EXPECT_EQ(config->token_file, folder_ / "token");
}

TEST_F(ConfigTest, AnotherContextAndItsDefaultNamespace) {
  const auto config = load_kubeconfig(kubeconfig("server: https://h", "token: abc"), "there");
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->namespace_name, "default");
  EXPECT_EQ(config->token, "abc");
}

TEST_F(ConfigTest, RefusesWithASentence) {
  const struct {
    const char* cluster;
    const char* user;
    const char* want;
  } cases[] = {
      {"server: 'http://h'", "", "not https"},
      {"server: ''", "", "no server"},
      {"server: 'https://h?x'", "", "not of the form https://host:port"},
      {"server: 7", "", "server is not text"},
      {"server: https://h, insecure-skip-tls-verify: true", "", "always verified"},
      {"server: https://h, tls-server-name: x", "", "tls-server-name"},
      {"server: https://h, proxy-url: 'http://p'", "", "proxy-url"},
      {"server: https://h, certificate-authority: absent.crt", "", "cannot open"},
      {"server: https://h, certificate-authority-data: '*'", "", "not base64"},
      {"server: https://h", "exec: {command: aws}", "credential plugins are not supported"},
      {"server: https://h", "auth-provider: {name: gcp}", "auth-provider"},
      {"server: https://h", "username: me, password: pw", "passwords"},
      {"server: https://h", "as: admin", "impersonation"},
      {"server: https://h", "client-certificate-data: Q0E=", "go together"},
      {"server: https://h", "tokenFile: absent", "cannot open"},
      {"server: https://h", "token: 123", "token is not text"},
  };
  for (const auto& c : cases) {
    const auto config = load_kubeconfig(kubeconfig(c.cluster, c.user));
    ASSERT_FALSE(config) << c.want;
    EXPECT_THAT(config.error(), HasSubstr(c.want));
    EXPECT_THAT(config.error(), HasSubstr((folder_ / "config").string()));
  }
}

TEST_F(ConfigTest, AFalseFlagIsNoRefusal) {
  EXPECT_TRUE(load_kubeconfig(kubeconfig("server: https://h, insecure-skip-tls-verify: false", "exec: null")));
}

TEST_F(ConfigTest, RefusesFilesThatAreNoKubeconfig) {
  for (const char* text : {"", "[]", "{", "current-context: x\n", "current-context: x\ncontexts: 7\n",
                           "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"}) {
    EXPECT_FALSE(load_kubeconfig(write("config", text))) << text;
  }
  EXPECT_FALSE(load_kubeconfig(folder_ / "absent"));
  EXPECT_FALSE(load_kubeconfig(kubeconfig("server: https://h", ""), "unknown"));
  EXPECT_FALSE(load_kubeconfig(write("big", std::string((1u << 20) + 1, ' '))));
}

TEST_F(ConfigTest, InAPod) {
  const auto account = env({{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}});
  EXPECT_FALSE(load_in_cluster(folder_, account));
  write("token", "abc\n");
  write("ca.crt", "CA");
  const auto config = load_in_cluster(folder_, account);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->server, "https://10.96.0.1:443");
  EXPECT_EQ(config->token, "abc");
  EXPECT_EQ(config->token_file, folder_ / "token");
  EXPECT_EQ(config->namespace_name, "default");
  write("namespace", "vbrain\n");
  EXPECT_EQ(load_in_cluster(folder_, account)->namespace_name, "vbrain");
  const auto v6 = env({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}});
  EXPECT_EQ(load_in_cluster(folder_, v6)->server, "https://kubernetes.default.svc:443");
  EXPECT_FALSE(load_in_cluster(folder_, env({})));
}

TEST_F(ConfigTest, WhereItIsLookedFor) {
  const auto file = kubeconfig("server: https://h", "token: abc");
  EXPECT_TRUE(load_config(file, "", env({})));
  EXPECT_TRUE(load_config("", "", env({{"KUBECONFIG", file.string()}})));
  EXPECT_FALSE(load_config("", "", env({{"KUBECONFIG", file.string() + ":" + file.string()}})));
  EXPECT_FALSE(load_config("", "", env({{"HOME", folder_.string()}})));
  std::filesystem::create_directories(folder_ / ".kube");
  std::filesystem::copy(file, folder_ / ".kube" / "config");
  EXPECT_TRUE(load_config("", "", env({{"HOME", folder_.string()}})));
}

class TokenSourceTest : public ConfigTest {
 protected:
  testing::ManualClock clock_;
};

TEST_F(TokenSourceTest, AFixedTokenStays) {
  TokenSource source({.server = "https://h", .token = "abc"}, clock_);
  EXPECT_EQ(source.token(), "abc");
  EXPECT_FALSE(source.refresh("abc"));
}

TEST_F(TokenSourceTest, AReplacedFileIsReadWithinAMinute) {
  const auto file = write("token", "one\n");
  TokenSource source({.server = "https://h", .token_file = file}, clock_);
  EXPECT_EQ(source.token(), "one");
  write("token", "two\n");
  EXPECT_EQ(source.token(), "one");
  clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(source.token(), "two");
}

TEST_F(TokenSourceTest, ARefusedTokenIsReadAtOnce) {
  const auto file = write("token", "one");
  TokenSource source({.server = "https://h", .token_file = file}, clock_);
  EXPECT_FALSE(source.refresh("one"));
  write("token", "two");
  EXPECT_TRUE(source.refresh("one"));
  EXPECT_EQ(source.token(), "two");
  // Another thread has refreshed it in between.
  EXPECT_TRUE(source.refresh("one"));
}

TEST_F(TokenSourceTest, AnUnreadableFileKeepsTheLastToken) {
  const auto file = write("token", "one");
  TokenSource source({.server = "https://h", .token_file = file}, clock_);
  std::filesystem::remove(file);
  EXPECT_FALSE(source.refresh("one"));
  write("token", "\n");
  EXPECT_FALSE(source.refresh("one"));
  EXPECT_EQ(source.token(), "one");
}

}  // namespace
}  // namespace vbrain::kube
