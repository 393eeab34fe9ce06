#include "api-server/limits/queue_expiry.hpp"

#include <pthread.h>

#include <utility>

#include "base/threads/stop.hpp"

namespace vbrain::api {

QueueExpiry::QueueExpiry(std::vector<base::WorkerPool*> pools, std::chrono::milliseconds period)
    : thread_([pools = std::move(pools), period](std::stop_token ended) {
        pthread_setname_np(pthread_self(), "expiry");
        while (base::sleep_for(ended, period)) {
          for (base::WorkerPool* pool : pools) pool->expire(std::chrono::steady_clock::now());
        }
      }) {}

}  // namespace vbrain::api
