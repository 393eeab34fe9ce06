#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace vbrain::artifacts {

// The names of one archive as a tree, to find those that can't stand beside each other in a folder of any system: twice
// the same, different in case only, a file that is also a folder. Memory grows with the bytes of the names.
class NameTree {
 public:
  // `name` without a slash at its end, checked by check_entry_name. Constant text if it clashes, else empty.
  std::string_view add(std::string_view name, bool folder);
  // Files and folders so far, those included that are only a part of other names.
  std::size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    std::uint32_t number;
    std::string name;
    bool folder;
    bool listed;  // has an entry of its own; else only a part of other names
  };
  std::unordered_map<std::string, Node> nodes_;  // by number of the parent and the folded component
};

// `text` (UTF-8) in lower case: ASCII, Latin-1, Greek, Cyrillic. For comparing only.
std::string fold_case(std::string_view text);

}  // namespace vbrain::artifacts
