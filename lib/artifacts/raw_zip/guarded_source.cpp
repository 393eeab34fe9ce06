#include "artifacts/raw_zip/guarded_source.hpp"

#include <algorithm>
#include <cerrno>

#include "base/files/io.hpp"

namespace vbrain::artifacts {

zip_source_t* GuardedSource::make(zip_error_t* error) {
  zip_error_init(&error_);
  return zip_source_function_create(&GuardedSource::call, this, error);
}

void GuardedSource::expect(const ArchiveEntry& entry) {
  guarded_ = true;
  header_ = entry.offset;
  data_ = next_ = entry.data_offset;
  data_end_ = entry.data_offset + entry.compressed_size;
}

// Either a part of the local header, or the data that come next.
bool GuardedSource::may_read(std::uint64_t length) {
  if (!guarded_) return true;
  if (position_ >= header_ && position_ < data_) return length <= data_ - position_;
  if (position_ != next_ || length > data_end_ - next_) return false;
  next_ += length;
  return true;
}

zip_int64_t GuardedSource::read(char* to, zip_uint64_t length) {
  if (position_ >= size_ || length == 0) return 0;
  if (length > size_ - position_) length = size_ - position_;
  if (!may_read(length)) {
    violated_ = true;
    zip_error_set(&error_, ZIP_ER_INCONS, 0);
    return -1;
  }
  if (!guarded_ && position_ < directory_) {
    const auto hidden = static_cast<std::size_t>(std::min(length, directory_ - position_));
    std::fill_n(to, hidden, '\0');
    position_ += hidden;
    return static_cast<zip_int64_t>(hidden);
  }
  const ssize_t got = base::read_full_at(fd_, {to, static_cast<std::size_t>(length)}, position_);
  if (got < 0) {
    read_error_ = errno;
    zip_error_set(&error_, ZIP_ER_READ, read_error_);
    return -1;
  }
  position_ += static_cast<std::uint64_t>(got);
  return got;
}

zip_int64_t GuardedSource::call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  auto& source = *static_cast<GuardedSource*>(self);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      source.position_ = 0;
      return 0;
    case ZIP_SOURCE_READ:
      return source.read(static_cast<char*>(data), length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
      return 0;
    case ZIP_SOURCE_STAT: {
      auto* status = static_cast<zip_stat_t*>(data);
      zip_stat_init(status);
      status->size = source.size_;
      status->valid |= ZIP_STAT_SIZE;
      return sizeof *status;
    }
    case ZIP_SOURCE_SEEK: {
      const zip_int64_t at =
          zip_source_seek_compute_offset(source.position_, source.size_, data, length, &source.error_);
      if (at < 0) return -1;
      source.position_ = static_cast<std::uint64_t>(at);
      return 0;
    }
    case ZIP_SOURCE_TELL:
      return static_cast<zip_int64_t>(source.position_);
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&source.error_, data, length);
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                            ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                            ZIP_SOURCE_SUPPORTS, -1);
    default:
      zip_error_set(&source.error_, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

}  // namespace vbrain::artifacts
