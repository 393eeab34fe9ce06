#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/log/request_ids.hpp"
#include "base/metrics.hpp"
#include "base/threads/worker_pool.hpp"
#include "base/time/clock.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// Deletes pods of ended jobs on its own threads, so that nobody waits for them: there may be 100,000 after an upgrade,
// and a webhook may hold up each request. Thread-safe.
class PodRemover {
 public:
  // The number of pods that may wait for a thread.
  static constexpr std::size_t kMaxWaiting = 1'000;

  // The referenced objects must outlive this. `may_write`: false when another controller may have the Lease; then
  // nothing is deleted. Without threads remove() itself deletes.
  PodRemover(kube::ApiClient& client, std::size_t threads, std::function<bool()> may_write, base::Metrics& metrics,
             const base::Clock& clock);
  // Waits for the requests under way; pods that wait stay, and the next leader removes them.
  ~PodRemover();
  PodRemover(const PodRemover&) = delete;
  PodRemover& operator=(const PodRemover&) = delete;

  // Deletes the pod with this UID, soon. False if too many wait. A failure is counted and logged, at most once a
  // minute; the caller sees that the pod is still there. `ids`: of the job, for the log line.
  bool remove(const std::string& namespace_name, const std::string& name, const std::string& uid,
              const base::RequestIds& ids = {});

 private:
  void delete_pod(const std::string& namespace_name, const std::string& name, const std::string& uid,
                  const base::RequestIds& ids);

  kube::ApiClient& client_;
  const std::function<bool()> may_write_;
  const base::Clock& clock_;
  prometheus::Counter& failures_;
  std::mutex mutex_;
  std::optional<base::SteadyPoint> logged_at_;
  std::atomic<bool> closing_{false};
  std::optional<base::WorkerPool> pool_;  // last: its threads use all members above
};

}  // namespace vbrain::controller
