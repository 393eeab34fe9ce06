#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/threads/scheduling.hpp"

namespace vbrain::base {

class Lane;

// What a task is called for.
enum class Turn {
  kRun,      // on a thread of the pool: it does its work
  kLate,     // it has waited for longer than max_wait(): it only tells its poster, without blocking
  kDropped,  // WorkerPool::drop(): the same
};

enum class Posted {
  kYes,
  kFull,      // the pool has as many waiting tasks as it may
  kLaneFull,  // the lane has
  kClosed,
};

// A fixed number of threads that run tasks from a bounded queue. All members except the destructor are thread-safe.
//
// Tasks wait in lanes, one for each party that shares the pool, and the lanes have their turn one after the other: a
// party with many tasks delays the next task of another by one task for each thread. From the second lane on:
// - A lane has no more waiting tasks than places are left where tasks wait: one alone has half, the next a quarter.
// - A lane begins another task only while it runs fewer than threads are free. So one party alone has half of the
//   threads, the next one half of the rest, and who runs nothing finds a thread also while the tasks of others take
//   long (the rule of dynamic thresholds by Choudhury and Hahne, 1998).
// The common lane, which is nobody's, has no limits of its own.
class WorkerPool {
  struct Queue;
  struct Entry;

 public:
  using Task = std::function<void(Turn)>;

  // A task that was posted, for drop().
  class Ticket {
    friend class WorkerPool;
    std::list<Entry>::iterator entry_{};
    std::uint64_t serial_ = 0;  // 0: none
  };

  // The threads get `name`, cut to 15 bytes, and `scheduling`. `threads` is at least 1. At most `max_queued` tasks
  // wait. `max_wait`: see max_wait().
  WorkerPool(std::string name, std::size_t threads, std::size_t max_queued,
             std::chrono::milliseconds max_wait = std::chrono::milliseconds::max(), const Scheduling& scheduling = {});
  // Runs the queued tasks, then joins the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // A lane for one more party. It lives as long as the pool: there should be a bounded number of them.
  Lane new_lane();

  // As those of Lane, on the common lane.
  bool try_post(std::function<void()> task);
  bool post_always(std::function<void()> task);

  // Takes a task out of its queue and calls it with kDropped, on this thread. False if it is not there any more.
  bool drop(const Ticket& ticket);

  // For how long a task that was posted with Lane::post() waits at most.
  std::chrono::milliseconds max_wait() const { return max_wait_; }

  // Calls with kLate, on this thread, all tasks that have waited for longer than max_wait() at the time `now`. Without
  // it they learn that only when their turn comes. To be called every second or so.
  void expire(std::chrono::steady_clock::time_point now);

  // Accepts no more tasks, runs the queued ones and joins the threads. May be called twice, but not by a task.
  void close();

 private:
  friend class Lane;

  struct Entry {
    Task task;
    Queue* queue = nullptr;
    std::uint64_t serial = 0;  // 0: not in a queue
    bool expires = false;
    std::chrono::steady_clock::time_point posted_at{};
  };
  struct Queue {
    std::list<Entry> tasks{};
    std::size_t running = 0;
    std::list<Queue*> place{};  // one element, its place in ring_, while no task waits here
    std::list<Queue*>::iterator self{};
  };
  enum class Bounds { kNone, kQueue, kQueueAndWait };

  void work();
  bool begin_waking();
  Posted post(Queue& queue, Task task, Bounds bounds, Ticket* ticket);
  void set_up(Queue& queue);
  bool has_room(const Queue& queue, Posted& why_not) const;
  bool may_begin(const Queue& queue) const;
  Queue* next() const;
  Task take(std::list<Entry>::iterator entry);
  bool is_late(const Entry& entry, std::chrono::steady_clock::time_point now) const;

  const std::size_t max_queued_;
  const std::chrono::milliseconds max_wait_;
  std::mutex mutex_;
  std::condition_variable ready_;
  Queue common_;
  std::list<Queue> lanes_;
  std::list<Queue*> ring_;  // those where tasks wait, in the order of their turns
  // Entries that are not in use. They are never freed, so that posting allocates nothing and tickets stay valid.
  std::list<Entry> spare_;
  std::uint64_t serials_ = 0;
  std::size_t queued_ = 0;
  std::size_t free_;      // threads that run no task
  std::size_t idle_ = 0;  // threads that wait for work
  bool waking_ = false;   // one idle thread was notified and does not run yet
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

// Where the tasks of one party wait for a pool: a value to be copied, valid as long as the pool. Thread-safe.
class Lane {
 public:
  // The common lane of `pool`. Implicit, so that a pool without parties is used as it is.
  Lane(WorkerPool& pool) : Lane(pool, pool.common_) {}

  // Returns false, and does not run the task, if there is no room for it or the pool is closed. A task must not throw:
  // an exception ends the program.
  bool try_post(std::function<void()> task) const;

  // As try_post(), but also if the queue is full: for what frees resources and must not be done by the caller. False
  // if the pool is closed.
  bool post_always(std::function<void()> task) const;

  // As try_post(), for a task that does not begin if it has waited for longer than max_wait(). `ticket` (may be null)
  // is set before the task can run.
  Posted post(WorkerPool::Task task, WorkerPool::Ticket* ticket) const;
  // A task that always begins. kYes or kClosed.
  Posted post_always(WorkerPool::Task task) const;

  WorkerPool& pool() const { return *pool_; }
  std::chrono::milliseconds max_wait() const { return pool_->max_wait(); }

 private:
  friend class WorkerPool;
  Lane(WorkerPool& pool, WorkerPool::Queue& queue) : pool_(&pool), queue_(&queue) {}

  WorkerPool* pool_;
  WorkerPool::Queue* queue_;
};

}  // namespace vbrain::base
