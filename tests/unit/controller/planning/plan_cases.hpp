#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "unit/controller/builders.hpp"
#include "unit/controller/planning/plan_text.hpp"

namespace vbrain::controller::testing {

// A line of a table: this scene gives this plan.
struct Case {
  const char* when;
  Scene scene;
  const char* want;
  std::optional<std::chrono::milliseconds> want_wake = {};
};

inline void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const Plan got = plan(c.scene.build());
    EXPECT_EQ(text_of(got), c.want) << c.when;
    if (c.want_wake) {
      EXPECT_EQ(got.requeue_after, c.want_wake) << c.when;
    }
  }
}

}  // namespace vbrain::controller::testing
