#pragma once

#include <mutex>
#include <string>

#include "kube/runtime/work_queue.hpp"

namespace vbrain::controller {

// The queue of the current term of leadership, if there is one. Between terms changes are not collected, because a term
// begins with all Jobs. Thread-safe.
class CurrentQueue {
 public:
  // While this object exists, keys go to `queue`.
  class Term {
   public:
    Term(CurrentQueue& current, kube::WorkQueue& queue) : current_(current) { current_.set(&queue); }
    ~Term() { current_.set(nullptr); }
    Term(const Term&) = delete;
    Term& operator=(const Term&) = delete;

   private:
    CurrentQueue& current_;
  };

  void add(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (queue_ != nullptr) queue_->add(key);
  }

 private:
  void set(kube::WorkQueue* queue) {
    const std::lock_guard lock(mutex_);
    queue_ = queue;
  }

  std::mutex mutex_;
  kube::WorkQueue* queue_ = nullptr;
};

}  // namespace vbrain::controller
