#include "job/callback.hpp"

#include <algorithm>

namespace vbrain::job {

bool callback_is_due(const Job& job) {
  if (job.spec.callback_url.empty() || !is_terminal(job.status.phase) || job.meta.deletion_timestamp) return false;
  const kube::Condition* told = job.status.condition(kCallbackCondition);
  return told == nullptr || (told->status != "True" && told->status != "False");
}

std::chrono::milliseconds callback_left(const Job& job, base::TimePoint now) {
  if (!callback_is_due(job)) return {};
  const base::TimePoint end = job.status.completion_time.value_or(job.meta.creation_timestamp);
  // A clock that was set back makes the wait no longer than it is.
  const auto left = std::min<std::chrono::milliseconds>(end + kCallbackPatience - now, kCallbackPatience);
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace vbrain::job
