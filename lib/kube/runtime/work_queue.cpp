#include "kube/runtime/work_queue.hpp"

#include <utility>

namespace vbrain::kube {

namespace {

std::size_t index_of(Urgency urgency) {
  return static_cast<std::size_t>(urgency);
}

}  // namespace

WorkQueue::WorkQueue(const base::Clock& clock, UrgencyOf urgency_of)
    : clock_(clock), urgency_of_(std::move(urgency_of)) {}

void WorkQueue::add(const std::string& key) {
  const std::lock_guard lock(mutex_);
  add_locked(key);
}

void WorkQueue::add_locked(const std::string& key) {
  if (shut_down_) return;
  const Urgency urgency = urgency_of_ ? urgency_of_(key) : Urgency::kNormal;
  const auto [known, inserted] = dirty_.try_emplace(key, urgency);
  const bool is_raised = !inserted && urgency < known->second;
  if (!inserted && !is_raised) return;
  known->second = urgency;
  // A worker processes it: done() adds it to the queue again.
  if (working_.contains(key)) return;
  push(key, urgency);
  if (inserted) ++ready_count_;
  ready_.notify_one();
}

void WorkQueue::push(const std::string& key, Urgency urgency) {
  order_[index_of(urgency)].push_back(key);
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

// Where the next key is; null if none is ready.
std::deque<std::string>* WorkQueue::next_order() {
  std::size_t chosen = order_.size();
  for (std::size_t i = 0; i < order_.size(); ++i) {
    // Entries of keys that became more urgent, or that a worker has taken since.
    auto& order = order_[i];
    while (!order.empty()) {
      const auto known = dirty_.find(order.front());
      if (known != dirty_.end() && index_of(known->second) == i && !working_.contains(order.front())) break;
      order.pop_front();
    }
    if (order.empty()) {
      passed_over_[i] = 0;
    } else if (chosen == order_.size()) {
      chosen = i;
    } else if (++passed_over_[i] > kMaxPassedOver) {
      chosen = i;
      break;
    }
  }
  if (chosen == order_.size()) return nullptr;
  passed_over_[chosen] = 0;
  return &order_[chosen];
}

std::optional<std::string> WorkQueue::take_locked() {
  release_due();
  auto* order = next_order();
  if (order == nullptr) return std::nullopt;
  std::string key = std::move(order->front());
  order->pop_front();
  dirty_.erase(key);
  working_.insert(key);
  --ready_count_;
  return key;
}

std::optional<std::string> WorkQueue::get(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (auto key = take_locked()) {
      // The wake-up of this thread may have been for the next key or the next delay.
      if (ready_count_ != 0 || !delays_.empty()) ready_.notify_one();
      return key;
    }
    if (shut_down_ && dirty_.empty()) return std::nullopt;
    if (delays_.empty()) {
      ready_.wait(lock, stop,
                  [this] { return ready_count_ != 0 || !delays_.empty() || (shut_down_ && dirty_.empty()); });
    } else {
      const base::SteadyPoint due = delays_.top().due;
      ready_.wait_for(lock, stop, due - clock_.steady(), [this, due] {
        return ready_count_ != 0 || shut_down_ || delays_.empty() || delays_.top().due < due;
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
  if (const auto known = dirty_.find(key); known != dirty_.end()) {
    push(key, known->second);
    ++ready_count_;
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
  return ready_count_ + (due ? 1 : 0);
}

std::size_t WorkQueue::delayed() const {
  const std::lock_guard lock(mutex_);
  return due_.size();
}

}  // namespace vbrain::kube
