#include "controller/planning/snapshot.hpp"

#include <algorithm>
#include <charconv>

#include "job/names.hpp"

namespace vbrain::controller {

const PodSighting* Learned::pod_of(int attempt) const {
  const std::string name = job::pod_name(job.meta.name, attempt);
  const PodSighting* found = nullptr;
  for (const PodSighting& sighting : pods) {
    if (sighting.pod->meta.name != name) continue;
    if (found == nullptr || found->gone) found = &sighting;
  }
  return found;
}

void Learned::take_job(job::Job now) {
  const bool same_attempt = current_attempt(now) == current_attempt(job);
  job = std::move(now);
  if (same_attempt) return;
  files.reset();
  record.reset();
  newest_attempt = 0;
  pod_asked_for = false;
  alien_pod_uid.clear();
}

const FailedAction* Learned::failure_of(const std::string& action) const {
  const auto found = std::ranges::find(failed, action, &FailedAction::action);
  return found == failed.end() ? nullptr : &*found;
}

int current_attempt(const job::Job& job) {
  return std::max(job.status.attempts, 1);
}

int attempt_of(const kube::Pod& pod, const job::Job& job) {
  const std::string& name = pod.meta.name;
  const std::size_t prefix = job.meta.name.size() + 1;
  if (name.size() <= prefix || !name.starts_with(job.meta.name + "-")) return 0;
  int attempt = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + prefix, end, attempt);
  return parsed.ec == std::errc() && parsed.ptr == end && attempt > 0 ? attempt : 0;
}

}  // namespace vbrain::controller
