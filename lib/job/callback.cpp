#include "job/callback.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vbrain::job {

bool callback_is_due(const Job& job) {
  if (job.spec.callback_url.empty() || !is_terminal(job.status.phase) || job.meta.deletion_timestamp) return false;
  const kube::Condition* told = job.status.condition(kCallbackCondition);
  return told == nullptr || (told->status != "True" && told->status != "False");
}

std::optional<base::TimePoint> callback_failing_since(const Job& job) {
  const kube::Condition* told = job.status.condition(kCallbackCondition);
  if (told == nullptr || told->status != "Unknown") return std::nullopt;
  return told->last_transition_time;
}

bool callback_was_kept(const std::string& url, const nlohmann::json& created) {
  if (url.empty()) return true;
  const nlohmann::json* spec = kube::find_member(created, "spec");
  const nlohmann::json* kept = spec == nullptr ? nullptr : kube::find_member(*spec, "callbackURL");
  return kept != nullptr && *kept == url;
}

std::chrono::milliseconds callback_left(base::TimePoint since, base::TimePoint now) {
  // A clock that was set back makes the wait no longer than it is.
  const auto left = std::min<std::chrono::milliseconds>(since + kCallbackPatience - now, kCallbackPatience);
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace vbrain::job
