#include "artifacts/raw_zip/file_reader.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <functional>
#include <new>
#include <vector>

#include "artifacts/archive/zip_format.hpp"
#include "artifacts/raw_zip/raw_entry.hpp"

namespace vbrain::artifacts {
namespace {

// A directory entry with all fields at maximum length, and a piece that holds more than one.
constexpr std::size_t kLargestCentral = zip::kCentralHeaderSize + 3 * 0xFFFF;
constexpr std::uint64_t kDirectoryPiece = 256U << 10;
constexpr std::uint64_t kDataPiece = 64U << 10;

// Calls `read`; what it refuses becomes an error.
template <class Read>
auto as_result(const Read& read) -> Result<decltype(read()), ArchiveError> {
  try {
    return read();
  } catch (Refused& refused) {
    return Unexpected<ArchiveError>(std::move(refused.error));
  }
}

template <class Take>
void each_entry(const RawFile& file, const RawDirectory& directory, const Take& take) {
  std::uint64_t at = directory.offset;
  const std::uint64_t end = directory.offset + directory.size;
  std::string piece;
  std::string_view rest;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    if (rest.size() < kLargestCentral && at < end) {
      const std::uint64_t more = std::min(kDirectoryPiece, end - at);
      piece = std::string(rest) + file.read(at, more);
      rest = piece;
      at += more;
    }
    RawEntry raw = take_entry(rest, CodePage::k437);
    raw.entry.index = i;
    take(raw);
  }
  if (!rest.empty() || at != end) refuse_damaged("the directory has more than the entries it counts");
}

// Whether others read the name as the same bytes: no other character set, no Unicode path beside it, no "./".
bool has_plain_name(const RawEntry& raw) {
  return raw.entry.name == raw.header_name && check_entry_name(raw.entry.name).empty();
}

// False for folders and for what has no content that can be read.
bool is_file(RawEntry& raw) {
  try {
    check_content(raw);
  } catch (const Refused&) {
    return false;
  }
  return !raw.entry.folder && (raw.entry.deflated || raw.entry.size == raw.entry.compressed_size);
}

std::size_t hash_of(std::string_view name) {
  return std::hash<std::string_view>()(name);
}

// The hashes of names that the directory has more than once, sorted.
std::vector<std::size_t> repeated_names(const RawFile& file, const RawDirectory& directory) {
  std::vector<std::size_t> all;
  all.reserve(std::min(directory.count, ArchiveLimits{}.entries));
  each_entry(file, directory, [&](const RawEntry& raw) { all.push_back(hash_of(raw.header_name)); });
  std::ranges::sort(all);
  std::vector<std::size_t> repeated;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i] == all[i - 1]) repeated.push_back(all[i]);
  }
  return repeated;
}

std::uint64_t find_data(const RawFile& file, const RawDirectory& directory, const RawEntry& raw) {
  const ArchiveEntry& entry = raw.entry;
  const std::string fixed = file.read(entry.offset, zip::kLocalHeaderSize);
  if (zip::u32(fixed, 0) != zip::kLocalHeader) refuse_damaged("an entry has no local header");
  const std::size_t rest_size = std::size_t{zip::u16(fixed, 26)} + zip::u16(fixed, 28);
  const std::string rest = file.read(entry.offset + zip::kLocalHeaderSize, rest_size);
  const LocalHeader local = read_local_header(fixed, rest);
  if (local.name != raw.header_name || local.method != raw.method) {
    refuse_damaged("a local header and the directory differ");
  }
  const std::uint64_t data = entry.offset + zip::kLocalHeaderSize + rest_size;
  if (data > directory.offset || entry.compressed_size > directory.offset - data) {
    refuse_damaged("the data of an entry reach into the directory");
  }
  return data;
}

class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Gives what `bytes` unpack to to `out`, in pieces. True at the end of the data; then all bytes were needed.
  template <class Out>
  bool put(std::string_view bytes, const Out& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    int state = Z_OK;
    do {
      stream_.next_out = buffer_.data();
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      state = inflate(&stream_, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) refuse_damaged("the data of an entry");
      out(std::string_view(reinterpret_cast<const char*>(buffer_.data()), buffer_.size() - stream_.avail_out));
    } while (state != Z_STREAM_END && stream_.avail_out == 0);
    if (stream_.avail_in != 0) refuse_damaged("bytes behind the data of an entry");
    return state == Z_STREAM_END;
  }

 private:
  z_stream stream_{};
  std::array<Bytef, kDataPiece> buffer_{};
};

}  // namespace

Result<FileReader, ArchiveError> FileReader::open(int fd, std::uint64_t size) {
  return as_result([&] {
    const RawFile file(fd, size);
    return FileReader(file, find_directory(file, {}));
  });
}

Result<void, ArchiveError> FileReader::each(const std::function<void(const ArchiveEntry&)>& take) const {
  const auto done = as_result([&] {
    const std::vector<std::size_t> repeated = repeated_names(file_, directory_);
    each_entry(file_, directory_, [&](RawEntry& raw) {
      if (!is_file(raw) || !has_plain_name(raw)) return;
      if (!std::ranges::binary_search(repeated, hash_of(raw.header_name))) take(raw.entry);
    });
    return true;
  });
  if (!done) return Unexpected<ArchiveError>(done.error());
  return {};
}

Result<std::optional<ArchiveEntry>, ArchiveError> FileReader::find(std::string_view name) const {
  return as_result([&]() -> std::optional<ArchiveEntry> {
    std::optional<RawEntry> found;
    std::size_t times = 0;
    each_entry(file_, directory_, [&](RawEntry& raw) {
      if (raw.header_name != name || ++times > 1) return;
      if (is_file(raw) && has_plain_name(raw)) found = std::move(raw);
    });
    if (!found || times > 1) return std::nullopt;
    found->entry.data_offset = find_data(file_, directory_, *found);
    return std::move(found->entry);
  });
}

Result<void, ArchiveError> FileReader::read(const ArchiveEntry& file,
                                            const std::function<void(std::string_view)>& out) const {
  const auto done = as_result([&] {
    std::uint64_t size = 0;
    uLong crc = 0;
    const auto give = [&](std::string_view bytes) {
      if (bytes.size() > file.size - size) refuse_damaged("an entry is larger than the directory says");
      size += bytes.size();
      crc = crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
      if (!bytes.empty()) out(bytes);
    };
    Inflater inflater;
    bool at_end = !file.deflated;
    for (std::uint64_t at = 0; at < file.compressed_size;) {
      const std::string piece = file_.read(file.data_offset + at, std::min(kDataPiece, file.compressed_size - at));
      at += piece.size();
      if (!file.deflated) {
        give(piece);
      } else if (at_end) {
        refuse_damaged("bytes behind the data of an entry");
      } else {
        at_end = inflater.put(piece, give);
      }
    }
    if (!at_end || size != file.size || crc != file.crc) {
      refuse_damaged("an entry does not have the size and checksum that the directory says");
    }
    return true;
  });
  if (!done) return Unexpected<ArchiveError>(done.error());
  return {};
}

}  // namespace vbrain::artifacts
