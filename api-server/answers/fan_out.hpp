#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

#include "http/task.hpp"

namespace vbrain::api {

// Calls `work(i)` for all i below `count` on up to `width` threads of `pool` and goes on when all are done. `work` must
// not throw. One task does all items that no other thread takes, so a busy pool makes it slower and never stops it.
// Throws Overloaded, with nothing done, if the pool has no room for that task.
template <class F>
http::Task<void> for_each_on(base::Lane pool, std::size_t count, std::size_t width, F& work) {
  // A helper may begin after the end of the call. Then it uses only this object.
  struct Crew {
    std::mutex mutex;
    std::condition_variable left;
    std::size_t helpers = 0;
    bool over = false;
    std::atomic<std::size_t> next{0};
  };
  const auto lead = [&] {
    const auto crew = std::make_shared<Crew>();
    const auto run = [&, crew] {
      for (std::size_t i = crew->next++; i < count; i = crew->next++) work(i);
    };
    const auto help = [crew, &run] {
      {
        const std::lock_guard lock(crew->mutex);
        if (crew->over) return;
        ++crew->helpers;
      }
      run();
      const std::lock_guard lock(crew->mutex);
      --crew->helpers;
      crew->left.notify_one();
    };
    for (std::size_t i = 1; i < width && i < count; ++i) pool.try_post(help);
    run();
    std::unique_lock lock(crew->mutex);
    crew->over = true;
    crew->left.wait(lock, [&] { return crew->helpers == 0; });
  };
  co_await http::run_on(pool, lead);
}

}  // namespace vbrain::api
