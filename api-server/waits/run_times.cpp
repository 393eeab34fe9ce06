#include "api-server/waits/run_times.hpp"

#include <algorithm>

namespace vbrain::api {
namespace {

using std::chrono::seconds;

constexpr seconds kSoonest{1};
// Who asks less often learns of an end too late.
constexpr seconds kLatest{30};

}  // namespace

seconds retry_after(const job::JobStatus& status, std::optional<seconds> usual, base::TimePoint now) {
  if (status.phase != job::Phase::kStarted || !status.start_time) {
    return std::clamp(usual.value_or(kSoonest), kSoonest, kLatest);
  }
  const seconds runs = std::chrono::floor<seconds>(now - *status.start_time);
  if (usual && runs < *usual) return std::clamp(*usual - runs, kSoonest, kLatest);
  // It takes longer than usual, or nobody knows how long: the longer, the less a moment more matters.
  return std::clamp(runs / 10, kSoonest, kLatest);
}

void RunTimes::note(const kube::Change<job::Job>& change) {
  if (!change.now || change.now->status.phase != job::Phase::kFinished) return;
  if (change.old && change.old->status.phase == job::Phase::kFinished) return;
  const job::JobStatus& status = change.now->status;
  if (!status.start_time || !status.completion_time || *status.completion_time < *status.start_time) return;
  const std::lock_guard lock(mutex_);
  Last& last = by_application_[change.now->spec.application_id];
  last.times[last.count++ % kKept] = std::chrono::ceil<seconds>(*status.completion_time - *status.start_time);
}

std::optional<seconds> RunTimes::usual(std::string_view application_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_application_.find(application_id);
  if (found == by_application_.end()) return std::nullopt;
  auto times = found->second.times;
  const auto end = times.begin() + static_cast<std::ptrdiff_t>(std::min(found->second.count, kKept));
  const auto middle = times.begin() + (end - times.begin()) / 2;
  std::nth_element(times.begin(), middle, end);
  return *middle;
}

}  // namespace vbrain::api
