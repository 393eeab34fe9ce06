#include "controller/leadership/leader_watch.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <latch>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "base/metrics.hpp"
#include "support/cpp/manual_clock.hpp"

namespace vbrain::controller {
namespace {

using namespace std::chrono_literals;

// A volume that hangs or fails when the test says so.
class Volume {
 public:
  void probe() {
    std::unique_lock lock(mutex_);
    ++probes_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !hangs_ || allowed_ > 0; });
    if (allowed_ > 0) --allowed_;
    if (fails_) throw std::runtime_error("Stale file handle");
  }
  void hang(bool hangs) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs;
    changed_.notify_all();
  }
  void fail(bool fails) {
    const std::lock_guard lock(mutex_);
    fails_ = fails;
  }
  void wait_for_probe() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return probes_ > 0; });
  }
  // Returns when the next probe has begun: then the watch knows how this one ended.
  void let_one_probe_end() {
    std::unique_lock lock(mutex_);
    ++allowed_;
    changed_.notify_all();
    changed_.wait(lock, [this, next = probes_ + 1] { return probes_ >= next; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  bool fails_ = false;
  int probes_ = 0;
  int allowed_ = 0;  // probes that may end although it hangs
};

class LeaderWatchTest : public ::testing::Test {
 protected:
  void watch_volume() {
    watch_.emplace([this] { volume_.probe(); }, clock_, 25s, interval_);
    volume_.wait_for_probe();
  }
  kube::ReconcileLoop loop(kube::ReconcileLoop::Reconcile reconcile) {
    return {{.name = "job", .workers = 2}, std::move(reconcile), metrics_, clock_};
  }

  testing::ManualClock clock_;
  base::Metrics metrics_;
  Volume volume_;
  std::chrono::milliseconds interval_ = LeaderWatch::kProbeInterval;
  std::optional<LeaderWatch> watch_;
};

TEST_F(LeaderWatchTest, AVolumeThatHangsEndsTheTermAndKeepsItFromTheNextOne) {
  volume_.hang(true);
  watch_volume();
  clock_.advance(25s);
  EXPECT_FALSE(watch_->why_give_up());
  clock_.advance(2s);
  const auto stall = watch_->why_give_up();
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->cause, "the volume has not answered for 27 s");
  EXPECT_EQ(watch_->why_restart(), "") << "others lead; nothing is to be gained from a restart";
  EXPECT_NE(watch_->why_not_lead(), "");
  EXPECT_FALSE(watch_->is_fit());
  clock_.advance(LeaderWatch::kStandAside);
  EXPECT_FALSE(watch_->is_fit()) << "the volume hangs";
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(watch_->wait_until_fit(stop.get_token()));
  volume_.hang(false);
  EXPECT_TRUE(watch_->wait_until_fit({})) << "the volume answers again";
}

TEST_F(LeaderWatchTest, AVolumeThatFailsEndsOneTermOnly) {
  volume_.fail(true);
  watch_volume();
  ASSERT_TRUE(watch_->wait_until_fit({})) << "it fails for all of them, perhaps";
  clock_.advance(26s);
  EXPECT_TRUE(watch_->why_give_up());
  clock_.advance(LeaderWatch::kStandAside - 1ms);
  EXPECT_FALSE(watch_->is_fit()) << "another controller has its turn";
  clock_.advance(1ms);
  EXPECT_TRUE(watch_->is_fit());
  EXPECT_FALSE(watch_->why_give_up()) << "no other controller took the Lease";
}

TEST_F(LeaderWatchTest, AVolumeThatWorkedAgainAndFailsAgainEndsAnotherTerm) {
  interval_ = 1ms;
  volume_.hang(true);
  volume_.fail(true);
  watch_volume();
  volume_.let_one_probe_end();
  clock_.advance(20s);
  EXPECT_FALSE(watch_->why_give_up());
  EXPECT_FALSE(watch_->is_fit()) << "a probe waits for its answer";
  volume_.let_one_probe_end();
  EXPECT_TRUE(watch_->is_fit());
  clock_.advance(6s);
  EXPECT_TRUE(watch_->why_give_up()) << "it fails since 26 s";
  volume_.fail(false);
  volume_.let_one_probe_end();
  clock_.advance(10s);
  EXPECT_FALSE(watch_->why_give_up()) << "it worked";
  volume_.fail(true);
  volume_.let_one_probe_end();
  clock_.advance(16s);
  EXPECT_TRUE(watch_->why_give_up()) << "it fails since 26 s again";
  volume_.hang(false);
}

TEST_F(LeaderWatchTest, WorkersThatHangEndTheTermAndThenTheProcess) {
  watch_volume();
  ASSERT_TRUE(watch_->wait_until_fit({})) << "the first probe has ended";
  std::latch hang(1);
  std::latch busy(2);
  auto loop = this->loop([&](const std::string&, std::stop_token) {
    busy.count_down();
    hang.wait();
    return kube::ReconcileResult::ok();
  });
  std::stop_source leading;
  std::optional<LeaderWatch::Term> term(std::in_place, *watch_, loop, leading.get_token());
  std::jthread worker([&] { loop.run(leading.get_token()); });
  for (const char* key : {"a", "b"}) loop.queue().add(key);
  busy.wait();
  EXPECT_FALSE(watch_->why_give_up());
  clock_.advance(1min);
  EXPECT_FALSE(watch_->why_give_up()) << "a long reconcile keeps nobody waiting";
  loop.queue().add("c");
  EXPECT_FALSE(watch_->why_give_up());
  clock_.advance(26s);
  EXPECT_TRUE(watch_->why_give_up());
  leading.request_stop();
  clock_.advance(26s);
  EXPECT_NE(watch_->why_restart(), "") << "the term does not end";
  hang.count_down();
  worker.join();
  term.reset();
  EXPECT_EQ(watch_->why_restart(), "") << "it has ended after all";
  // The next term is measured from its own begin.
  auto next = this->loop([](const std::string&, std::stop_token) { return kube::ReconcileResult::ok(); });
  next.queue().add("c");
  const LeaderWatch::Term next_term(*watch_, next, {});
  EXPECT_FALSE(watch_->why_give_up());
}

}  // namespace
}  // namespace vbrain::controller
