#pragma once

#include <string>

#include "artifacts/files/safe_open.hpp"
#include "base/result.hpp"

namespace vbrain::runner {

struct LinkTarget {
  std::string path{};  // from the output folder, without links; empty for the folder itself
  bool is_folder = false;
};

// Where the symbolic link `path` of the folder `output` leads. The error says why its target cannot be archived: "a
// symbolic link to something outside the output". Call it when all processes of the application are dead. Needs /proc.
Result<LinkTarget, std::string> follow_link(const artifacts::Dir& output, const std::string& path);

// True if `folder` is `path` or contains it. Both are paths from the output folder; the empty one contains all.
bool contains(const std::string& folder, const std::string& path);

}  // namespace vbrain::runner
