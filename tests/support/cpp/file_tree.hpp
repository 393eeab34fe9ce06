#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "support/cpp/temp_dir.hpp"

namespace vbrain::testing {

// Contents by name of all regular files below `root`. An empty folder is a name with a slash at its end.
inline std::map<std::string, std::string> tree_of(const std::filesystem::path& root) {
  std::map<std::string, std::string> tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string name = std::filesystem::relative(entry.path(), root).string();
    if (entry.is_regular_file()) tree[name] = read_file(entry.path().string());
    if (entry.is_directory() && std::filesystem::is_empty(entry.path())) tree[name + "/"] = "";
  }
  return tree;
}

}  // namespace vbrain::testing
