#include "api-server/open_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace vbrain::api {
namespace {

using ::testing::HasSubstr;

Config with_connections(std::size_t connections) {
  Config config;
  config.max_connections = connections;
  return config;
}

TEST(OpenFiles, AreComparedWithMaxConnections) {
  struct Case {
    std::uint64_t limit;
    std::size_t connections;
    bool want_enough;
  };
  const std::uint64_t rest = needed_descriptors(with_connections(0));
  const Case cases[] = {{1'024, 10'000, false},          {1'024, 100, true},
                        {20'000, 10'000, true},          {10'000, 10'000, false},
                        {10'000 + rest, 10'000, true},   {10'000 + rest - 1, 10'000, false},
                        {RLIM_INFINITY, 1'000'000, true}};
  for (const Case& c : cases) {
    EXPECT_EQ(check_descriptors(c.limit, with_connections(c.connections)).empty(), c.want_enough)
        << c.limit << " " << c.connections;
  }
}

TEST(OpenFiles, TheSentenceHasCauseAndRemedy) {
  const std::string sentence = check_descriptors(1'024, with_connections(10'000));
  EXPECT_THAT(sentence, HasSubstr("RLIMIT_NOFILE) is 1024"));
  EXPECT_THAT(sentence, HasSubstr("max-connections of 10000 needs"));
  EXPECT_THAT(sentence, HasSubstr("lower --max-connections"));
}

TEST(OpenFiles, TheSoftLimitIsRaisedToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = before.rlim_max / 2;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace vbrain::api
