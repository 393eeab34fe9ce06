#include "controller/leadership/progress.hpp"

#include <gtest/gtest.h>

namespace vbrain::controller {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 25s;

TEST(WorkFacts, DecideWhatALeaderDoes) {
  struct Case {
    const char* what;
    WorkFacts facts;
    const char* gives_up;  // a part of the cause; "": it continues
    bool restarts;
    bool is_fit;
  };
  const std::vector<Case> cases{
      {"all is well", {}, "", false, true},
      {"a probe under way", {.volume_silent = 300ms}, "", false, true},
      {"a slow volume", {.volume_silent = 10s}, "", false, false},
      {"at the limit", {.volume_silent = kLimit}, "", false, false},
      {"a volume that hangs", {.volume_silent = 26s}, "the volume has not answered for 26 s", false, false},
      {"a volume that fails for a while", {.volume_failing = 20s}, "", false, true},
      {"a volume that fails", {.volume_failing = 26s}, "the volume has failed every try for 26 s", false, true},
      {"and fails for the others too", {.volume_failing = 26s, .gave_up_for_failing_volume = true}, "", false, true},
      {"it hangs after it failed",
       {.volume_silent = 26s, .volume_failing = 40s, .gave_up_for_failing_volume = true},
       "has not answered",
       false,
       false},
      {"keys wait for a free worker", {.queue_stuck = 20s}, "", false, true},
      {"no reconcile ends", {.queue_stuck = 26s}, "jobs have waited for 26 s", false, true},
      {"the volume is the cause of that",
       {.volume_silent = 26s, .queue_stuck = 30s},
       "the volume has not answered",
       false,
       false},
      {"the term ends", {.term_ending = 20s}, "", false, true},
      {"the term cannot end", {.term_ending = 26s}, "the term of leadership should have ended", true, true},
      {"nor the volume", {.volume_silent = 30s, .term_ending = 26s}, "the volume has not answered", true, false},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.what);
    const auto stall = why_give_up(test.facts, kLimit);
    if (*test.gives_up == '\0') {
      EXPECT_FALSE(stall) << stall->cause;
    } else {
      ASSERT_TRUE(stall);
      EXPECT_NE(stall->cause.find(test.gives_up), std::string::npos) << stall->cause;
      EXPECT_FALSE(stall->remedy.empty());
    }
    EXPECT_EQ(why_restart(test.facts, kLimit).has_value(), test.restarts);
    EXPECT_EQ(why_not_lead(test.facts).has_value(), !test.is_fit);
  }
}

TEST(QueueProgress, CountsOnlyWhileKeysWaitAndNothingEnds) {
  const base::SteadyPoint begin{1h};
  QueueProgress queue;
  queue.sample(begin, 0, 0);
  EXPECT_EQ(queue.stuck(begin), 0s);
  // A key after an idle hour.
  queue.sample(begin + 1h, 1, 0);
  EXPECT_EQ(queue.stuck(begin + 1h), 0s);
  queue.sample(begin + 1h + 10s, 17, 0);
  EXPECT_EQ(queue.stuck(begin + 1h + 10s), 10s);
  // One of many reconciles ends.
  queue.sample(begin + 1h + 12s, 16, 1);
  EXPECT_EQ(queue.stuck(begin + 1h + 12s), 0s);
  queue.sample(begin + 1h + 30s, 16, 1);
  EXPECT_EQ(queue.stuck(begin + 1h + 30s), 18s);
  // No key waits any more.
  queue.sample(begin + 1h + 31s, 0, 1);
  EXPECT_EQ(queue.stuck(begin + 2h), 0s);
}

}  // namespace
}  // namespace vbrain::controller
