#include "kube/transport/backoff.hpp"

#include <gtest/gtest.h>

namespace vbrain::kube {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesBetweenItsLimitsWithJitter) {
  const milliseconds min(5), max(30'000);
  const struct {
    unsigned failures;
    double fraction;
    int want;
  } cases[] = {
      {0, 0, 5},  {0, 1, 5},         {1, 0, 5},       {1, 1, 10},      {4, 0, 40},
      {4, 1, 80}, {12, 0.5, 15'360}, {13, 1, 30'000}, {13, 0, 15'000}, {1'000'000, 1, 30'000},
  };
  for (const auto& c : cases)
    EXPECT_EQ(Backoff::delay(min, max, c.failures, c.fraction), milliseconds(c.want)) << c.failures;
}

TEST(Backoff, StartsAnewAfterAReset) {
  Backoff backoff(milliseconds(800), milliseconds(30'000), 1);
  EXPECT_EQ(backoff.next(), milliseconds(800));
  for (int i = 0; i < 10; ++i) (void)backoff.next();
  EXPECT_GE(backoff.next(), milliseconds(15'000));
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds(800));
}

}  // namespace
}  // namespace vbrain::kube
