#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "kube/api/error.hpp"
#include "kube/runtime/work_queue.hpp"

namespace vbrain::kube {

// The result of a reconcile.
struct ReconcileResult {
  enum class Kind { kOk, kAfter, kRetryable };
  Kind kind = Kind::kOk;
  // kOk: 0, or when to look again; kAfter: the time; kRetryable: at least so long (max_backoff at most)
  std::chrono::milliseconds delay{0};
  std::string message = {};  // kRetryable: why

  // Nothing to do until the next change.
  static ReconcileResult ok() { return {}; }
  // The same, but look again after `delay`, should a change be missed.
  static ReconcileResult ok(std::chrono::milliseconds delay) { return {Kind::kOk, delay}; }
  // Come again then, whatever happens until then.
  static ReconcileResult after(std::chrono::milliseconds delay) { return {Kind::kAfter, delay}; }
  // Reconcile again with backoff.
  static ReconcileResult retryable(std::string message, std::chrono::milliseconds at_least = {}) {
    return {Kind::kRetryable, at_least, std::move(message)};
  }
  // The same with the error's message and Retry-After.
  static ReconcileResult retryable(const Error& error);
};

struct ReconcileLoopOptions {
  std::string name;  // value of the metrics' label
  std::size_t workers = 8;
  std::chrono::milliseconds min_backoff{5};
  std::chrono::milliseconds max_backoff{30'000};
  WorkQueue::UrgencyOf urgency_of = {};
};

// Workers over a WorkQueue, and the only code with the retry policy: a retryable result waits 5 ms, doubling up to 30 s
// per key, with jitter. Every other result resets the failures of the key. An exception of a reconcile is logged here
// and the key is retried.
class ReconcileLoop {
 public:
  using Reconcile = std::function<ReconcileResult(const std::string& key, std::stop_token stop)>;

  // The referenced objects must outlive the ReconcileLoop.
  ReconcileLoop(ReconcileLoopOptions options, Reconcile reconcile, base::Metrics& metrics, const base::Clock& clock);

  // Handlers add keys here, also before run().
  WorkQueue& queue() { return queue_; }

  // Works until `stop`, then waits for the running reconciles, which get the same stop token. Waiting keys are dropped
  // (the next leader's list finds them). Blocks; call once.
  void run(std::stop_token stop);

  struct Progress {
    std::size_t ready = 0;    // keys that a worker could take now
    std::uint64_t ended = 0;  // reconciles that have ended since the loop was made
  };
  // Thread-safe.
  Progress progress() const { return {.ready = queue_.size(), .ended = ended_}; }

  // One key, on this thread, without waiting: what a worker does. False if no key is ready. For tests.
  bool work_once(std::stop_token stop = {});

 private:
  void work_on(const std::string& key, std::stop_token stop);
  void requeue(const std::string& key, const ReconcileResult& result);
  std::chrono::milliseconds failed(const std::string& key);
  void forget(const std::string& key);

  const ReconcileLoopOptions options_;
  const Reconcile reconcile_;
  WorkQueue queue_;
  std::atomic<std::uint64_t> ended_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, unsigned> failures_;
  std::minstd_rand random_;
  prometheus::Gauge& depth_;
  prometheus::Histogram& seconds_;
  prometheus::Counter* results_[3];
  prometheus::Counter& exceptions_;
};

}  // namespace vbrain::kube
