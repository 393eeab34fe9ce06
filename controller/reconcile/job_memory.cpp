#include "controller/reconcile/job_memory.hpp"

#include <algorithm>

#include "controller/planning/plan.hpp"
#include "job/names.hpp"

namespace vbrain::controller {
namespace {

constexpr std::size_t kMostFailures = 16;

// An attempt may start in the future, after the longest backoff. A later time comes from a wrong clock.
constexpr std::chrono::milliseconds kFurthestStart{-360'000};

// The first and the longest delay before a failed action is retried.
struct RetryTimes {
  std::chrono::milliseconds first;
  std::chrono::milliseconds longest;
};

RetryTimes retry_times(const Failure& failure) {
  using std::chrono::seconds;
  if (failure.capacity) return {seconds(10), seconds(120)};
  if (failure.passing) return {std::chrono::milliseconds(200), seconds(60)};
  return {seconds(5), seconds(300)};
}

// Doubles after each try, plus or minus up to a fifth derived from the job's name, so that a thousand jobs that failed
// together are not retried together.
std::chrono::milliseconds retry_delay(const Failure& failure, std::chrono::milliseconds failing_for,
                                      unsigned tries_before, const std::string& job) {
  const RetryTimes times = retry_times(failure);
  // No event says that a quota has room again, so the controller asks, at growing intervals.
  const std::chrono::milliseconds delay =
      failure.capacity ? std::clamp(failing_for / 4, times.first, times.longest)
                       : std::min(times.longest, times.first * (1U << std::min(tries_before, 12U)));
  const auto part = static_cast<std::int64_t>(std::hash<std::string>{}(job + std::to_string(tries_before)) % 400);
  return std::max(delay * (800 + part) / 1000, failure.retry_after);
}

// The pause between two reads of a late pod's events doubles after each one, up to this.
constexpr std::chrono::milliseconds kReadEventsLongest{60'000};

// A pod that this controller created and the watch does not show for this long was created and deleted in between.
constexpr std::chrono::seconds kUnseenLimit{30};

std::chrono::milliseconds since(const std::optional<base::SteadyPoint>& start, base::SteadyPoint now) {
  return start ? std::chrono::duration_cast<std::chrono::milliseconds>(now - *start) : std::chrono::milliseconds(0);
}

void begin_or_end(std::optional<base::SteadyPoint>& start, bool holds, base::SteadyPoint now) {
  if (!holds) {
    start.reset();
  } else if (!start) {
    start = now;
  }
}

}  // namespace

JobMemory::Live* JobMemory::find_live(const std::string& job) const {
  const auto found = entries_.find(job);
  return found == entries_.end() ? nullptr : found->second.live.get();
}

JobMemory::Live& JobMemory::live_of(const std::string& job) {
  return live_of(entries_[job]);
}

JobMemory::Live& JobMemory::live_of(Entry& entry) {
  if (entry.live == nullptr) entry.live = std::make_unique<Live>();
  return *entry.live;
}

bool JobMemory::is_settled(const Live& live) {
  return !live.answered && live.pods.empty() && !live.deleting && live.lost_attempt == 0 && live.failures.empty();
}

job::Job JobMemory::newest(const job::Job& cached) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[cached.meta.name];
  if (entry.uid != cached.meta.uid) {
    entry = {};
    entry.uid = cached.meta.uid;
  }
  if (!entry.live || !entry.live->answered) return cached;
  auto& answered = entry.live->answered;
  if (kube::is_older_version(cached.meta.resource_version, answered->meta.resource_version)) return *answered;
  // The watch has caught up.
  answered.reset();
  return cached;
}

void JobMemory::forget(const std::string& job) {
  const std::lock_guard lock(mutex_);
  entries_.erase(job);
}

void JobMemory::note_newest(const job::Job& job, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  Live& live = live_of(job.meta.name);
  live.answered = std::make_unique<const job::Job>(job);
  live.answered_at = now;
}

void JobMemory::forget_writes(const std::string& job) {
  const std::lock_guard lock(mutex_);
  if (Live* live = find_live(job)) live->answered.reset();
}

std::optional<std::chrono::milliseconds> JobMemory::unseen_write_for(const std::string& job,
                                                                     base::SteadyPoint now) const {
  const std::lock_guard lock(mutex_);
  const Live* live = find_live(job);
  if (live == nullptr || !live->answered) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - live->answered_at);
}

JobMemory::NotedFailure JobMemory::note_failure(const std::string& job, const std::string& action,
                                                const Failure& failure, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  auto& failures = live_of(job).failures;
  // An attempt has only a few names. This bounds the memory in any case.
  if (failures.size() >= kMostFailures && !failures.contains(action)) failures.clear();
  auto [slot, added] = failures.try_emplace(action);
  FailureEntry& entry = slot->second;
  if (added) entry.since = now;
  if (entry.failure.reason != failure.reason) entry.told = false;
  entry.failure = failure;
  entry.retry_at = now + retry_delay(failure, since(entry.since, now), entry.count++, job);
  NotedFailure noted{.failed = as_failed(action, entry, now)};
  noted.worth_telling = !entry.told && (!failure.passing || noted.failed.failing_for >= kWorthTelling);
  entry.told = entry.told || noted.worth_telling;
  return noted;
}

void JobMemory::note_success(const std::string& job, const std::string& action) {
  const std::lock_guard lock(mutex_);
  if (Live* live = find_live(job)) live->failures.erase(action);
}

void JobMemory::forget_failures(const std::string& job) {
  const std::lock_guard lock(mutex_);
  if (Live* live = find_live(job)) live->failures.clear();
}

FailedAction JobMemory::as_failed(const std::string& action, const FailureEntry& entry, base::SteadyPoint now) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(entry.retry_at - now);
  return {.action = action,
          .failure = entry.failure,
          .failing_for = since(entry.since, now),
          .retry_in = std::max(left, std::chrono::milliseconds(0))};
}

