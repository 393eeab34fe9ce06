// How the parties that share a pool have their turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/threads/worker_pool.hpp"

namespace vbrain::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;

// Tasks that begin and then stand until the gate is opened.
class Gate {
 public:
  void open() {
    if (!std::exchange(is_open_, true)) opened_.set_value();
  }
  // A task that counts itself under `name` when it begins.
  std::function<void(Turn)> task(const std::string& name) {
    return [this, name](Turn) {
      {
        const std::lock_guard lock(mutex_);
        ++begun_[name];
      }
      changed_.notify_all();
      wait_.wait();
    };
  }
  // Whether so many tasks in all have begun within 10 s.
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      std::size_t all = 0;
      for (const auto& [name, number] : begun_) all += number;
      return all >= count;
    });
  }
  std::map<std::string, std::size_t> begun() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::size_t> begun_;
  std::promise<void> opened_;
  std::shared_future<void> wait_ = opened_.get_future().share();
  bool is_open_ = false;
};

// Opens the gate before the pool, which was made before this object, waits for its tasks.
struct OpenAtEnd {
  Gate& gate;
  ~OpenAtEnd() { gate.open(); }
};

// Holds the only thread of a pool.
void hold(WorkerPool& pool, Gate& gate) {
  ASSERT_EQ(Lane(pool).post(gate.task("holds"), nullptr), Posted::kYes);
  ASSERT_TRUE(gate.wait_for(1));
}

TEST(Lanes, HaveTheirTurnsOneAfterTheOther) {
  Gate gate;
  std::vector<std::string> order;
  WorkerPool pool("test", 1, 100);
  const OpenAtEnd open_at_end{gate};
  const Lane many = pool.new_lane();
  const Lane few = pool.new_lane();
  hold(pool, gate);
  const auto post = [&](const Lane& lane, const std::string& name) {
    ASSERT_TRUE(lane.try_post([&order, name] { order.push_back(name); }));
  };
  for (int i = 0; i < 4; ++i) post(many, "many" + std::to_string(i));
  post(few, "few0");
  post(Lane(pool), "nobody's");
  post(few, "few1");
  gate.open();
  pool.close();
  EXPECT_THAT(order, ElementsAre("many0", "few0", "nobody's", "many1", "few1", "many2", "many3"));
}

TEST(Lanes, LeaveThreadsForThoseWhoRunNothing) {
  Gate gate;
  WorkerPool pool("test", 4, 100);
  const OpenAtEnd open_at_end{gate};
  const Lane first = pool.new_lane();
  const Lane second = pool.new_lane();
  const Lane third = pool.new_lane();
  for (int i = 0; i < 4; ++i) ASSERT_EQ(first.post(gate.task("first"), nullptr), Posted::kYes);
  ASSERT_TRUE(gate.wait_for(2));
  for (int i = 0; i < 4; ++i) ASSERT_EQ(second.post(gate.task("second"), nullptr), Posted::kYes);
  ASSERT_TRUE(gate.wait_for(3));
  ASSERT_EQ(third.post(gate.task("third"), nullptr), Posted::kYes);
  ASSERT_TRUE(gate.wait_for(4)) << "nobody has left a thread";
  EXPECT_EQ(gate.begun(), (std::map<std::string, std::size_t>{{"first", 2}, {"second", 1}, {"third", 1}}));
  gate.open();
  pool.close();
  EXPECT_EQ(gate.begun(), (std::map<std::string, std::size_t>{{"first", 4}, {"second", 4}, {"third", 1}}));
}

