#pragma once

#include <cstdint>
#include <string>

#include "artifacts/archive/archive_reader.hpp"

namespace vbrain::artifacts {

// An archive that is refused. Thrown within inspect() only.
struct Refused {
  ArchiveError error;
};
[[noreturn]] void refuse(std::string reason);          // 400
[[noreturn]] void refuse_damaged(std::string reason);  // 400, with kPackAgain
[[noreturn]] void too_large(std::string reason);       // 413

// The bytes of an archive. Reads beyond its end refuse it. Throws VolumeError if reading fails.
class RawFile {
 public:
  RawFile(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

  std::uint64_t size() const { return size_; }
  std::string read(std::uint64_t offset, std::uint64_t length) const;

 private:
  int fd_;
  std::uint64_t size_;
};

// Where the central directory is, by the archive's end records.
struct RawDirectory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;        // of entries
  std::uint64_t archive_end = 0;  // behind the end record; what follows in the file are zero bytes
  bool own = false;               // ArchiveWriter made it
};

// The end record must be the archive's last bytes, and no other bytes may be readable as an end record. If two readers
// could choose different records, the archive is refused; bytes before the directory do not count, since no reader gets
// them to search (GuardedSource). Up to 1 MiB of zero bytes may follow: writers to pipes and
// tapes fill their last block (`bsdtar --format zip -cf -`).
RawDirectory find_directory(const RawFile& file, const ArchiveLimits& limits);

}  // namespace vbrain::artifacts
