#include "api-server/commands/check.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <iostream>
#include <sstream>

#include "base/metrics.hpp"
#include "http/health.hpp"
#include "http/tls/certificate_keeper.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::World;

class CheckTest : public ::testing::Test {
 protected:
  std::string not_ready_;
  base::Metrics metrics_;
  http::HealthListener health_{
      "127.0.0.1:0", {.not_ready = [this] { return not_ready_; }, .metrics = [] { return ""; }}, metrics_};
  std::ostringstream out_;
};

TEST_F(CheckTest, AReadyServerThatSpeaksTheContractPasses) {
  const World world;
  EXPECT_TRUE(check_server(world.server->address(), health_.address(), out_)) << out_.str();
}

TEST_F(CheckTest, AServerWithTlsIsAskedByTls) {
  const auto& files = http::testing::TestCertificates::get();
  const base::SystemClock clock;
  const http::CertificateKeeper certificates({files.file("tls.crt"), files.file("tls.key")}, clock, metrics_);
  http::HttpOptions options;
  options.certificates = &certificates;
  const World world({}, options);
  EXPECT_TRUE(check_server("https://" + world.server->address(), health_.address(), out_)) << out_.str();
  EXPECT_FALSE(check_server("https://" + health_.address(), health_.address(), out_));
  EXPECT_NE(out_.str().find("the TLS handshake failed: wrong version number"), std::string::npos) << out_.str();
  EXPECT_FALSE(check_server("https://127.0.0.1:1", health_.address(), out_));
  EXPECT_NE(out_.str().find("https://127.0.0.1:1: Connection refused"), std::string::npos) << out_.str();
}

TEST_F(CheckTest, AServerThatIsNotReadyFailsWithItsReason) {
  const World world;
  not_ready_ = "the volume does not answer";
  EXPECT_FALSE(check_server(world.server->address(), health_.address(), out_));
  EXPECT_NE(out_.str().find("503 the volume does not answer"), std::string::npos) << out_.str();
}

TEST_F(CheckTest, AnotherServerBehindTheAddressFails) {
  EXPECT_FALSE(check_server(health_.address(), health_.address(), out_));
  EXPECT_NE(out_.str().find("FAILED REST at " + health_.address() + ": 404"), std::string::npos) << out_.str();
}

TEST_F(CheckTest, NobodyBehindTheAddressFails) {
  EXPECT_FALSE(check_server("127.0.0.1:1", health_.address(), out_));
  EXPECT_NE(out_.str().find("FAILED REST at 127.0.0.1:1: Connection refused"), std::string::npos) << out_.str();
  EXPECT_FALSE(check_server("nowhere", "[::1]:1", out_));
  EXPECT_NE(out_.str().find("'nowhere' is not host:port"), std::string::npos) << out_.str();
}

// As `api-server check … | head -n 0`.
TEST(CheckDeathTest, AReaderThatHasGoneDoesNotKillTheCheck) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto check = [] {
    int ends[2];
    if (pipe(ends) != 0) _exit(2);
    close(ends[0]);
    dup2(ends[1], STDOUT_FILENO);
    const char* const arguments[] = {"check", "--rest=https://127.0.0.1:1", "--health=127.0.0.1:1"};
    const int code = run_check(3, arguments);
    std::cout.flush();
    _exit(code);
  };
  EXPECT_EXIT(check(), ::testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace vbrain::api
