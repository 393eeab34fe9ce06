#include "api-server/limits/token_bucket.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace vbrain::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

base::SteadyPoint at(milliseconds time) {
  return base::SteadyPoint(std::chrono::hours(100) + time);
}

// What the requests of one tenant, each at a time in milliseconds, are told.
TEST(TokenBucket, Admits) {
  struct Request {
    int at;
    bool admitted;
    std::uint64_t remaining;
    int next_in;
    int retry_after;
  };
  const struct {
    std::string name;
    RequestRate rate;
    std::vector<Request> requests;
  } cases[] = {
      {"no limit", {}, {{0, true, 0, 0, 0}, {0, true, 0, 0, 0}, {0, true, 0, 0, 0}}},
      {"two a second", {.per_second = 2}, {{0, true, 1, 1, 0}, {0, true, 0, 1, 0}, {0, false, 0, 1, 1}}},
      {"one comes back", {.per_second = 2}, {{0, true, 1, 1, 0}, {0, true, 0, 1, 0}, {500, true, 0, 1, 0}}},
      {"not before its time", {.per_second = 2}, {{0, true, 1, 1, 0}, {0, true, 0, 1, 0}, {499, false, 0, 1, 1}}},
      {"what is refused costs nothing",
       {.per_second = 1},
       {{0, true, 0, 1, 0}, {1, false, 0, 1, 1}, {2, false, 0, 1, 1}, {1000, true, 0, 1, 0}}},
      {"never more than the burst",
       {.per_second = 1},
       {{0, true, 0, 1, 0}, {3'600'000, true, 0, 1, 0}, {3'600'000, false, 0, 1, 1}}},
      {"a larger burst",
       {.per_second = 1, .burst = 3},
       {{0, true, 2, 1, 0}, {0, true, 1, 1, 0}, {0, true, 0, 1, 0}, {0, false, 0, 1, 1}, {2500, true, 1, 1, 0}}},
      {"a smaller burst",
       {.per_second = 10, .burst = 1},
       {{0, true, 0, 1, 0}, {99, false, 0, 1, 1}, {100, true, 0, 1, 0}}},
      {"a time before the last one", {.per_second = 1}, {{1000, true, 0, 1, 0}, {0, false, 0, 2, 2}}},
  };
  for (const auto& one : cases) {
    TokenBucket bucket(one.rate);
    EXPECT_EQ(bucket.limits(), one.rate.per_second > 0) << one.name;
    for (std::size_t i = 0; i < one.requests.size(); ++i) {
      const Request& want = one.requests[i];
      const TokenBucket::Taken taken = bucket.take(at(milliseconds(want.at)));
      EXPECT_EQ(taken.admitted, want.admitted) << one.name << " " << i;
      EXPECT_EQ(taken.remaining, want.remaining) << one.name << " " << i;
      EXPECT_EQ(taken.next_in, seconds(want.next_in)) << one.name << " " << i;
      EXPECT_EQ(taken.retry_after, seconds(want.retry_after)) << one.name << " " << i;
    }
  }
}

TEST(TokenBucket, AFastOneIsExact) {
  TokenBucket bucket({.per_second = 1'000'000, .burst = 5});
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += bucket.take(at(milliseconds(0))).admitted ? 1 : 0;
  EXPECT_EQ(admitted, 5);
}

TEST(RateLimitFields, SayPolicyAndRest) {
  EXPECT_EQ(policy_of({}).quota, 0);
  const struct {
    RequestRate rate;
    const char* policy;
  } cases[] = {
      {{.per_second = 100}, R"("default";q=100;w=1)"},
      {{.per_second = 10, .burst = 50}, R"("default";q=50;w=5)"},
      {{.per_second = 3, .burst = 10}, R"("default";q=10;w=4)"},
      {{.per_second = 100, .burst = 10}, R"("default";q=10;w=1)"},
  };
  for (const auto& [rate, policy] : cases) EXPECT_EQ(rate_limit_policy(policy_of(rate)), policy);
  EXPECT_EQ(rate_limit(policy_of({.per_second = 100}), 99, seconds(1)), R"("default";r=99;t=1)");
}

}  // namespace
}  // namespace vbrain::api
