#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "artifacts/store/store.hpp"
#include "artifacts/store/store_scan.hpp"
#include "base/clock.hpp"

namespace vbrain::artifacts {

// Told of a folder in which something could not be removed: its path below the root, and what was to be done with which
// file. All the rest of the folder is removed, and the next sweep tries again.
using OnNotRemoved = std::function<void(const std::string& path, const VolumeError& error)>;

// Only what changed last before these times is removed. Both by the clock of the file server, see Store::probe().
struct SweepTimes {
  // For what is written step by step. Hours ago, so that no upload under way is so old.
  base::TimePoint staged;
  // For what was moved to `.trash`. It counts from the move. Some minutes ago: then whoever moved it there removes it.
  base::TimePoint trashed;
};

// Removes what lies in `.staging` and `.trash` of all tenants, half-copied runners and forgotten probes, until `stop`;
// how many. Throws nothing but what the callbacks throw.
std::size_t sweep_rubbish(const Store& store, const SweepTimes& before, const OnUnreadable& unreadable,
                          const OnNotRemoved& not_removed, std::stop_token stop);

// Removes the entries of repositories' indexes that are older than `before` and whose jobs have no folder, until
// `stop`; how many. A crash between the two steps of publishing or of removing a job leaves one. Looks once at every
// job's folder. Throws nothing but what `unreadable` throws.
std::size_t sweep_markers(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                          std::stop_token stop);

}  // namespace vbrain::artifacts
