#include "controller/background/pod_remover.hpp"

#include <utility>

#include "base/log/log.hpp"
#include "kube/api/pod.hpp"

namespace vbrain::controller {
namespace {

constexpr std::chrono::minutes kBetweenLogs{1};

}  // namespace

PodRemover::PodRemover(kube::ApiClient& client, std::size_t threads, std::function<bool()> may_write,
                       base::Metrics& metrics, const base::Clock& clock)
    : client_(client),
      may_write_(std::move(may_write)),
      clock_(clock),
      failures_(metrics.counter("vbrain_pod_removal_failures_total",
                                "Pods of ended jobs that could not be removed; they are tried again.")) {
  if (threads > 0) pool_.emplace("pods", threads, kMaxWaiting);
}

PodRemover::~PodRemover() {
  closing_ = true;
}

bool PodRemover::remove(const std::string& namespace_name, const std::string& name, const std::string& uid,
                        const base::RequestIds& ids) {
  if (pool_) {
    return pool_->try_post([this, namespace_name, name, uid, ids] { delete_pod(namespace_name, name, uid, ids); });
  }
  delete_pod(namespace_name, name, uid, ids);
  return true;
}

void PodRemover::delete_pod(const std::string& namespace_name, const std::string& name, const std::string& uid,
                            const base::RequestIds& ids) {
  if (closing_ || !may_write_()) return;
  const auto removed = client_.remove(kube::Pod::kType, namespace_name, name, {.preconditions = {.uid = uid}});
  if (removed) return;
  const kube::ErrorCode code = removed.error().code;
  // It is gone, or is another pod with this name.
  if (code == kube::ErrorCode::kNotFound || code == kube::ErrorCode::kConflict) return;
  failures_.Increment();
  {
    const std::lock_guard lock(mutex_);
    const base::SteadyPoint now = clock_.steady();
    if (logged_at_ && now - *logged_at_ < kBetweenLogs) return;
    logged_at_ = now;
  }
  base::log_warning("the pod of an ended job was not removed; it is tried again within an hour",
                    {{"pod", name}, ids, {"error", removed.error().message}});
}

}  // namespace vbrain::controller
