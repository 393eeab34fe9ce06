#include "controller/reconcile/unanswered_writes.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace vbrain::controller {
namespace {

// Tries of one write differ in their times, and each may be the one that was done. An API server that does not answer
// is asked more and more seldom, so that a job has only a few.
constexpr std::size_t kMostOfOneJob = 16;

}  // namespace

void UnansweredWrites::note(job::Job before, WriteStatus write, const job::JobStatus& sent) {
  std::string text = job::encode(sent).dump();
  const std::lock_guard lock(mutex_);
  auto& entries = entries_[before.meta.name];
  if (entries.size() >= kMostOfOneJob) entries.erase(entries.begin());
  entries.push_back({{std::move(before), std::move(write)}, std::move(text)});
}

std::optional<UnansweredWrites::Write> UnansweredWrites::take_done(const job::Job& now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(now.meta.name);
  if (found == entries_.end()) return std::nullopt;
  std::vector<Entry>& entries = found->second;
  const std::string text = job::encode(now.status).dump();
  std::optional<Write> done;
  const auto is_done = [&](const Entry& entry) {
    return entry.write.before.meta.uid == now.meta.uid && entry.sent == text;
  };
  const auto is_over = [&](const Entry& entry) {
    const kube::ObjectMeta& before = entry.write.before.meta;
    return before.uid != now.meta.uid || kube::is_older_version(before.resource_version, now.meta.resource_version);
  };
  if (const auto entry = std::ranges::find_if(entries, is_done); entry != entries.end()) {
    done = std::move(entry->write);
    entries.clear();
  } else {
    std::erase_if(entries, is_over);
  }
  if (entries.empty()) entries_.erase(found);
  return done;
}

void UnansweredWrites::forget(const std::string& job) {
  const std::lock_guard lock(mutex_);
  entries_.erase(job);
}

}  // namespace vbrain::controller
