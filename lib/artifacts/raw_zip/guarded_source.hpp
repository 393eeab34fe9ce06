#pragma once

#include <zip.h>

#include <cstdint>
#include <string>

#include "artifacts/archive/archive_reader.hpp"

namespace vbrain::artifacts {

// An archive as libzip reads it. libzip has no function that says where an entry is, so this watches what it reads:
// while an entry is unpacked, only the bytes that our scan found for it can be read, from the first to the last. Before
// that libzip opens the archive, and sees zero bytes in place of all that is before the directory. So it finds no other
// end record, for example that of an archive within the archive, and its cost is bounded by our scan's limits. Not
// thread-safe.
class GuardedSource {
 public:
  // `directory`: its offset. `size`: of the archive. The descriptor stays open and unchanged as long as this object.
  GuardedSource(int fd, std::uint64_t directory, std::uint64_t size) : fd_(fd), directory_(directory), size_(size) {}

  // For zip_open_from_source(). Null, with an error in `error`, if there is no memory. The object must outlive it.
  zip_source_t* make(zip_error_t* error);

  // From now on only this entry may be read.
  void expect(const ArchiveEntry& entry);
  // True if the expected entry's data were read to their end.
  bool is_at_end() const { return next_ == data_end_; }
  // True if libzip has tried to read something else.
  bool is_violated() const { return violated_; }
  // errno of a read that failed, which libzip reports as its own error; 0: none.
  int read_error() const { return read_error_; }

 private:
  static zip_int64_t call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command);
  zip_int64_t read(char* to, zip_uint64_t length);
  bool may_read(std::uint64_t length);

  const int fd_;
  const std::uint64_t directory_;
  const std::uint64_t size_;
  std::uint64_t position_ = 0;
  zip_error_t error_{};
  bool guarded_ = false;
  bool violated_ = false;
  int read_error_ = 0;
  // Of the expected entry.
  std::uint64_t header_ = 0;
  std::uint64_t data_ = 0;
  std::uint64_t data_end_ = 0;
  std::uint64_t next_ = 0;  // its data were read up to here
};

}  // namespace vbrain::artifacts
