#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "artifacts/scans/store_usage.hpp"
#include "base/time/clock.hpp"
#include "job/retention.hpp"

namespace vbrain::controller {

// An ended job on the volume, by its record.
struct EndedJob {
  base::TimePoint ended{};
  std::string id;
  artifacts::TreeSize size{};

  bool operator<(const EndedJob& other) const { return std::tie(ended, id) < std::tie(other.ended, other.id); }
};

// The oldest ended jobs of a tenant and the number of all, in constant memory. Jobs up to `after` do not count: an
// earlier walk has tried to remove them.
class OldestJobs {
 public:
  explicit OldestJobs(std::size_t keep, std::optional<EndedJob> after = {}) : keep_(keep), after_(std::move(after)) {}

  void add(EndedJob job);
  std::size_t count() const { return count_; }
  // The oldest first, at most `keep`.
  std::vector<EndedJob> list() const { return {oldest_.begin(), oldest_.end()}; }

 private:
  const std::size_t keep_;
  const std::optional<EndedJob> after_;
  std::size_t count_ = 0;
  std::set<EndedJob> oldest_;
};

// When a job ended for retention, by the time in its record and the time when its record was written, which is of the
// file server's clock. The clock of the controller may have been wrong: the later one of both counts, so that no job
// goes before the time that its users were told. Pure.
base::TimePoint end_of_job(base::TimePoint completed, base::TimePoint recorded);

// How many of `oldest` (in order) have to go, of `ended` jobs in all: those that are too many and ended at least an
// hour ago, and those that are too old. Pure.
std::size_t count_expired(const job::Retention& retention, const std::vector<EndedJob>& oldest, std::size_t ended,
                          base::TimePoint now);

// Whether a repository has to go: it has been unused for too long, or its removal was interrupted. Without a limit none
// has to. Pure.
bool is_expired(const job::Retention& retention, const artifacts::ScannedRepository& repository, base::TimePoint now);

// Whether the clocks of the file server and of this controller agree well enough to remove anything because of its
// age. Pure.
bool clocks_agree(base::TimePoint volume, base::TimePoint here);

}  // namespace vbrain::controller
