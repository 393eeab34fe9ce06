#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/files/safe_open.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

enum class Compression { kStore, kFast };  // kFast: DEFLATE level 1, except for large files that do not become smaller

// Writes a ZIP sequentially without seeking, so `out` may be a pipe, a socket or a file. Each byte is hashed when it is
// written, and memory is bounded (under 2 MiB). Entries over 4 GiB and archives over 65,535 entries use Zip64. Not
// thread-safe. Throws VolumeError if reading or writing fails; then the archive is unusable.
class ArchiveWriter {
 public:
  // `sink` gets all bytes of the archive in order.
  using Sink = std::function<void(std::string_view)>;
  // Sizes and offsets from `wide_from` on are written in Zip64 form. The default is a little below 4 GiB, because
  // DEFLATE may enlarge a file; tests use less.
  ArchiveWriter(Sink sink, Compression compression, std::uint64_t wide_from = 0xFF000000);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  struct Added {
    std::uint64_t bytes = 0;  // of the entry's content
    std::string sha256;
  };
  // Adds the first `size` bytes of `fd` (from offset 0, with pread), or fewer if the file has become shorter. `name` is
  // UTF-8 with '/' between components, at most 65,535 bytes.
  Added add(std::string_view name, int fd, std::uint64_t size, base::TimePoint modified);
  void add_folder(std::string_view name, base::TimePoint modified);
  // Adds a short text, uncompressed, of no particular time.
  void add_text(std::string_view name, std::string_view text);
  // Writes the directory; the totals of the whole archive. Call once, last.
  Added finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A temporary file without a name in `folder`, open for reading and writing (O_TMPFILE, or created and removed at once
// where the file system has no O_TMPFILE). On NFS it keeps a name (.nfs…) until it is closed, and `folder` cannot be
// removed meanwhile: take one that stays.
Fd make_unnamed_file(const Dir& folder);

}  // namespace vbrain::artifacts
