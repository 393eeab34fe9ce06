#include "kube/runtime/work_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "support/cpp/manual_clock.hpp"

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;
using Key = std::optional<std::string>;

class WorkQueueTest : public ::testing::Test {
 protected:
  testing::ManualClock clock_;
  WorkQueue queue_{clock_};
};

TEST_F(WorkQueueTest, KeysComeOutInTheOrderTheyWereAdded) {
  for (const char* key : {"a", "b", "c"}) queue_.add(key);
  EXPECT_EQ(queue_.get(), "a");
  EXPECT_EQ(queue_.get(), "b");
  queue_.add("d");
  EXPECT_EQ(queue_.get(), "c");
  EXPECT_EQ(queue_.get(), "d");
}

TEST_F(WorkQueueTest, AKeyWaitingIsThereOnce) {
  for (int i = 0; i < 3; ++i) queue_.add("a");
  EXPECT_EQ(queue_.size(), 1u);
  EXPECT_EQ(queue_.try_get(), "a");
  EXPECT_EQ(queue_.try_get(), Key());
}

TEST_F(WorkQueueTest, AKeyBeingWorkedOnWaitsUntilDone) {
  queue_.add("a");
  ASSERT_EQ(queue_.try_get(), "a");
  queue_.add("a");
  queue_.add("a");
  EXPECT_EQ(queue_.try_get(), Key());
  queue_.done("a");
  EXPECT_EQ(queue_.try_get(), "a");
  queue_.done("a");
  EXPECT_EQ(queue_.try_get(), Key());
}

TEST_F(WorkQueueTest, DoneOfAnUnknownKeyDoesNothing) {
  queue_.done("a");
  EXPECT_EQ(queue_.try_get(), Key());
}

TEST_F(WorkQueueTest, DelaysLetKeysInWhenDueAndInOrder) {
  queue_.add_after("late", 20ms);
  queue_.add_after("early", 10ms);
  queue_.add_after("early too", 10ms);
  queue_.add_after("now", 0ms);
  EXPECT_EQ(queue_.try_get(), "now");
  EXPECT_EQ(queue_.try_get(), Key());
  EXPECT_EQ(queue_.delayed(), 3u);
  clock_.advance(10ms);
  EXPECT_EQ(queue_.try_get(), "early");
  EXPECT_EQ(queue_.try_get(), "early too");
  EXPECT_EQ(queue_.try_get(), Key());
  clock_.advance(10ms);
  EXPECT_EQ(queue_.try_get(), "late");
}

TEST_F(WorkQueueTest, OfSeveralDelaysTheEarliestCounts) {
  queue_.add_after("a", 50ms);
  queue_.add_after("a", 10ms);
  queue_.add_after("a", 90ms);
  EXPECT_EQ(queue_.delayed(), 1u);
  clock_.advance(10ms);
  EXPECT_EQ(queue_.try_get(), "a");
  queue_.done("a");
  clock_.advance(100ms);
  EXPECT_EQ(queue_.try_get(), Key());
}

TEST_F(WorkQueueTest, ADelayThatEndsWhileTheKeyIsWorkedOnIsKept) {
  queue_.add("a");
  ASSERT_EQ(queue_.try_get(), "a");
  queue_.add_after("a", 10ms);
  clock_.advance(10ms);
  EXPECT_EQ(queue_.try_get(), Key());
  queue_.done("a");
  EXPECT_EQ(queue_.try_get(), "a");
}

TEST_F(WorkQueueTest, AfterShutDownOnlyWaitingKeysAreHandedOut) {
  queue_.add("a");
  queue_.add_after("never", 1ms);
  queue_.shut_down();
  queue_.add("b");
  queue_.add_after("c", 0ms);
  clock_.advance(1s);
  EXPECT_EQ(queue_.get(), "a");
  queue_.done("a");
  EXPECT_EQ(queue_.get(), Key());
}

TEST_F(WorkQueueTest, AKeyAddedAgainBeforeShutDownIsStillWorkedOn) {
  queue_.add("a");
  ASSERT_EQ(queue_.get(), "a");
  queue_.add("a");
  queue_.shut_down();
  std::jthread other([this] {
    EXPECT_EQ(queue_.get(), "a");
    queue_.done("a");
    EXPECT_EQ(queue_.get(), Key());
  });
  queue_.done("a");
}

// The first letter of a key tells its urgency.
class UrgentQueueTest : public ::testing::Test {
 protected:
  std::vector<std::string> take_all() {
    std::vector<std::string> keys;
    while (const auto key = queue_.try_get()) {
      keys.push_back(*key);
      queue_.done(*key);
    }
    return keys;
  }

