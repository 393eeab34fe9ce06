// Which certificates are taken, and how new ones replace them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "http/tls/certificate_keeper.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/http/server_fixture.hpp"

namespace vbrain::http {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using testing::get;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::status_of;
using testing::TestCertificates;
using vbrain::testing::CertificateAndKey;
using vbrain::testing::make_certificate;

TEST(CertificateFacts, SayWhetherTheCertificateCanBeUsed) {
  const base::TimePoint noon{std::chrono::seconds(1'800'000'000)};
  struct Case {
    base::TimePoint begins;
    base::TimePoint ends;
    bool usable;
    bool soon;
  };
  const Case cases[] = {
      {noon - days(10), noon + days(80), true, false},     // of a public authority
      {noon - days(75), noon + days(15), true, false},     //
      {noon - days(77), noon + days(13), true, true},      // two weeks
      {noon - days(4), noon + days(2), true, false},       // of six days
      {noon - days(5), noon + days(1), true, true},        // a fifth
      {noon - days(3650), noon + days(15), true, false},   //
      {noon - days(1), noon, false, true},                 // expired
      {noon + minutes(4), noon + days(80), true, false},   // the issuer's clock is ahead
      {noon + minutes(6), noon + days(80), false, false},  // for later
  };
  for (const Case& it : cases) {
    const CertificateFacts facts{it.begins, it.ends};
    EXPECT_EQ(why_unusable(facts, noon).empty(), it.usable) << why_unusable(facts, noon);
    EXPECT_EQ(expires_soon(facts, noon), it.soon) << base::format_rfc3339(it.ends);
  }
}

const char* const kEncryptedKey =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjxJhYwNQ5bMgICCAAw\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

CertificateAndKey pair(const std::string& name, const CertificateAndKey& authority, long begins = -3600,
                       long ends = 86'400) {
  return make_certificate(
      {.common_name = name, .alternative_names = "IP:127.0.0.1,DNS:" + name, .begins = begins, .ends = ends},
      &authority);
}

// As the kubelet mounts a Secret: the files are links into ..data, which is replaced as a whole.
class Secret {
 public:
  explicit Secret(const std::string& folder) : folder_(folder) {
    std::filesystem::create_symlink("..data/tls.crt", folder_ + "/tls.crt");
    std::filesystem::create_symlink("..data/tls.key", folder_ + "/tls.key");
  }
  void set(const std::string& certificate, const std::string& key) {
    const std::string version = "..version" + std::to_string(++versions_);
    std::filesystem::create_directory(folder_ + "/" + version);
    vbrain::testing::write_file(folder_ + "/" + version + "/tls.crt", certificate);
    vbrain::testing::write_file(folder_ + "/" + version + "/tls.key", key);
    std::filesystem::create_symlink(version, folder_ + "/..data_tmp");
    std::filesystem::rename(folder_ + "/..data_tmp", folder_ + "/..data");
  }
  void set(const CertificateAndKey& pair) { set(pair.certificate_pem, pair.key_pem); }
  TlsFiles files() const { return {folder_ + "/tls.crt", folder_ + "/tls.key"}; }

 private:
  const std::string folder_;
  int versions_ = 0;
};

class CertificateKeeperTest : public ::testing::Test {
 protected:
  // Of the constructor; "" if it takes the files.
  std::string refusal() {
    try {
      const CertificateKeeper keeper(secret_.files(), clock_, metrics_);
    } catch (const std::runtime_error& problem) {
      return problem.what();
    }
    return "";
  }
  std::string metric(const std::string& name) {
    const std::string all = metrics_.render();
    const auto at = all.find("\nvbrain_tls_certificate_" + name + " ");
    if (at == std::string::npos) return "";
    const auto space = all.find(' ', at);
    return all.substr(space + 1, all.find('\n', space) - space - 1);
  }

  const CertificateAndKey authority_ = make_certificate({.common_name = "authority", .authority = true});
  const vbrain::testing::TempDir folder_;
  Secret secret_{folder_.path()};
  const base::SystemClock clock_;
  base::Metrics metrics_;
};

TEST_F(CertificateKeeperTest, SaysWhatIsWrongWithTheFiles) {
  const CertificateAndKey good = pair("good", authority_);
  EXPECT_THAT(refusal(), HasSubstr("cannot open " + secret_.files().certificate)) << "no files";
  struct Case {
    std::string certificate;
    std::string key;
    const char* words;
  };
  const CertificateAndKey late = pair("late", authority_, -7200, -3600);
  const CertificateAndKey early = pair("early", authority_, 3600, 7200);
  const Case cases[] = {
      {good.certificate_pem, pair("other", authority_).key_pem, "not that of the first certificate"},
      {authority_.certificate_pem + good.certificate_pem, good.key_pem, "comes first in its file"},
      {good.certificate_pem, kEncryptedKey, "without a passphrase"},
      {good.certificate_pem, "", "no readable PEM key"},
      {"", good.key_pem, "no readable PEM certificate"},
      {good.certificate_pem.substr(0, 200), good.key_pem, "no readable PEM certificate"},
      {late.certificate_pem, late.key_pem, "has expired at 20"},
      {early.certificate_pem, early.key_pem, "is not valid before 20"},
      {std::string(2 << 20, 'x'), good.key_pem, "larger than 1 MiB"},
  };
  for (const Case& it : cases) {
    secret_.set(it.certificate, it.key);
    EXPECT_THAT(refusal(), ::testing::AllOf(HasSubstr("TLS cannot be used: "), HasSubstr(it.words),
                                            HasSubstr("put a valid certificate and its key")))
        << it.words;
  }
  secret_.set(good.certificate_pem + authority_.certificate_pem, good.key_pem);
  EXPECT_EQ(refusal(), "");
}

TEST_F(CertificateKeeperTest, TakesANewPairAndKeepsTheOldOneWhileTheNewIsBad) {
  secret_.set(pair("first", authority_));
  CertificateKeeper keeper(secret_.files(), clock_, metrics_);
  const auto names = [&] {
    keeper.look();
    return keeper.current()->facts().names;
  };
  EXPECT_EQ(names(), "127.0.0.1, first");
  EXPECT_EQ(metric("reloads_total{result=\"ok\"}"), "0");

  secret_.set(pair("second", authority_));
  EXPECT_EQ(names(), "127.0.0.1, second");
  EXPECT_EQ(metric("reloads_total{result=\"ok\"}"), "1");
  EXPECT_EQ(metric("reload_failing"), "0");

  const CertificateAndKey third = pair("third", authority_, -3600, 7200);
  secret_.set(third.certificate_pem, pair("x", authority_).key_pem);
  EXPECT_EQ(names(), "127.0.0.1, second");
  EXPECT_EQ(names(), "127.0.0.1, second");
  EXPECT_EQ(metric("reloads_total{result=\"failed\"}"), "1") << "each fault counts once";
  EXPECT_EQ(metric("reload_failing"), "1");
  secret_.set(pair("late", authority_, -7200, -3600));
  EXPECT_EQ(names(), "127.0.0.1, second");
  EXPECT_EQ(metric("reloads_total{result=\"failed\"}"), "2");

  secret_.set(third);
  EXPECT_EQ(names(), "127.0.0.1, third");
  EXPECT_EQ(metric("reload_failing"), "0");
  const auto ends = keeper.current()->facts().ends.time_since_epoch();
  EXPECT_EQ(std::stod(metric("expiry_timestamp_seconds")),
            static_cast<double>(std::chrono::floor<std::chrono::seconds>(ends).count()));

  // The fault goes away without a new pair.
  std::filesystem::rename(folder_.path() + "/..data", folder_.path() + "/away");
  EXPECT_EQ(names(), "127.0.0.1, third");
  EXPECT_EQ(metric("reload_failing"), "1");
  std::filesystem::rename(folder_.path() + "/away", folder_.path() + "/..data");
  EXPECT_EQ(names(), "127.0.0.1, third");
  EXPECT_EQ(metric("reload_failing"), "0");
}

TEST_F(CertificateKeeperTest, WarnsOnceADay) {
  secret_.set(pair("soon", authority_, -4 * 86'400, 86'400));
  vbrain::testing::ManualClock clock;
  clock.advance(clock_.now() - clock.now() + hours(10));
  ::testing::internal::CaptureStderr();
  CertificateKeeper keeper(secret_.files(), clock, metrics_);
  const auto told = [&] {
    keeper.look();
    const std::string log = ::testing::internal::GetCapturedStderr();
    ::testing::internal::CaptureStderr();
    return log.find("expires soon") != std::string::npos || log.find("has expired") != std::string::npos;
  };
  EXPECT_TRUE(told());
  EXPECT_FALSE(told());
  clock.advance(hours(23));
  EXPECT_FALSE(told());
  clock.advance(hours(2));
  EXPECT_TRUE(told()) << "it has expired";
  EXPECT_FALSE(told());
  ::testing::internal::GetCapturedStderr();
}

// Of the client's connection.
std::string name_of_server(RawClient& client) {
  const std::unique_ptr<X509, vbrain::testing::internal::FreeWith<&X509_free>> certificate(
      SSL_get1_peer_certificate(client.tls()->ssl()));
  if (certificate == nullptr) return "";
  char name[100] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  return name;
}

Task<Reply> serve(Exchange&) {
  Reply reply;
  reply.body = "served";
  co_return reply;
}

Reply refuse(const RefusedRequest& refused) {
  Reply reply;
  reply.status = refused.status;
  return reply;
}

TEST_F(CertificateKeeperTest, NewConnectionsGetTheNewCertificateAndOldOnesGoOn) {
  const CertificateAndKey& authority = TestCertificates::get().authority;
  secret_.set(pair("old", authority));
  CertificateKeeper keeper(secret_.files(), clock_, metrics_);
  HttpOptions options;
  options.certificates = &keeper;
  IoThreads io(1);
  HttpServer server("test", "127.0.0.1:0", options, serve, refuse, io, nullptr, metrics_);
  const std::string address = "https://" + server.address();
  RawClient before(address);
  EXPECT_EQ(name_of_server(before), "old");
  secret_.set(pair("new", authority));
  keeper.look();
  RawClient after(address);
  EXPECT_EQ(name_of_server(after), "new");
  for (RawClient* client : {&before, &after}) {
    ASSERT_TRUE(client->send(get("/")));
    EXPECT_EQ(status_of(client->read_reply()), 200);
  }
}

}  // namespace
}  // namespace vbrain::http
