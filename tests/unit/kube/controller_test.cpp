#include "kube/runtime/reconcile_loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <map>
#include <stdexcept>
#include <thread>

#include "support/cpp/manual_clock.hpp"

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ControllerTest : public ::testing::Test {
 protected:
  // Processes all ready keys without waiting.
  int work() {
    int done = 0;
    while (controller_.work_once()) ++done;
    return done;
  }
  // Time until the key is processed again, in steps of 1 ms; nothing if longer than `limit`.
  std::optional<std::chrono::milliseconds> time_until_next(std::chrono::milliseconds limit) {
    for (auto waited = 0ms; waited <= limit; waited += 1ms) {
      if (work() > 0) return waited;
      clock_.advance(1ms);
    }
    return std::nullopt;
  }

  testing::ManualClock clock_;
  base::Metrics metrics_;
  std::map<std::string, int> runs_;
  std::function<ReconcileResult(const std::string&)> reconcile_ = [](const std::string&) {
    return ReconcileResult::ok();
  };
  ReconcileLoop controller_{{.name = "test", .workers = 2},
                            [this](const std::string& key, std::stop_token) {
                              ++runs_[key];
                              return reconcile_(key);
                            },
                            metrics_,
                            clock_};
};

TEST_F(ControllerTest, OkWaitsForTheNextChange) {
  controller_.queue().add("a");
  EXPECT_EQ(work(), 1);
  EXPECT_EQ(time_until_next(1'000ms), std::nullopt);
}

TEST_F(ControllerTest, AfterComesAgainThen) {
  reconcile_ = [](const std::string&) { return ReconcileResult::after(70ms); };
  controller_.queue().add("a");
  work();
  EXPECT_EQ(time_until_next(1'000ms), 70ms);
}

TEST_F(ControllerTest, RetryableBacksOffPerKeyAndOkForgets) {
  bool fails = true;
  reconcile_ = [&](const std::string&) { return fails ? ReconcileResult::retryable("busy") : ReconcileResult::ok(); };
  controller_.queue().add("a");
  work();
  auto longest = 0ms;
  for (int i = 0; i < 10; ++i) {
    const auto full = 5ms * (1 << i);
    const auto waited = time_until_next(60'000ms);
    ASSERT_TRUE(waited);
    EXPECT_GE(*waited, std::max(full / 2, 5ms)) << i;
    EXPECT_LE(*waited, full) << i;
    longest = std::max(longest, *waited);
  }
  EXPECT_GE(longest, 1'280ms);
  // The back-off of one key does not delay another.
  controller_.queue().add("b");
  work();
  EXPECT_EQ(time_until_next(10ms), 5ms);
  fails = false;
  while (time_until_next(60'000ms)) {
  }
  fails = true;
  controller_.queue().add("a");
  work();
  EXPECT_EQ(time_until_next(10ms), 5ms);
}

TEST_F(ControllerTest, OkAndAfterForgetTheFailures) {
  for (const auto& good : {ReconcileResult::after(1ms), ReconcileResult::ok(1ms)}) {
    std::vector<ReconcileResult> results(8, ReconcileResult::retryable("busy"));
    results.push_back(good);
    results.push_back(ReconcileResult::retryable("busy"));
    std::size_t next = 0;
    reconcile_ = [&](const std::string&) { return next < results.size() ? results[next++] : ReconcileResult::ok(); };
    controller_.queue().add("a");
    while (next < results.size()) {
      if (work() == 0) clock_.advance(1ms);
    }
    EXPECT_EQ(time_until_next(10ms), 5ms);
  }
}

TEST_F(ControllerTest, RetryableNeverWaitsLongerThanTheLimit) {
  reconcile_ = [](const std::string&) { return ReconcileResult::retryable("busy"); };
  controller_.queue().add("a");
  work();
  for (int i = 0; i < 30; ++i) {
    clock_.advance(30s);
    EXPECT_EQ(work(), 1);
  }
}

TEST_F(ControllerTest, TheServersWishIsKeptUpToTheLimit) {
  reconcile_ = [](const std::string&) {
    return ReconcileResult::retryable(
        Error{.code = ErrorCode::kTooManyRequests, .message = "later", .retry_after = 3s});
  };
  controller_.queue().add("a");
  work();
  EXPECT_EQ(time_until_next(10'000ms), 3'000ms);
  reconcile_ = [](const std::string&) { return ReconcileResult::retryable("later", 1h); };
  EXPECT_EQ(time_until_next(10'000ms), 3'000ms);
  EXPECT_EQ(time_until_next(40'000ms), 30'000ms);
}

TEST_F(ControllerTest, OkMayNameATimeToLookAgain) {
  reconcile_ = [](const std::string&) { return ReconcileResult::ok(3s); };
  controller_.queue().add("a");
  work();
  EXPECT_EQ(time_until_next(10'000ms), 3'000ms);
  reconcile_ = [](const std::string&) { return ReconcileResult::ok(); };
  EXPECT_EQ(time_until_next(10'000ms), 3'000ms);
  EXPECT_EQ(time_until_next(60'000ms), std::nullopt);
}

TEST_F(ControllerTest, AnExceptionIsRetriedAndHurtsNoOtherKey) {
  reconcile_ = [](const std::string& key) -> ReconcileResult {
    if (key == "poison") throw std::runtime_error("poison");
    return ReconcileResult::ok();
  };
  controller_.queue().add("poison");
  controller_.queue().add("good");
  EXPECT_EQ(work(), 2);
  EXPECT_EQ(runs_["good"], 1);
  EXPECT_EQ(time_until_next(10ms), 5ms);
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_reconcile_exceptions_total{controller=\"test\"} 2"));
}

TEST_F(ControllerTest, AChangeDuringTheReconcileIsNotLost) {
  reconcile_ = [&](const std::string& key) {
    if (runs_[key] == 1) controller_.queue().add(key);
    return ReconcileResult::ok();
  };
  controller_.queue().add("a");
  EXPECT_EQ(work(), 2);
}

TEST(ReconcileLoop, RunsWorkersUntilStoppedAndWaitsForThem) {
  const base::SystemClock clock;
  base::Metrics metrics;
  std::latch inside(2);
  std::atomic<int> finished{0};
  ReconcileLoop controller(
      {.name = "test", .workers = 2},
      [&](const std::string&, std::stop_token stop) {
        inside.count_down();
        std::latch stopped(1);
        const std::stop_callback wake(stop, [&] { stopped.count_down(); });
        stopped.wait();
        ++finished;
        return ReconcileResult::retryable("stopped");
      },
      metrics, clock);
  for (const char* key : {"a", "b", "c"}) controller.queue().add(key);
  std::jthread runner([&](std::stop_token stop) { controller.run(stop); });
  inside.wait();
  runner.request_stop();
  runner.join();
  EXPECT_EQ(finished, 2);
  EXPECT_NE(metrics.render().find("vbrain_reconcile_queue_depth{controller=\"test\"} 0"), std::string::npos)
      << "one key is left, and nobody works on it";
}

}  // namespace
}  // namespace vbrain::kube
