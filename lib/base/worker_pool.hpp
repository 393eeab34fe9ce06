#pragma once

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
  // The threads get `name`, cut to 15 bytes. `threads` is at least 1. At most `max_queued` tasks wait.
  WorkerPool(std::string name, std::size_t threads, std::size_t max_queued);
  // Runs the queued tasks, then joins the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Returns false, and does not run the task, if the queue is full or the pool is closed. A task must not throw: an
  // exception ends the program.
  bool try_post(std::function<void()> task);

  // Accepts no more tasks, runs the queued ones and joins the threads. May be called twice, but not by a task.
  void close();

 private:
  void work();
  bool begin_waking();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  const std::size_t max_queued_;
  std::size_t idle_ = 0;  // threads that wait for work
  bool waking_ = false;   // one idle thread was notified and does not run yet
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vbrain::base
