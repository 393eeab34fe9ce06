#include "support/netfs/faults.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

namespace vbrain::netfs {
namespace {

const auto kLives = [] { return false; };

TEST(Rules, NameOperationPathAndProcess) {
  struct Case {
    const char* rule;
    Call call;
    bool matches;
  };
  const Case cases[] = {
      {"hang * *", {"read", "/a/b", {}, 1}, true},
      {"hang read,write /a/b", {"read", "/a/b", {}, 1}, true},
      {"hang read,write /a/b", {"fsync", "/a/b", {}, 1}, false},
      {"hang * /a", {"read", "/a/b/c", {}, 1}, true},
      {"hang * /a", {"read", "/ab", {}, 1}, false},
      {"hang * */status.json", {"read", "/a/b/status.json", {}, 1}, true},
      {"hang * */.staging/*", {"read", "/a/.staging/x/y", {}, 1}, true},
      {"hang * */.staging/*", {"read", "/a/.staging", {}, 1}, false},
      {"hang rename /new", {"rename", "/old", "/new", 1}, true},
      {"hang rename /old", {"rename", "/old", "/new", 1}, true},
      {"hang * * pid=7", {"read", "/a", {}, 7}, true},
      {"hang * * pid=7", {"read", "/a", {}, 8}, false},
  };
  for (const Case& it : cases) {
    const auto rule = parse_rule(it.rule);
    ASSERT_TRUE(rule) << it.rule;
    EXPECT_EQ(matches(*rule, it.call), it.matches) << it.rule << " on " << it.call.operation << " " << it.call.path;
  }
}

TEST(Rules, MalformedOnesAreRefused) {
  for (const char* line : {"", "hang", "hang *", "error=EWHAT * *", "error * *", "delay=x * *", "delay=-1 * *",
                           "hang reed *", "hang read, *extra extra", "hang * * times=x", "hang * * what=1"}) {
    EXPECT_FALSE(parse_rule(line)) << line;
  }
}

TEST(Faults, HitAfterSomeCallsAndSoManyTimes) {
  Faults faults;
  const int rule = faults.add(*parse_rule("error=ESTALE lookup * skip=1 times=2"));
  const Call call{"lookup", "/x", {}, 1};
  std::vector<int> errors;
  for (int i = 0; i < 5; ++i) errors.push_back(faults.apply(call, kLives));
  EXPECT_EQ(errors, (std::vector<int>{0, ESTALE, ESTALE, 0, 0}));
  EXPECT_EQ(faults.hits(rule), 2U);
  EXPECT_TRUE(faults.remove(rule));
  EXPECT_FALSE(faults.remove(rule));
}

TEST(Faults, AHangEndsWithItsRuleOrItsCaller) {
  Faults faults;
  faults.add(*parse_rule("hang read *"));
  std::atomic<bool> killed = false;
  int of_killed = 0;
  int of_released = -1;
  std::thread first([&] { of_killed = faults.apply({"read", "/x", {}, 1}, [&] { return killed.load(); }); });
  std::thread second([&] { of_released = faults.apply({"read", "/x", {}, 2}, kLives); });
  killed = true;
  first.join();
  EXPECT_EQ(of_killed, EINTR);
  faults.clear();
  second.join();
  EXPECT_EQ(of_released, 0);
  EXPECT_EQ(faults.waiting(), 0);
}

}  // namespace
}  // namespace vbrain::netfs
