#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "artifacts/scans/store_scan.hpp"
#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// Called for a folder from which something could not be removed: with its path below the root, the failed operation and
// its file. The rest of the folder is removed, and the next sweep tries again.
using OnNotRemoved = std::function<void(const std::string& path, const VolumeError& error)>;

// Only entries that last changed before these times are removed. Both by the clock of the file server, see
// Store::probe().
struct SweepTimes {
  // For folders that are written in steps. Hours ago, so that no running upload is that old.
  base::TimePoint staged;
  // For folders in `.trash`, since their move. Some minutes ago, because the code that moves a folder normally removes
  // it.
  base::TimePoint trashed;
};

// Removes entries of `.staging` and `.trash` of all tenants, incomplete copies of runners and old probe files, until
// `stop`. Returns how many. Throws only exceptions of the callbacks.
std::size_t sweep_rubbish(const Store& store, const SweepTimes& before, const OnUnreadable& unreadable,
                          const OnNotRemoved& not_removed, std::stop_token stop);

// Removes the entries of repositories' indexes that are older than `before` and whose jobs have no folder, until
// `stop`. Returns how many. A crash between the two steps of publishing or removing a job leaves such an entry. Reads
// every job's folder once. Throws only exceptions of `unreadable`.
std::size_t sweep_markers(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                          std::stop_token stop);

}  // namespace vbrain::artifacts
