#include "base/threads/worker_pool.hpp"

#include <pthread.h>

#include <limits>
#include <utility>

namespace vbrain::base {

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t max_queued,
                       std::chrono::milliseconds max_wait)
    : max_queued_(max_queued), max_wait_(max_wait) {
  name.resize(std::min<std::size_t>(name.size(), 15));
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name]() noexcept {
      pthread_setname_np(pthread_self(), name.c_str());
      work();
    });
  }
}

WorkerPool::~WorkerPool() {
  close();
}

bool WorkerPool::try_post(std::function<void()> task) {
  return post(std::move(task), max_queued_);
}

bool WorkerPool::post_always(std::function<void()> task) {
  return post(std::move(task), std::numeric_limits<std::size_t>::max());
}

bool WorkerPool::post(std::function<void()> task, std::size_t max_queued) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || tasks_.size() >= max_queued) return false;
    tasks_.push_back(std::move(task));
    wake = begin_waking();
  }
  if (wake) ready_.notify_one();
  return true;
}

// Only one thread is woken at a time. It wakes the next one if there are more tasks when it runs. So a few threads do a
// burst of small tasks, and the program does not pay for waking all of them.
bool WorkerPool::begin_waking() {
  if (tasks_.empty() || idle_ == 0 || waking_) return false;
  waking_ = true;
  return true;
}

void WorkerPool::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (tasks_.empty() && !closed_) {
      ++idle_;
      ready_.wait(lock);
      --idle_;
      waking_ = false;
    }
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    const bool wake = begin_waking();
    lock.unlock();
    if (wake) ready_.notify_one();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace vbrain::base
