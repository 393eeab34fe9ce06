#pragma once

#include <cstddef>
#include <vector>

#include "artifacts/raw_zip/raw_entry.hpp"

namespace vbrain::artifacts {

// Which entries are marks that a desktop leaves in the archives it packs, and no content of the user: of Finder the
// folder __MACOSX, .DS_Store, Icon\r, and ._x where the archive has x beside it (AppleDouble); of Explorer Thumbs.db
// and desktop.ini, if the entry was written on Windows. One value for each entry. Pure.
std::vector<bool> find_foreign_files(const std::vector<RawEntry>& entries);

}  // namespace vbrain::artifacts
