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

// A fixed number of threads over a bounded queue. All members but the destructor are thread-safe.
class WorkerPool {
 public:
  // `name` is cut to 15 bytes for the threads' names. `threads` >= 1. `max_queued` is how many tasks may wait.
  WorkerPool(std::string name, std::size_t threads, std::size_t max_queued);
  // Runs what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if the queue is full or the pool is closed; the task is then not run. A task must not throw: an
  // exception ends the program.
  bool try_post(std::function<void()> task);

  // Takes no more tasks, runs what is queued, joins. Idempotent; not to be called from a task.
  void close();

 private:
  void work();
  bool begin_waking();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  const std::size_t max_queued_;
  std::size_t idle_ = 0;  // threads that wait for work
  bool waking_ = false;   // one of them was told of some and has not come yet
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vbrain::base
