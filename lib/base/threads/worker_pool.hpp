#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vbrain::base {

// A fixed number of threads that run tasks from a bounded queue. All members except the destructor are thread-safe.
class WorkerPool {
 public:
  // The threads get `name`, cut to 15 bytes. `threads` is at least 1. At most `max_queued` tasks wait. `max_wait`: see
  // max_wait().
  WorkerPool(std::string name, std::size_t threads, std::size_t max_queued,
             std::chrono::milliseconds max_wait = std::chrono::milliseconds::max());
  // Runs the queued tasks, then joins the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Returns false, and does not run the task, if the queue is full or the pool is closed. A task must not throw: an
  // exception ends the program.
  bool try_post(std::function<void()> task);

  // As try_post(), but also if the queue is full: for what frees resources and must not be done by the caller. False
  // if the pool is closed.
  bool post_always(std::function<void()> task);

  // For how long a task should wait in the queue before its poster gives up. The pool does not act on it; whoever posts
  // a task looks at it when the task begins (http::run_on).
  std::chrono::milliseconds max_wait() const { return max_wait_; }

  // Accepts no more tasks, runs the queued ones and joins the threads. May be called twice, but not by a task.
  void close();

 private:
  void work();
  bool begin_waking();
  bool post(std::function<void()> task, std::size_t max_queued);

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  const std::size_t max_queued_;
  const std::chrono::milliseconds max_wait_;
  std::size_t idle_ = 0;  // threads that wait for work
  bool waking_ = false;   // one idle thread was notified and does not run yet
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vbrain::base
