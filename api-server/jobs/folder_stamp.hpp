#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time/clock.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// By what a change of a folder or file on the volume is seen.
struct FolderStamp {
  std::uint64_t inode = 0;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  std::int64_t size = 0;
  bool operator==(const FolderStamp&) const = default;
};

// Nothing: the path does not exist. Throws VolumeError.
std::optional<FolderStamp> stamp_of(const artifacts::Store& volume, const std::string& path);

// Whether the last change is over two seconds ago: then a later change gives another stamp. That is more than the
// resolution of the times of any file system in use, and than the clocks of servers may differ. `now` is a time before
// the stamp was read: reading what the folder has may take longer than two seconds. Pure.
bool is_reliable(const FolderStamp& stamp, base::TimePoint now);

}  // namespace vbrain::api
