#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/raw_zip/raw_directory.hpp"

namespace vbrain::artifacts {

// Reads single files of a ZIP that lies on the volume: an output that a runner sealed. The archive is read as if a
// stranger had made it. It has a file only if inspect() would take the entry: a regular file, stored or deflated, not
// encrypted, with a name that check_entry_name() takes. Names are the bytes in the directory: no character set is
// converted. Memory: about 1 MiB, whatever is in the archive. Constant: several threads may call the members.
// Throws VolumeError if reading fails; each error is the first thing that is wrong with the archive.
class FileReader {
 public:
  // Reads the end records only. `fd` is a regular file that nobody changes; it must outlive this.
  static Result<FileReader, ArchiveError> open(int fd, std::uint64_t size);

  std::uint64_t entries() const { return directory_.count; }
  std::uint64_t directory_bytes() const { return directory_.size; }

  // Calls `take` with each file that find() finds, in the order of the directory. ArchiveEntry::data_offset is not
  // known.
  Result<void, ArchiveError> each(const std::function<void(const ArchiveEntry&)>& take) const;
  // The file of exactly this name. Nothing if there is none, or if the directory has the name twice.
  Result<std::optional<ArchiveEntry>, ArchiveError> find(std::string_view name) const;
  // Gives the content of a file of find() to `out`, in pieces, never more than its size. An error: it does not have the
  // declared size and CRC-32; `out` may have got bytes before that. Exceptions of `out` pass through.
  Result<void, ArchiveError> read(const ArchiveEntry& file, const std::function<void(std::string_view)>& out) const;

 private:
  FileReader(const RawFile& file, const RawDirectory& directory) : file_(file), directory_(directory) {}

  RawFile file_;
  RawDirectory directory_;
};

}  // namespace vbrain::artifacts