std::vector<FailedAction> JobMemory::failures(const std::string& job, base::SteadyPoint now) const {
  const std::lock_guard lock(mutex_);
  std::vector<FailedAction> all;
  const Live* live = find_live(job);
  if (live == nullptr) return all;
  for (const auto& [action, entry] : live->failures) all.push_back(as_failed(action, entry, now));
  return all;
}

void JobMemory::note_events(const PodSighting& sighting, PodEntry& entry, base::SteadyPoint now) {
  if (!sighting.events_read) return;
  entry.trouble = sighting.trouble;
  const std::chrono::milliseconds again = kReadEventsAgain * (1U << std::min(entry.events_reads++, 10U));
  entry.events_due = now + std::min(again, kReadEventsLongest);
}

void JobMemory::note_pods(const std::string& job, const std::vector<PodSighting>& pods, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  if (found == entries_.end()) return;
  for (const PodSighting& sighting : pods) {
    auto [slot, added] = live_of(found->second).pods.try_emplace(sighting.pod->meta.uid);
    PodEntry& entry = slot->second;
    if (added) {
      entry.pod = sighting.pod;
      entry.made = now;
    }
    if (sighting.is_new) entry.created = now;
    entry.gone = entry.gone || sighting.gone;
    entry.told_to_stop = entry.told_to_stop || sighting.pod->meta.deletion_timestamp.has_value();
    note_events(sighting, entry, now);
  }
}

void JobMemory::note_deleted(const std::string& job, std::shared_ptr<const kube::Pod> pod) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  if (found == entries_.end()) return;
  // A pod of an earlier Job with this name says nothing about this Job.
  const kube::OwnerReference* owner = pod->meta.controller_owner();
  if (owner == nullptr || owner->uid != found->second.uid) return;
  PodEntry& entry = live_of(found->second).pods[pod->meta.uid];
  entry.pod = std::move(pod);
  entry.gone = true;
}

void JobMemory::note_archived(const std::string& job) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(job); found != entries_.end()) found->second.archived = true;
}

bool JobMemory::archived(const std::string& job) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  return found != entries_.end() && found->second.archived;
}

void JobMemory::note_removed(const std::string& job) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(job); found != entries_.end()) found->second.removed = true;
}

bool JobMemory::removed(const std::string& job) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  return found != entries_.end() && found->second.removed;
}

std::chrono::milliseconds JobMemory::measure(std::optional<Stopwatch>& watch, base::TimePoint start,
                                             const base::Clock& clock) {
  const base::SteadyPoint now = clock.steady();
  if (!watch || watch->start != start) {
    const auto before = std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - start);
    watch = Stopwatch{start, std::max(before, kFurthestStart), now};
  }
  return watch->before + std::chrono::duration_cast<std::chrono::milliseconds>(now - watch->seen);
}

std::chrono::milliseconds JobMemory::since_start(const std::string& job, base::TimePoint start,
                                                 const base::Clock& clock) {
  const std::lock_guard lock(mutex_);
  return measure(live_of(job).started, start, clock);
}

std::chrono::milliseconds JobMemory::since_attempt(const std::string& job, base::TimePoint start,
                                                   const base::Clock& clock) {
  const std::lock_guard lock(mutex_);
  return measure(live_of(job).attempt, start, clock);
}

