#include "controller/leadership/leader_watch.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <latch>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "base/metrics.hpp"
#include "support/manual_clock.hpp"

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
    changed_.wait(lock, [this] { return !hangs_; });
    if (fails_) throw std::runtime_error("Stale file handle");
  }
  void hang(bool hangs) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs;
    changed_.notify_all();
  }
  void fail() { fails_ = true; }
  void wait_for_probe() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return probes_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  bool fails_ = false;
  int probes_ = 0;
};

class LeaderWatchTest : public ::testing::Test {
 protected:
  void watch_volume() {
    watch_.emplace([this] { volume_.probe(); }, clock_, 25s);
    volume_.wait_for_probe();
  }
  kube::ReconcileLoop loop(kube::ReconcileLoop::Reconcile reconcile) {
    return {{.name = "job", .workers = 2}, std::move(reconcile), metrics_, clock_};
  }

  testing::ManualClock clock_;
  base::Metrics metrics_;
  Volume volume_;
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
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(watch_->wait_until_fit(stop.get_token()));
  volume_.hang(false);
  clock_.advance(LeaderWatch::kStandAside);
  EXPECT_TRUE(watch_->wait_until_fit({})) << "the volume answers again";
}

TEST_F(LeaderWatchTest, AVolumeThatFailsEndsOneTermOnly) {
  volume_.fail();
  watch_volume();
  ASSERT_TRUE(watch_->wait_until_fit({})) << "it fails for all of them, perhaps";
  clock_.advance(26s);
  EXPECT_TRUE(watch_->why_give_up());
  clock_.advance(LeaderWatch::kStandAside);
  EXPECT_TRUE(watch_->wait_until_fit({}));
  EXPECT_FALSE(watch_->why_give_up()) << "no other controller took the Lease";
}

TEST_F(LeaderWatchTest, WorkersThatHangEndTheTermAndThenTheProcess) {
  watch_volume();
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
}

}  // namespace
}  // namespace vbrain::controller
