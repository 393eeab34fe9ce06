#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <queue>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/time/clock.hpp"

namespace vbrain::kube {

// How soon a key is handed out.
enum class Urgency : std::uint8_t { kHigh, kNormal, kLow };

// A queue of keys with the contract of client-go's workqueue, and with urgency:
// - fair: of equal urgency, keys are handed out in the order in which they were added;
// - urgent keys first, but no key waits for ever: after kMaxPassedOver keys of higher urgency comes one of the others;
// - collapsing: a waiting key exists once, however often it was added;
// - exclusive: one key is never with two workers; if it is added while a worker has it, it waits until done();
// - delays: add_after() adds a key later; a key has at most one delay, the earliest;
// - draining: after shut_down() no key is added; waiting keys are still handed out, then get() returns nothing.
// All members are thread-safe. A waiting key needs about 100 bytes.
class WorkQueue {
 public:
  static constexpr unsigned kMaxPassedOver = 16;
  using UrgencyOf = std::function<Urgency(const std::string& key)>;

  // `clock` must outlive the queue. `urgency_of` is asked when a key is added, and again when a delay ends: from
  // several threads, with the queue locked. Without it all keys are equal.
  explicit WorkQueue(const base::Clock& clock, UrgencyOf urgency_of = {});

  void add(const std::string& key);
  void add_after(const std::string& key, std::chrono::nanoseconds delay);

  // Waits for a key. Returns nothing if the queue is shut down and empty, or if `stop` is requested. Call done() with
  // the key.
  std::optional<std::string> get(std::stop_token stop = {});
  // The same without waiting.
  std::optional<std::string> try_get();
  void done(const std::string& key);

  // Drops keys with a delay.
  void shut_down();

  std::size_t size() const;     // keys ready, or whose delay is over
  std::size_t delayed() const;  // keys with a delay

 private:
  struct Delayed {
    base::SteadyPoint due;
    std::uint64_t order;  // equal times are handed out in the order in which they were added
    std::string key;
    bool operator>(const Delayed& other) const { return due != other.due ? due > other.due : order > other.order; }
  };

  void add_locked(const std::string& key);
  void push(const std::string& key, Urgency urgency);
  std::deque<std::string>* next_order();
  void release_due();
  std::optional<std::string> take_locked();

  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any ready_;
  const UrgencyOf urgency_of_;
  // By urgency. A key that became more urgent is in two of them; the entry that `dirty_` does not name counts as
  // absent.
  std::array<std::deque<std::string>, 3> order_;
  std::array<unsigned, 3> passed_over_{};
  std::size_t ready_count_ = 0;  // keys in `dirty_` that no worker has
  std::unordered_map<std::string, Urgency> dirty_;
  std::unordered_set<std::string> working_;
  std::priority_queue<Delayed, std::vector<Delayed>, std::greater<>> delays_;
  std::unordered_map<std::string, base::SteadyPoint> due_;
  std::uint64_t next_order_ = 0;
  bool shut_down_ = false;
};

}  // namespace vbrain::kube
