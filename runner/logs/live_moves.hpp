#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace vbrain::runner {

// Which file it is, whatever its name. File systems give the number of a removed file to a new one, so the time of its
// creation belongs to it; 0 where the file system has none.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  std::int64_t born_ns = 0;

  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

using FilesByPath = std::map<std::string, FileIdentity>;

// The renames that bring the copies to the names that their sources have now: from, to; in an order in which none
// overwrites a copy that is still to be moved. Files that changed places with each other are not moved. Pure.
std::vector<std::pair<std::string, std::string>> plan_moves(const FilesByPath& copies, const FilesByPath& sources);

}  // namespace vbrain::runner
