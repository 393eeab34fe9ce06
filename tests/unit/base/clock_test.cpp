#include "base/time/clock.hpp"

#include <gtest/gtest.h>

namespace vbrain::base {
namespace {

TimePoint at_milliseconds(std::int64_t milliseconds) {
  return TimePoint{std::chrono::milliseconds{milliseconds}};
}

TEST(Clock, PrintsRfc3339InUtc) {
  const TimePoint time = at_milliseconds(1600878579'042);
  EXPECT_EQ(format_rfc3339(time), "2020-09-23T16:29:39.042Z");
  EXPECT_EQ(format_rfc3339_seconds(time), "2020-09-23T16:29:39Z");
  EXPECT_EQ(format_rfc3339_micro(time), "2020-09-23T16:29:39.042000Z");
}

TEST(Clock, PrintsTheDateOfHttp) {
  EXPECT_EQ(format_imf_fixdate(at_milliseconds(784111777'000)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_imf_fixdate(at_milliseconds(951782400'999)), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(format_imf_fixdate(at_milliseconds(1767225599'000)), "Wed, 31 Dec 2025 23:59:59 GMT");
  EXPECT_EQ(format_imf_fixdate(at_milliseconds(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(Clock, PrintsDigits) {
  EXPECT_EQ(format_digits(at_milliseconds(1600878579'042)), "20200923162939");
}

TEST(Clock, PrintsTimesBeforeTheEpoch) {
  EXPECT_EQ(format_rfc3339(at_milliseconds(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Clock, ReadsRfc3339) {
  const struct {
    std::string_view text;
    std::int64_t want_milliseconds;
  } cases[] = {
      {"2020-09-23T16:29:39Z", 1600878579'000},        {"2020-09-23T16:29:39.5Z", 1600878579'500},
      {"2020-09-23T16:29:39.042999Z", 1600878579'042}, {"2020-09-23t16:29:39z", 1600878579'000},
      {"2020-09-23T13:29:39-03:00", 1600878579'000},   {"2024-02-29T00:00:00Z", 1709164800'000},
      {"2016-12-31T23:59:60Z", 1483228799'000},
  };
  for (const auto& c : cases) {
    const auto time = parse_rfc3339(c.text);
    ASSERT_TRUE(time) << c.text;
    EXPECT_EQ(*time, at_milliseconds(c.want_milliseconds)) << c.text;
  }
}

TEST(Clock, RefusesTextThatIsNotATime) {
  for (const std::string_view text :
       {"", "2020-09-23", "2020-9-23T16:29:39Z", "2023-02-29T00:00:00Z", "2020-13-01T00:00:00Z", "2020-01-01T24:00:00Z",
        "2020-01-01T00:60:00Z", "2020-01-01T00:00:61Z", "2020-01-01T00:00:00", "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00Zjunk", "+020-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Clock, ReadsWhatItPrints) {
  for (const std::int64_t milliseconds : {0LL, 951782400'001LL, 1763900000'999LL, 4102444800'000LL}) {
    const TimePoint time = at_milliseconds(milliseconds);
    EXPECT_EQ(parse_rfc3339(format_rfc3339(time)), time);
  }
}

}  // namespace
}  // namespace vbrain::base
