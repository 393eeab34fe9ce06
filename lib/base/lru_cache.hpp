#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace vbrain::base {

// Values by key, of a bounded total weight. When it is full the least recently used go. Thread-safe.
template <class Value>
class LruCache {
 public:
  explicit LruCache(std::size_t max_weight) : max_weight_(max_weight) {}

  // Null if there is none.
  std::shared_ptr<const Value> find(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(key);
    if (found == slots_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->value;
  }

  // Replaces an older value. One that would displace most others is not kept.
  void put(const std::string& key, std::shared_ptr<const Value> value, std::size_t weight) {
    std::list<Slot> dropped;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    drop(key, dropped);
    if (weight > max_weight_ / 4) return;
    order_.push_front({key, std::move(value), weight});
    slots_.emplace(order_.front().key, order_.begin());
    weight_ += weight;
    while (weight_ > max_weight_) drop(order_.back().key, dropped);
  }

  // Nothing happens if another value has replaced this one.
  void erase(std::string_view key, const std::shared_ptr<const Value>& value) {
    std::list<Slot> dropped;
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(key);
    if (found != slots_.end() && found->second->value == value) drop(key, dropped);
  }

 private:
  struct Slot {
    std::string key;
    std::shared_ptr<const Value> value;
    std::size_t weight;
  };

  void drop(std::string_view key, std::list<Slot>& to) {
    const auto found = slots_.find(key);
    if (found == slots_.end()) return;
    const auto slot = found->second;
    slots_.erase(found);
    weight_ -= slot->weight;
    to.splice(to.begin(), order_, slot);
  }

  std::mutex mutex_;
  std::list<Slot> order_;
  std::unordered_map<std::string_view, typename std::list<Slot>::iterator> slots_;
  std::size_t weight_ = 0;
  const std::size_t max_weight_;
};

}  // namespace vbrain::base
