#pragma once

#include <chrono>
#include <thread>
#include <vector>

#include "base/threads/worker_pool.hpp"

namespace vbrain::api {

// Looks in the queues of pools every `period` for tasks that have waited too long (WorkerPool::expire()), on a thread
// of its own, until it is destroyed. It lives while the server drains, too: what waits then has the same longest wait,
// and is answered instead of being cut. The pools must outlive it.
class QueueExpiry {
 public:
  QueueExpiry(std::vector<base::WorkerPool*> pools, std::chrono::milliseconds period);

 private:
  std::jthread thread_;
};

}  // namespace vbrain::api