  testing::ManualClock clock_;
  std::map<std::string, Urgency> urgencies_;
  WorkQueue queue_{clock_, [this](const std::string& key) {
                     if (const auto known = urgencies_.find(key); known != urgencies_.end()) return known->second;
                     return key[0] == 'h' ? Urgency::kHigh : key[0] == 'l' ? Urgency::kLow : Urgency::kNormal;
                   }};
};

TEST_F(UrgentQueueTest, UrgentKeysComeFirstAndEqualOnesInOrder) {
  for (const char* key : {"l1", "n1", "h1", "n2", "h2", "l2"}) queue_.add(key);
  EXPECT_EQ(queue_.size(), 6u);
  EXPECT_EQ(take_all(), (std::vector<std::string>{"h1", "h2", "n1", "n2", "l1", "l2"}));
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(UrgentQueueTest, NoKeyWaitsForEver) {
  queue_.add("l");
  queue_.add("n");
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    queue_.add("h" + std::to_string(i));
    keys.push_back(queue_.try_get().value_or(""));
    queue_.done(keys.back());
  }
  const auto place_of = [&](const char* key) { return std::ranges::find(keys, key) - keys.begin(); };
  EXPECT_EQ(place_of("n"), WorkQueue::kMaxPassedOver);
  EXPECT_LT(place_of("l"), 3 * WorkQueue::kMaxPassedOver);
}

TEST_F(UrgentQueueTest, AKeyThatBecomesUrgentComesEarlierAndOnce) {
  for (const char* key : {"n1", "n2", "n3"}) queue_.add(key);
  urgencies_["n3"] = Urgency::kHigh;
  queue_.add("n3");
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(take_all(), (std::vector<std::string>{"n3", "n1", "n2"}));
  // It is an ordinary one again; its old entry is no second one.
  for (const char* key : {"n1", "n3"}) queue_.add(key);
  urgencies_.clear();
  EXPECT_EQ(take_all(), (std::vector<std::string>{"n3", "n1"}));
}

TEST_F(UrgentQueueTest, UrgencyCountsAlsoForAKeyThatAWorkerHasAndAtTheEndOfADelay) {
  queue_.add("n1");
  ASSERT_EQ(queue_.try_get(), "n1");
  urgencies_["n1"] = Urgency::kHigh;
  queue_.add("n1");
  queue_.add("n2");
  queue_.add_after("n3", 10ms);
  urgencies_["n3"] = Urgency::kHigh;
  queue_.done("n1");
  clock_.advance(10ms);
  EXPECT_EQ(take_all(), (std::vector<std::string>{"n1", "n3", "n2"}));
}

TEST_F(WorkQueueTest, StopWakesAWaiter) {
  std::jthread waiter([this](std::stop_token stop) { EXPECT_EQ(queue_.get(stop), Key()); });
  waiter.request_stop();
}

TEST(WorkQueue, WaitersWakeForKeysAndDelays) {
  const base::SystemClock clock;
  WorkQueue queue(clock);
  queue.add_after("later", 5ms);
  std::jthread adder([&] { queue.add_after("sooner", 1ms); });
  std::map<std::string, int> seen;
  for (int i = 0; i < 2; ++i) ++seen[queue.get().value()];
  EXPECT_EQ(seen, (std::map<std::string, int>{{"later", 1}, {"sooner", 1}}));
}

TEST(WorkQueue, ManyWorkersNeverHoldOneKeyTwiceAndLoseNothing) {
  const base::SystemClock clock;
  WorkQueue queue(clock);
  constexpr int kKeys = 10;
  constexpr int kAdds = 2'000;
  std::array<std::atomic<int>, kKeys> holders{};
  std::array<std::atomic<int>, kKeys> wanted{};
  std::array<std::atomic<int>, kKeys> handled{};
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&] {
        while (const auto key = queue.get()) {
          const auto index = static_cast<std::size_t>(std::stoi(*key));
          EXPECT_EQ(++holders[index], 1);
          handled[index] = wanted[index].load();
          --holders[index];
          queue.done(*key);
        }
      });
    }
    {
      std::vector<std::jthread> adders;
      for (int t = 0; t < 2; ++t) {
        adders.emplace_back([&, t] {
          for (int i = 0; i < kAdds; ++i) {
            const int key = (i * 7 + t) % kKeys;
            ++wanted[static_cast<std::size_t>(key)];
            if (i % 3 == 0) {
              queue.add_after(std::to_string(key), 10us);
            } else {
              queue.add(std::to_string(key));
            }
          }
        });
      }
    }
    for (int key = 0; key < kKeys; ++key) queue.add(std::to_string(key));
    queue.shut_down();
  }
  for (std::size_t key = 0; key < kKeys; ++key) EXPECT_EQ(handled[key], wanted[key]);
}

}  // namespace
}  // namespace vbrain::kube
