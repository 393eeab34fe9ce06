#include "controller/space/retention_rules.hpp"

#include <algorithm>
#include <utility>

namespace vbrain::controller {
namespace {

constexpr std::chrono::minutes kClockTolerance{10};
// So many ended jobs at once would not give their users the time to fetch the results.
constexpr std::chrono::hours kTimeToFetch{1};

}  // namespace

base::TimePoint end_of_job(base::TimePoint completed, base::TimePoint recorded) {
  return std::max(completed, recorded);
}

void OldestJobs::add(EndedJob job) {
  if (after_ && !(*after_ < job)) return;
  ++count_;
  oldest_.insert(std::move(job));
  if (oldest_.size() > keep_) oldest_.erase(std::prev(oldest_.end()));
}

std::size_t count_expired(const job::Retention& retention, const std::vector<EndedJob>& oldest, std::size_t ended,
                          base::TimePoint now) {
  const std::size_t limit =
      retention.jobs_max_count.value_or(0) > 0 ? static_cast<std::size_t>(*retention.jobs_max_count) : ended;
  const std::size_t too_many = ended > limit ? ended - limit : 0;
  const auto is_recent = [&](const EndedJob& job) { return now - job.ended < kTimeToFetch; };
  const auto recent = std::ranges::find_if(oldest, is_recent);
  const auto stays = [&](const EndedJob& job) {
    const auto expiry = job::expiry_of(retention, job.ended);
    return !expiry || *expiry > now;
  };
  const auto first = std::ranges::find_if(oldest, stays);
  return std::max(static_cast<std::size_t>(first - oldest.begin()),
                  std::min(too_many, static_cast<std::size_t>(recent - oldest.begin())));
}

bool is_expired(const job::Retention& retention, const artifacts::ScannedRepository& repository, base::TimePoint now) {
  if (!retention.repositories_unused_seconds) return false;
  if (repository.half_removed) return true;
  return !repository.used && now - repository.changed >= std::chrono::seconds(*retention.repositories_unused_seconds);
}

bool clocks_agree(base::TimePoint volume, base::TimePoint here) {
  return std::chrono::abs(volume - here) <= kClockTolerance;
}

}  // namespace vbrain::controller
