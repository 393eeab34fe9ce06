#include "controller/config.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "controller/planning/folder_rules.hpp"
#include "kube/runtime/lease.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

base::OptionsOutcome read(std::vector<const char*> arguments, Config& config) {
  arguments.insert(arguments.begin(), "controller");
  return read_config(static_cast<int>(arguments.size()), arguments.data(), config);
}

TEST(Config, FlagsReachTheirFields) {
  Config config;
  ASSERT_TRUE(read({"--metrics-listen",
                    "127.0.0.1:0",
                    "--volume",
                    "/v",
                    "--volume-claim",
                    "data",
                    "--volume-gid",
                    "3000",
                    "--namespace",
                    "ns",
                    "--identity",
                    "me",
                    "--workers",
                    "3",
                    "--leader-elect",
                    "false",
                    "--node-loss-timeout",
                    "5m",
                    "--lease-duration",
                    "3s",
                    "--template-secrets",
                    "a,b",
                    "--log-level",
                    "debug",
                    "--scan-interval",
                    "1m",
                    "--sweep-age",
                    "2h",
                    "--webhook-allow",
                    "a.example,b.example",
                    "--webhook-secrets",
                    "/s"},
                   config)
                  .proceed);
  EXPECT_EQ(config.metrics_listen, "127.0.0.1:0");
  EXPECT_EQ(config.volume, "/v");
  EXPECT_EQ(config.volume_claim, "data");
  EXPECT_EQ(config.volume_gid, 3000);
  EXPECT_EQ(config.namespace_name, "ns");
  EXPECT_EQ(config.identity, "me");
  EXPECT_EQ(config.workers, 3u);
  EXPECT_FALSE(config.leader_elect);
  EXPECT_EQ(config.node_loss_timeout, milliseconds(300'000));
  EXPECT_EQ(config.lease_duration, milliseconds(3'000));
  EXPECT_EQ(config.scan_interval, milliseconds(60'000));
  EXPECT_EQ(config.sweep_age, milliseconds(7'200'000));
  EXPECT_EQ(config.webhooks.allow, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(config.webhooks.secrets, "/s");
  EXPECT_EQ(config.template_secrets, (std::vector<std::string>{"a", "b"}));
}

// A candidate may see the last renewal, and the end of the Lease, one retry period late. A period is stretched by at
// most a fifth.
TEST(Config, TheDefaultTimesLetAnotherControllerLeadWithinFifteenSeconds) {
  const Config config;
  EXPECT_LE(config.lease_duration + 2 * config.retry_period * 12 / 10, std::chrono::seconds(15));
  EXPECT_EQ(kube::check({.namespace_name = "ns",
                         .name = config.lease_name,
                         .identity = "me",
                         .lease_duration = config.lease_duration,
                         .renew_deadline = config.renew_deadline,
                         .retry_period = config.retry_period}),
            "");
}

TEST(Config, TheDefaultScanIntervalBringsALostJobBackWithinTwoMinutes) {
  EXPECT_LE(Config{}.scan_interval + kFolderPatience, std::chrono::minutes(2));
}

TEST(Config, EveryProcessHasAnIdentityOfItsOwn) {
  Config one;
  Config other;
  ASSERT_TRUE(read({}, one).proceed);
  ASSERT_TRUE(read({}, other).proceed);
  EXPECT_FALSE(one.identity.empty());
  EXPECT_NE(one.identity, other.identity);
}

TEST(Config, MistakesEndWithTwo) {
  const std::vector<std::vector<const char*>> mistakes = {
      {"--no-such-flag"},     {"--node-loss-timeout", "soon"}, {"--workers", "0"},
      {"--workers", "many"},  {"--log-level", "chatty"},       {"--volume-gid", "-1"},
      {"--volume-claim", ""}, {"--leader-elect", "maybe"},     {"--scan-interval", "0"},
      {"--sweep-age", "10s"}, {"--webhook-allow", "a b"},      {"--webhook-deny", "example"},
  };
  for (const auto& arguments : mistakes) {
    Config config;
    const base::OptionsOutcome outcome = read(arguments, config);
    EXPECT_FALSE(outcome.proceed) << arguments[0];
    EXPECT_EQ(outcome.exit_code, 2) << arguments[0];
  }
}

}  // namespace
}  // namespace vbrain::controller
