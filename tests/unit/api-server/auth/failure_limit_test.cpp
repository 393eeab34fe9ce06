// Many wrong keys from one source.
#include "api-server/auth/failure_limit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/source.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using std::chrono::seconds;
using testing::Headers;
using testing::HttpReply;
using testing::World;

base::SteadyPoint at(std::chrono::milliseconds time) {
  return base::SteadyPoint(std::chrono::hours(100) + time);
}

TEST(FailureLimit, GivesTokensBackOneByOne) {
  FailureLimit limit(60);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(limit.count("1.2.3.4", at(seconds(0))), std::nullopt) << i;
  EXPECT_EQ(limit.count("1.2.3.4", at(seconds(0))), seconds(1));
  EXPECT_EQ(limit.count("1.2.3.4", at(std::chrono::milliseconds(999))), seconds(1));
  EXPECT_EQ(limit.count("1.2.3.4", at(seconds(1))), std::nullopt) << "what was refused cost nothing";
  EXPECT_EQ(limit.count("1.2.3.4", at(seconds(1))), seconds(1));
  for (int i = 0; i < 60; ++i) EXPECT_EQ(limit.count("1.2.3.4", at(seconds(3600))), std::nullopt) << i;
  EXPECT_NE(limit.count("1.2.3.4", at(seconds(3600))), std::nullopt) << "never more than a minute's";
}

TEST(FailureLimit, SaysHowLongASlowBucketTakes) {
  FailureLimit limit(2);
  EXPECT_EQ(limit.count("::1", at(seconds(0))), std::nullopt);
  EXPECT_EQ(limit.count("::1", at(seconds(0))), std::nullopt);
  EXPECT_EQ(limit.count("::1", at(seconds(10))), seconds(20));
}

TEST(FailureLimit, ZeroIsNoLimit) {
  FailureLimit limit(0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(limit.count("1.2.3.4", at(seconds(0))), std::nullopt);
}

TEST(FailureLimit, SourcesAreIpv4AddressesAndIpv6Networks) {
  using http::source_of;
  EXPECT_NE(source_of("10.0.0.1"), source_of("10.0.0.2"));
  EXPECT_EQ(source_of("10.0.0.1"), source_of("::ffff:10.0.0.1"));
  EXPECT_EQ(source_of("2001:db8:1:2::1"), source_of("2001:db8:1:2:ffff::9"));
  EXPECT_NE(source_of("2001:db8:1:2::1"), source_of("2001:db8:1:3::1"));
  EXPECT_EQ(source_of("fe80::1%eth0"), source_of("fe80::2"));
  EXPECT_EQ(source_of(""), source_of("no address"));
  // The same first bytes: they would share a limit.
  EXPECT_NE(source_of("32.1.13.184"), source_of("2001:db8::1"));
  EXPECT_NE(source_of("0.0.0.0"), source_of("::1"));
  EXPECT_NE(source_of(""), source_of("::1"));
}

TEST(FailureLimit, ManyWrongKeysAre429AndRightOnesPass) {
  World world(Limits{.max_auth_failures_per_minute = 5});
  Headers wrong = World::identity("ana");
  wrong.back().second = World::key("eve");
  Headers malformed = World::identity("ana");
  malformed.back().second = "x";
  Headers other_tenant = World::identity("ana");
  other_tenant[1].second = "globex";
  const std::string path = "/api/v1/job/0190a0b0-0000-7000-8000-000000000000";
  for (int i = 0; i < 5; ++i) {
    const HttpReply reply = world.call("GET", path, i % 3 == 0 ? wrong : i % 3 == 1 ? malformed : other_tenant);
    EXPECT_EQ(reply.status, 401) << reply.body;
    EXPECT_EQ(reply.body, R"({"error":"Invalid x-api-key"})");
  }
  for (const Headers& headers : {wrong, malformed, other_tenant}) {
    const HttpReply reply = world.call("GET", path, headers);
    EXPECT_EQ(reply.status, 429) << reply.body;
    EXPECT_EQ(reply.body, R"({"error":"Too many requests"})");
    EXPECT_EQ(reply.header("Retry-After"), "12");
    EXPECT_EQ(reply.header("RateLimit-Policy"), R"("wrong-keys";q=5;w=60)");
    EXPECT_EQ(reply.header("RateLimit"), R"("wrong-keys";r=0;t=12)");
    EXPECT_EQ(world.get(path).status, 404) << "the same address, a right key";
  }
  // Malformed requests, and correct keys without the needed role, take no tokens.
  EXPECT_EQ(world.call("GET", path, {}).status, 400);
  EXPECT_EQ(world.call("GET", path, World::identity("stan")).status, 403);
  world.clock.advance(seconds(12));
  EXPECT_EQ(world.call("GET", path, wrong).status, 401);
  EXPECT_EQ(world.call("GET", path, wrong).status, 429);
}

}  // namespace
}  // namespace vbrain::api