TEST(Lanes, OneAloneHasAllThreadsAndTheWholeQueue) {
  Gate gate;
  WorkerPool pool("test", 4, 3);
  const OpenAtEnd open_at_end{gate};
  const Lane lane = pool.new_lane();
  for (std::size_t i = 0; i < 4; ++i) {
    ASSERT_EQ(lane.post(gate.task("alone"), nullptr), Posted::kYes);
    ASSERT_TRUE(gate.wait_for(i + 1));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(lane.post(gate.task("alone"), nullptr), Posted::kYes);
  EXPECT_EQ(lane.post(gate.task("alone"), nullptr), Posted::kFull);
}

TEST(Lanes, NobodysTasksHaveAllThreads) {
  Gate gate;
  WorkerPool pool("test", 2, 10);
  const OpenAtEnd open_at_end{gate};
  for (int i = 0; i < 2; ++i) pool.new_lane();
  for (int i = 0; i < 2; ++i) ASSERT_EQ(Lane(pool).post(gate.task("nobody's"), nullptr), Posted::kYes);
  EXPECT_TRUE(gate.wait_for(2));
}

TEST(Lanes, LeaveRoomInTheQueueToOthers) {
  Gate gate;
  WorkerPool pool("test", 1, 8);
  const OpenAtEnd open_at_end{gate};
  const Lane first = pool.new_lane();
  const Lane second = pool.new_lane();
  const Lane third = pool.new_lane();
  hold(pool, gate);
  const auto most = [](const Lane& lane) {
    for (int posted = 0;; ++posted) {
      const Posted answer = lane.post([](Turn) {}, nullptr);
      if (answer != Posted::kYes) {
        EXPECT_EQ(answer, Posted::kLaneFull);
        return posted;
      }
    }
  };
  EXPECT_EQ(most(first), 4);
  EXPECT_EQ(most(second), 2);
  EXPECT_EQ(most(third), 1);
  EXPECT_TRUE(pool.try_post([] {})) << "the common lane has all that is left";
  EXPECT_FALSE(pool.try_post([] {}));
  EXPECT_EQ(pool.new_lane().post([](Turn) {}, nullptr), Posted::kFull);
  EXPECT_TRUE(first.post_always([] {})) << "what must be done is done";
  gate.open();
  pool.close();
  EXPECT_EQ(first.post([](Turn) {}, nullptr), Posted::kClosed);
}

TEST(Lanes, ADroppedTaskDoesNotRun) {
  Gate gate;
  WorkerPool pool("test", 1, 4);
  const OpenAtEnd open_at_end{gate};
  const Lane lane = pool.new_lane();
  hold(pool, gate);
  std::vector<Turn> turns;
  WorkerPool::Ticket dropped;
  WorkerPool::Ticket other;
  const auto note = [&turns](Turn turn) { turns.push_back(turn); };
  ASSERT_EQ(lane.post(note, &dropped), Posted::kYes);
  EXPECT_TRUE(pool.drop(dropped));
  EXPECT_THAT(turns, ElementsAre(Turn::kDropped));
  EXPECT_FALSE(pool.drop(dropped)) << "once";
  ASSERT_EQ(lane.post(note, &other), Posted::kYes);
  EXPECT_FALSE(pool.drop(dropped)) << "the place in the queue is another task's now";
  EXPECT_FALSE(pool.drop(WorkerPool::Ticket())) << "no task";
  gate.open();
  pool.close();
  EXPECT_THAT(turns, ElementsAre(Turn::kDropped, Turn::kRun));
  EXPECT_FALSE(pool.drop(other)) << "it has run";
}

TEST(Lanes, TasksThatWaitTooLongAreToldSoWhileAllThreadsAreBusy) {
  Gate gate;
  WorkerPool pool("test", 1, 8, std::chrono::minutes(1));
  const OpenAtEnd open_at_end{gate};
  const Lane lane = pool.new_lane();
  hold(pool, gate);
  std::vector<std::string> told;
  const auto note = [&told](const std::string& name) {
    return [&told, name](Turn turn) { told.push_back(name + (turn == Turn::kLate ? " late" : " run")); };
  };
  ASSERT_EQ(lane.post(note("bounded"), nullptr), Posted::kYes);
  ASSERT_EQ(lane.post_always(note("needed")), Posted::kYes);
  ASSERT_TRUE(lane.try_post([&told] { told.push_back("plain"); }));
  pool.expire(steady_clock::now());
  EXPECT_THAT(told, ElementsAre());
  pool.expire(steady_clock::now() + std::chrono::minutes(2));
  EXPECT_THAT(told, ElementsAre("bounded late"));
  gate.open();
  pool.close();
  EXPECT_THAT(told, ElementsAre("bounded late", "needed run", "plain"));
}

TEST(WorkerPool, ItsThreadsLetOthersGoFirst) {
  std::promise<int> told;
  WorkerPool pool("test", 1, 1, milliseconds::max(), {.nice = 19});
  ASSERT_TRUE(pool.try_post([&] { told.set_value(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()))); }));
  EXPECT_EQ(told.get_future().get(), 19);
  EXPECT_LT(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), 19) << "only its threads";
}

}  // namespace
}  // namespace vbrain::base
