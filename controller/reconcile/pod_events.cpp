#include "controller/reconcile/pod_events.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.hpp"
#include "kube/api/events.hpp"

namespace vbrain::controller {
namespace {

// How many times longer than a read the pause after it is.
constexpr int kPause = 4;
constexpr std::uint32_t kMostEvents = 500;

}  // namespace

PodEvents::Answer PodEvents::read(const std::string& namespace_name, const std::string& pod_uid, std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    const base::SteadyPoint now = clock_.steady();
    if (next_ > now) return {.trouble = {}, .wait = std::chrono::ceil<std::chrono::milliseconds>(next_ - now)};
  }
  const base::SteadyPoint start = clock_.steady();
  const kube::ListOptions of_pod{.field_selector = "regarding.uid=" + pod_uid, .limit = kMostEvents};
  const auto list = client_.list(kube::kEventType, namespace_name, of_pod, std::move(stop));
  const base::SteadyPoint end = clock_.steady();
  const std::lock_guard lock(mutex_);
  next_ = end + (end - start) * kPause;
  if (list) return {.trouble = trouble_of_events(*list), .wait = {}};
  if (list.error().code == kube::ErrorCode::kForbidden && !std::exchange(has_no_right_, true)) {
    base::log_warning(
        "no right to read events, so jobs whose pods are late do not say why. Remedy: add list of events.k8s.io events "
        "to the controller's Role, as the chart does",
        {{"error", list.error().message}});
  }
  return {};
}

}  // namespace vbrain::controller
