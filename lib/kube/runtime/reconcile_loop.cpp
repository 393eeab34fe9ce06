#include "kube/runtime/reconcile_loop.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "base/log/log.hpp"
#include "kube/transport/backoff.hpp"

namespace vbrain::kube {
namespace {

const std::vector<double> kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30};

}  // namespace

ReconcileResult ReconcileResult::retryable(const Error& error) {
  return retryable(std::string(to_string(error.code)) + ": " + error.message,
                   error.retry_after.value_or(std::chrono::milliseconds{0}));
}

ReconcileLoop::ReconcileLoop(ReconcileLoopOptions options, Reconcile reconcile, base::Metrics& metrics,
                             const base::Clock& clock)
    : options_(std::move(options)),
      reconcile_(std::move(reconcile)),
      queue_(clock, options_.urgency_of),
      random_(std::random_device{}()),
      depth_(metrics.gauge("vbrain_reconcile_queue_depth", "Keys ready to be reconciled.",
                           {{"controller", options_.name}})),
      seconds_(metrics.histogram("vbrain_reconcile_seconds", "Duration of one reconcile.", kSeconds,
                                 {{"controller", options_.name}})),
      exceptions_(metrics.counter("vbrain_reconcile_exceptions_total", "Reconciles that ended in an exception.",
                                  {{"controller", options_.name}})) {
  static constexpr const char* kNames[] = {"ok", "after", "retryable"};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    results_[i] = &metrics.counter("vbrain_reconciles_total", "Reconciles by result.",
                                   {{"controller", options_.name}, {"result", kNames[i]}});
  }
}

void ReconcileLoop::run(std::stop_token stop) {
  std::vector<std::jthread> workers;
  workers.reserve(options_.workers);
  for (std::size_t i = 0; i < options_.workers; ++i) {
    workers.emplace_back([this, stop] {
      while (const auto key = queue_.get(stop)) work_on(*key, stop);
    });
  }
  for (auto& worker : workers) worker.join();
  queue_.shut_down();
  // Nobody works on what is left, and the next leader counts its own keys.
  depth_.Set(0);
}

bool ReconcileLoop::work_once(std::stop_token stop) {
  const auto key = queue_.try_get();
  if (!key) return false;
  work_on(*key, stop);
  return true;
}

void ReconcileLoop::work_on(const std::string& key, std::stop_token stop) {
  const auto begin = std::chrono::steady_clock::now();
  ReconcileResult result;
  try {
    result = reconcile_(key, stop);
  } catch (const std::exception& error) {
    exceptions_.Increment();
    base::log_error("a reconcile ended with an exception and will be tried again",
                    {{"controller", options_.name}, {"key", key}, {"error", error.what()}});
    result = ReconcileResult::retryable(error.what());
  }
  seconds_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  results_[static_cast<std::size_t>(result.kind)]->Increment();
  depth_.Set(static_cast<double>(queue_.size()));
  // Before done(): a retry added now is not seen by a worker before this one lets the key go.
  ++ended_;
  if (!stop.stop_requested()) requeue(key, result);
  queue_.done(key);
}

void ReconcileLoop::requeue(const std::string& key, const ReconcileResult& result) {
  switch (result.kind) {
    case ReconcileResult::Kind::kOk:
      forget(key);
      if (result.delay > std::chrono::milliseconds(0)) queue_.add_after(key, result.delay);
      return;
    case ReconcileResult::Kind::kAfter:
      forget(key);
      return queue_.add_after(key, result.delay);
    case ReconcileResult::Kind::kRetryable: {
      const auto delay = std::max(failed(key), std::min(result.delay, options_.max_backoff));
      base::log_info(
          "reconcile will be retried",
          {{"controller", options_.name}, {"key", key}, {"reason", result.message}, {"delay_ms", delay.count()}});
      return queue_.add_after(key, delay);
    }
  }
}

std::chrono::milliseconds ReconcileLoop::failed(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const unsigned failures = failures_[key]++;
  const double fraction = std::uniform_real_distribution<double>(0, 1)(random_);
  return Backoff::delay(options_.min_backoff, options_.max_backoff, failures, fraction);
}

void ReconcileLoop::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  failures_.erase(key);
}

}  // namespace vbrain::kube
