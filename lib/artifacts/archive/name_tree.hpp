#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace vbrain::artifacts {

// The names of one archive as a tree. It finds names that cannot be in one folder: the same name twice, names that
// differ only in Unicode normalization and so look the same, a file that is also a folder. Names that differ in case
// are different names, as on the volume. Memory grows with the bytes of the names.
class NameTree {
 public:
  // `name` has no slash at its end and passed check_entry_name. Returns constant text if it clashes, else nothing.
  std::string_view add(std::string_view name, bool folder);
  // Number of files and folders so far, including folders that are only part of other names.
  std::size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    std::uint32_t number;
    std::string name;
    bool folder;
    bool listed;  // has its own entry; otherwise it is only part of other names
  };
  std::unordered_map<std::string, Node> nodes_;  // by the parent's number and the component in NFC
};

// `text` in Unicode's normalization form NFC. Throws std::invalid_argument if it is not UTF-8.
std::string nfc(std::string_view text);

}  // namespace vbrain::artifacts
