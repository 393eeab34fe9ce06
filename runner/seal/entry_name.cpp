#include "runner/seal/entry_name.hpp"

#include <dirent.h>

#include "artifacts/archive/utf8.hpp"

namespace vbrain::runner {

std::string shown(std::string_view name) {
  std::string text = artifacts::printable(name, 120);
  return text.size() < name.size() ? text + "…" : text;
}

const char* kind_of(unsigned char type) {
  switch (type) {
    case DT_LNK:
      return "a symbolic link";
    case DT_FIFO:
      return "a FIFO";
    case DT_SOCK:
      return "a socket";
    default:
      return "a device";
  }
}

}  // namespace vbrain::runner