PodSighting JobMemory::sight(PodEntry& entry, const base::Clock& clock) {
  const base::SteadyPoint now = clock.steady();
  PodSighting sighting{.pod = entry.pod, .gone = entry.gone};
  if (entry.told_to_stop && !entry.pod->meta.deletion_timestamp) {
    auto marked = std::make_shared<kube::Pod>(*entry.pod);
    marked->meta.deletion_timestamp = entry.pod->meta.creation_timestamp;
    sighting.pod = std::move(marked);
  }
  const PodView view = look_at(*sighting.pod);
  begin_or_end(entry.stopping, view.stopping, now);
  begin_or_end(entry.running, view.stage == PodView::Stage::kRunning, now);
  begin_or_end(entry.unreachable, view.node_unreachable, now);
  if (entry.waiting_reason != view.waiting_reason) entry.waiting.reset();
  entry.waiting_reason = view.waiting_reason;
  begin_or_end(entry.waiting, view.stage == PodView::Stage::kPending, now);
  // Its status says more than its events, or it has started.
  if (!entry.waiting || !view.waiting_reason.empty()) {
    entry.trouble.reset();
    entry.events_due.reset();
    entry.events_reads = 0;
  }
  sighting.trouble = entry.trouble;
  if (entry.events_due) {
    sighting.events_in =
        std::max(std::chrono::ceil<std::chrono::milliseconds>(*entry.events_due - now), std::chrono::milliseconds(0));
  }
  const auto grace = std::chrono::seconds(sighting.pod->meta.deletion_grace_seconds);
  sighting.stopping_for = std::max(since(entry.stopping, now) - grace, std::chrono::milliseconds(0));
  sighting.running_for = since(entry.running, now);
  sighting.waiting_for = since(entry.waiting, now);
  sighting.unreachable_for = since(entry.unreachable, now);
  // The API server's clock may be ahead of this one.
  sighting.age = entry.created ? since(entry.created, now)
                               : std::max(measure(entry.age, entry.pod->meta.creation_timestamp, clock),
                                          std::chrono::milliseconds(0));
  return sighting;
}

std::vector<PodSighting> JobMemory::sightings(const job::Job& job,
                                              const std::vector<std::shared_ptr<const kube::Pod>>& cached,
                                              const base::Clock& clock) {
  const std::lock_guard lock(mutex_);
  const base::SteadyPoint now = clock.steady();
  Entry& known = entries_[job.meta.name];
  if (!known.live && cached.empty()) return {};
  auto& pods = live_of(known).pods;
  for (auto& [uid, entry] : pods) entry.cached = false;
  for (const auto& pod : cached) {
    PodEntry& entry = pods[pod->meta.uid];
    entry.pod = pod;
    entry.cached = true;
    // Deleted, but in the caches: the deletion was reported before the cache had it, so this view is older.
  }
  const std::string current = job::pod_name(job.meta.name, current_attempt(job));
  std::erase_if(pods, [&](const auto& item) {
    const PodEntry& entry = item.second;
    if (entry.cached) return false;
    // The end of the current attempt's pod is needed until the attempt is recorded as ended.
    if (entry.gone) return entry.pod->meta.name != current || job::is_terminal(job.status.phase);
    return now - entry.made > kUnseenLimit;
  });
  std::vector<PodSighting> all;
  all.reserve(pods.size());
  for (auto& [uid, entry] : pods) all.push_back(sight(entry, clock));
  const bool has_ended = job::is_terminal(job.status.phase) && !job.meta.deletion_timestamp;
  if (has_ended && is_settled(*known.live)) known.live.reset();
  return all;
}

std::chrono::milliseconds JobMemory::known_for(const std::string& job, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[job];
  begin_or_end(entry.known, true, now);
  return since(entry.known, now);
}

std::chrono::milliseconds JobMemory::deleting_for(const std::string& job, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  Live& live = live_of(job);
  begin_or_end(live.deleting, true, now);
  return since(live.deleting, now);
}

std::chrono::milliseconds JobMemory::lost_for(const std::string& job, int attempt, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  Live& live = live_of(job);
  if (live.lost_attempt != attempt) {
    live.lost_attempt = attempt;
    live.lost_since = now;
  }
  return since(live.lost_since, now);
}

void JobMemory::note_found(const std::string& job) {
  const std::lock_guard lock(mutex_);
  if (Live* live = find_live(job)) live->lost_attempt = 0;
}

}  // namespace vbrain::controller
