#include "kube/runtime/work_queue.hpp"

#include <utility>

namespace vbrain::kube {

WorkQueue::WorkQueue(const base::Clock& clock) : clock_(clock) {}

void WorkQueue::add(const std::string& key) {
  const std::lock_guard lock(mutex_);
  add_locked(key);
}

void WorkQueue::add_locked(const std::string& key) {
  if (shut_down_ || !dirty_.insert(key).second) return;
  // A worker processes it: done() adds it to the queue again.
  if (working_.contains(key)) return;
  order_.push_back(key);
  ready_.notify_one();
}

void WorkQueue::add_after(const std::string& key, std::chrono::nanoseconds delay) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  if (delay <= std::chrono::nanoseconds::zero()) return add_locked(key);
  const base::SteadyPoint due = clock_.steady() + delay;
  const auto [known, inserted] = due_.try_emplace(key, due);
  if (!inserted) {
    if (known->second <= due) return;
    known->second = due;
  }
  delays_.push({due, next_order_++, key});
  // A waiting worker may have to wake earlier than planned.
  ready_.notify_one();
}

void WorkQueue::release_due() {
  const base::SteadyPoint now = clock_.steady();
  while (!delays_.empty() && delays_.top().due <= now) {
    const Delayed delayed = delays_.top();
    delays_.pop();
    const auto known = due_.find(delayed.key);
    // A key whose delay was shortened leaves its older entry behind.
    if (known == due_.end() || known->second != delayed.due) continue;
    due_.erase(known);
    add_locked(delayed.key);
  }
}

std::optional<std::string> WorkQueue::take_locked() {
  release_due();
  if (order_.empty()) return std::nullopt;
  std::string key = std::move(order_.front());
  order_.pop_front();
  dirty_.erase(key);
  working_.insert(key);
  return key;
}

std::optional<std::string> WorkQueue::get(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (auto key = take_locked()) {
      // The wake-up of this thread may have been for the next key or the next delay.
      if (!order_.empty() || !delays_.empty()) ready_.notify_one();
      return key;
    }
    if (shut_down_ && dirty_.empty()) return std::nullopt;
    if (delays_.empty()) {
      ready_.wait(lock, stop, [this] { return !order_.empty() || !delays_.empty() || (shut_down_ && dirty_.empty()); });
    } else {
      const base::SteadyPoint due = delays_.top().due;
      ready_.wait_for(lock, stop, due - clock_.steady(), [this, due] {
        return !order_.empty() || shut_down_ || delays_.empty() || delays_.top().due < due;
      });
    }
  }
  return std::nullopt;
}

std::optional<std::string> WorkQueue::try_get() {
  const std::lock_guard lock(mutex_);
  return take_locked();
}

void WorkQueue::done(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (working_.erase(key) == 0) return;
  if (dirty_.contains(key)) {
    order_.push_back(key);
    ready_.notify_one();
  }
  if (shut_down_) ready_.notify_all();
}

void WorkQueue::shut_down() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  delays_ = {};
  due_.clear();
  ready_.notify_all();
}

std::size_t WorkQueue::size() const {
  const std::lock_guard lock(mutex_);
  // If all workers are busy, such a key has not been moved into the order yet.
  const bool due = !delays_.empty() && delays_.top().due <= clock_.steady();
  return order_.size() + (due ? 1 : 0);
}

std::size_t WorkQueue::delayed() const {
  const std::lock_guard lock(mutex_);
  return due_.size();
}

}  // namespace vbrain::kube
