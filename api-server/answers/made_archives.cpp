#include "api-server/answers/made_archives.hpp"

#include <algorithm>
#include <utility>

namespace vbrain::api {

std::shared_ptr<const Spooled> MadeArchives::find(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return nullptr;
  found->used = clock_.steady();
  entries_.splice(entries_.begin(), entries_, found);
  return entries_.front().archive;
}

void MadeArchives::keep(std::string key, std::shared_ptr<const Spooled> archive) {
  if (archive->local || archive->totals.bytes > limits_.bytes) return;
  std::list<Entry> dropped;  // closed without the lock
  const std::lock_guard lock(mutex_);
  // Two requests may have made the same one.
  if (std::ranges::find(entries_, key, &Entry::key) != entries_.end()) return;
  bytes_ += archive->totals.bytes;
  entries_.push_front({std::move(key), std::move(archive), clock_.steady()});
  while (entries_.size() > limits_.archives || bytes_ > limits_.bytes) {
    bytes_ -= entries_.back().archive->totals.bytes;
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
}

void MadeArchives::expire() {
  std::list<Entry> dropped;
  const std::lock_guard lock(mutex_);
  while (!entries_.empty() && clock_.steady() - entries_.back().used >= limits_.keep) {
    bytes_ -= entries_.back().archive->totals.bytes;
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
}

}  // namespace vbrain::api
