#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include "base/threads/worker_pool.hpp"

namespace vbrain::api::testing {

// All threads of a pool, held by tasks until the end of the object or release(). They hold when it is made: the lanes
// of a pool have their turns, so a task that is posted later may run before one that has not begun.
class HeldPool {
 public:
  HeldPool(base::WorkerPool& pool, int threads) {
    const auto begun = std::make_shared<std::atomic<int>>(0);
    const auto opened = open_.get_future().share();
    for (int i = 0; i < threads; ++i) {
      const bool posted = pool.try_post([begun, opened] {
        ++*begun;
        opened.wait();
      });
      EXPECT_TRUE(posted);
      if (!posted) return;
    }
    while (*begun < threads) std::this_thread::yield();
  }
  ~HeldPool() { release(); }
  HeldPool(const HeldPool&) = delete;

  void release() {
    if (!released_) open_.set_value();
    released_ = true;
  }

 private:
  std::promise<void> open_;
  bool released_ = false;
};

}  // namespace vbrain::api::testing
