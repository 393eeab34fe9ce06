#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifacts/archive/archive_reader.hpp"

namespace vbrain::artifacts {

// The data of a stored entry, in a file of its own (ArchiveSpool).
struct StoredPiece {
  std::uint64_t offset = 0;  // of the data in the archive
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  std::string sha256;
  std::string name;  // in the folder of pieces
};

// As extract(). The data of `pieces`, of which each is that of an entry in the listing, are moved from `folder`.
Result<std::vector<InputFile>, ArchiveError> extract(const ArchiveListing& listing, int fd, const Dir& target,
                                                     const std::vector<StoredPiece>& pieces, const Dir& folder);

}  // namespace vbrain::artifacts
