#include "base/threads/worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace vbrain::base {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

WorkerPool::Task regardless_of_turn(std::function<void()> task) {
  return [task = std::move(task)](Turn) { task(); };
}

}  // namespace

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t max_queued, milliseconds max_wait,
                       const Scheduling& scheduling)
    : max_queued_(max_queued), max_wait_(max_wait), free_(threads) {
  set_up(common_);
  name.resize(std::min<std::size_t>(name.size(), 15));
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name, scheduling]() noexcept {
      pthread_setname_np(pthread_self(), name.c_str());
      apply(scheduling);
      work();
    });
  }
}

WorkerPool::~WorkerPool() {
  close();
}

Lane WorkerPool::new_lane() {
  const std::lock_guard lock(mutex_);
  Queue& queue = lanes_.emplace_back();
  set_up(queue);
  return {*this, queue};
}

void WorkerPool::set_up(Queue& queue) {
  queue.place.push_back(&queue);
  queue.self = queue.place.begin();
}

bool WorkerPool::try_post(std::function<void()> task) {
  return post(common_, regardless_of_turn(std::move(task)), Bounds::kQueue, nullptr) == Posted::kYes;
}

bool WorkerPool::post_always(std::function<void()> task) {
  return post(common_, regardless_of_turn(std::move(task)), Bounds::kNone, nullptr) == Posted::kYes;
}

bool WorkerPool::has_room(const Queue& queue, Posted& why_not) const {
  const std::size_t left = max_queued_ - std::min(queued_, max_queued_);
  const bool shares = &queue != &common_ && lanes_.size() > 1;
  // As with the threads: no more than what is left to others. So one lane has half, the next one a quarter, and some
  // tenants together do not fill the queue.
  if (shares && !queue.tasks.empty() && queue.tasks.size() >= left) {
    why_not = Posted::kLaneFull;
    return false;
  }
  why_not = Posted::kFull;
  return left > 0;
}

Posted WorkerPool::post(Queue& queue, Task task, Bounds bounds, Ticket* ticket) {
  const auto now = bounds == Bounds::kQueueAndWait ? steady_clock::now() : steady_clock::time_point();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Posted::kClosed;
    Posted why_not = Posted::kFull;
    if (bounds != Bounds::kNone && !has_room(queue, why_not)) return why_not;
    if (spare_.empty()) spare_.emplace_back();
    const auto entry = spare_.begin();
    entry->task = std::move(task);
    entry->queue = &queue;
    entry->serial = ++serials_;
    entry->expires = bounds == Bounds::kQueueAndWait;
    entry->posted_at = now;
    if (ticket != nullptr) {
      ticket->entry_ = entry;
      ticket->serial_ = entry->serial;
    }
    if (queue.tasks.empty()) ring_.splice(ring_.end(), queue.place, queue.self);
    queue.tasks.splice(queue.tasks.end(), spare_, entry);
    ++queued_;
    wake = begin_waking();
  }
  if (wake) ready_.notify_one();
  return Posted::kYes;
}

// Takes the entry out of its queue.
WorkerPool::Task WorkerPool::take(std::list<Entry>::iterator entry) {
  Queue& queue = *entry->queue;
  Task task = std::exchange(entry->task, nullptr);
  entry->serial = 0;
  spare_.splice(spare_.begin(), queue.tasks, entry);
  if (queue.tasks.empty()) queue.place.splice(queue.place.end(), ring_, queue.self);
  --queued_;
  return task;
}

bool WorkerPool::drop(const Ticket& ticket) {
  Task task;
  {
    const std::lock_guard lock(mutex_);
    if (ticket.serial_ == 0 || ticket.entry_->serial != ticket.serial_) return false;
    task = take(ticket.entry_);
  }
  task(Turn::kDropped);
  return true;
}

bool WorkerPool::is_late(const Entry& entry, steady_clock::time_point now) const {
  return entry.expires && std::chrono::duration_cast<milliseconds>(now - entry.posted_at) > max_wait_;
}

void WorkerPool::expire(steady_clock::time_point now) {
  std::vector<Task> late;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::list<Entry>::iterator> found;
    for (Queue* queue : ring_) {
      for (auto entry = queue->tasks.begin(); entry != queue->tasks.end(); ++entry) {
        if (is_late(*entry, now)) found.push_back(entry);
      }
    }
    for (const auto& entry : found) late.push_back(take(entry));
  }
  for (const Task& task : late) task(Turn::kLate);
}

bool WorkerPool::may_begin(const Queue& queue) const {
  return &queue == &common_ || lanes_.size() == 1 || closed_ || queue.running < free_;
}

// The lane whose turn it is. Null: no task may begin now.
WorkerPool::Queue* WorkerPool::next() const {
  const auto found = std::ranges::find_if(ring_, [this](const Queue* queue) { return may_begin(*queue); });
  return found == ring_.end() ? nullptr : *found;
}

// Only one thread is woken at a time. It wakes the next one if there are more tasks when it runs. So a few threads do a
// burst of small tasks, and the program does not pay for waking all of them.
bool WorkerPool::begin_waking() {
  if (idle_ == 0 || waking_ || next() == nullptr) return false;
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
    Queue* queue = next();
    while (queue == nullptr && !closed_) {
      ++idle_;
      ready_.wait(lock);
      --idle_;
      waking_ = false;
      queue = next();
    }
    if (queue == nullptr) return;
    const auto first = queue->tasks.begin();
    const bool late = first->expires && is_late(*first, steady_clock::now());
    Task task = take(first);
    if (!queue->tasks.empty()) ring_.splice(ring_.end(), ring_, queue->self);
    ++queue->running;
    --free_;
    const bool wake = begin_waking();
    lock.unlock();
    if (wake) ready_.notify_one();
    task(late ? Turn::kLate : Turn::kRun);
    task = nullptr;
    lock.lock();
    --queue->running;
    ++free_;
  }
}

bool Lane::try_post(std::function<void()> task) const {
  return pool_->post(*queue_, regardless_of_turn(std::move(task)), WorkerPool::Bounds::kQueue, nullptr) == Posted::kYes;
}

bool Lane::post_always(std::function<void()> task) const {
  return pool_->post(*queue_, regardless_of_turn(std::move(task)), WorkerPool::Bounds::kNone, nullptr) == Posted::kYes;
}

Posted Lane::post(WorkerPool::Task task, WorkerPool::Ticket* ticket) const {
  return pool_->post(*queue_, std::move(task), WorkerPool::Bounds::kQueueAndWait, ticket);
}

Posted Lane::post_always(WorkerPool::Task task) const {
  return pool_->post(*queue_, std::move(task), WorkerPool::Bounds::kNone, nullptr);
}

}  // namespace vbrain::base
