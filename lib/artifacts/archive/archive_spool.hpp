#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/records/job_file.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

// An uploaded archive while it arrives. The data of large stored entries go at once to files of their own ("pieces"),
// with their digests computed on the way, and leave a hole in the archive's file. So such data are written once. Where
// an entry begins is guessed from the local headers in front of the data. The guess decides nothing: inspect() and
// libzip look at the archive as ever, and a piece is used only if it is exactly the data of a listed entry. Otherwise
// all pieces are put back into the archive, and it is unpacked as if there had been none. Not thread-safe. Blocks on
// the volume; throws VolumeError.
class ArchiveSpool {
 public:
  // Smaller entries stay in the archive. Tests use less.
  static constexpr std::uint64_t kPieceFrom = 1U << 20;

  // The archive is a file without a name in `parent`. Pieces have temporary names in `folder`, whose content the caller
  // removes if the upload fails. The folder must outlive this.
  ArchiveSpool(const Dir& parent, const Dir& folder, std::uint64_t piece_from = kPieceFrom);
  ~ArchiveSpool();
  ArchiveSpool(const ArchiveSpool&) = delete;
  ArchiveSpool& operator=(const ArchiveSpool&) = delete;

  // The next bytes of the archive.
  void write(std::string_view bytes);

  struct Unpacked {
    ArchiveListing listing;
    std::vector<InputFile> files;
  };
  // After the last byte, once: inspect() and extract() to `target`, which is on the volume of the pieces. After an
  // error the caller must remove the content of both folders.
  Result<Unpacked, ArchiveError> unpack(const ArchiveLimits& limits, const Dir& target);

  // How many files the archive's data were divided into. For tests.
  std::size_t pieces() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Starts to write bytes of a file to its disk, so that a later fsync has less to do. Does nothing where it cannot.
void start_writing(int fd, std::uint64_t offset, std::uint64_t length) noexcept;

}  // namespace vbrain::artifacts
