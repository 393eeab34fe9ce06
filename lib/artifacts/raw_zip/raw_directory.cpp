#include "artifacts/raw_zip/raw_directory.hpp"

#include <algorithm>
#include <cerrno>

#include "artifacts/archive/file_format.hpp"
#include "artifacts/archive/zip_format.hpp"
#include "artifacts/raw_zip/advice.hpp"
#include "base/files/io.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::uint64_t kDirectoryLimit = 64U << 20;
constexpr std::uint64_t kDirectoryBytesPerEntry = 1U << 10;
constexpr std::uint64_t kPaddingLimit = 1U << 20;
constexpr std::uint64_t kPiece = 64U << 10;

// The size of the file without the zero bytes at its end.
std::uint64_t without_padding(const RawFile& file) {
  std::uint64_t end = file.size();
  while (end > 0 && file.size() - end <= kPaddingLimit) {
    const std::uint64_t begin = end - std::min(end, kPiece);
    const std::string piece = file.read(begin, end - begin);
    const auto last = piece.find_last_not_of('\0');
    if (last != std::string::npos) return begin + last + 1;
    end = begin;
  }
  refuse(
      "not a ZIP archive: it ends in too many zero bytes, like a file that was not written to its end; send it again");
}

// Reads the Zip64 records and returns where the directory must end.
std::uint64_t read_zip64(const RawFile& file, std::uint64_t end_offset, RawDirectory& directory) {
  if (end_offset < zip::kEnd64LocatorSize + zip::kEnd64Size) return end_offset;
  const std::string locator = file.read(end_offset - zip::kEnd64LocatorSize, zip::kEnd64LocatorSize);
  if (zip::u32(locator, 0) != zip::kEnd64Locator) return end_offset;
  const std::uint64_t offset = end_offset - zip::kEnd64LocatorSize - zip::kEnd64Size;
  const std::string end = file.read(offset, zip::kEnd64Size);
  if (zip::u32(locator, 4) != 0 || zip::u32(locator, 16) > 1) refuse("an archive of several parts" + kPackAsOne);
  if (zip::u64(locator, 8) != offset || zip::u32(end, 0) != zip::kEnd64 || zip::u64(end, 4) != 44) {
    refuse_damaged("the Zip64 end record is not where it should be");
  }
  if (zip::u32(end, 16) != 0 || zip::u32(end, 20) != 0 || zip::u64(end, 24) != zip::u64(end, 32)) {
    refuse("an archive of several parts" + kPackAsOne);
  }
  const auto take = [](std::uint64_t& value, std::uint64_t wide, std::uint64_t saturated) {
    if (value != saturated && value != wide) refuse_damaged("the two end records contradict each other");
    value = wide;
  };
  take(directory.count, zip::u64(end, 32), zip::kWide16);
  take(directory.size, zip::u64(end, 40), zip::kWide32);
  take(directory.offset, zip::u64(end, 48), zip::kWide32);
  return offset;
}

}  // namespace

void refuse(std::string reason) {
  throw Refused{{ArchiveError::Kind::kInvalid, std::move(reason)}};
}
void refuse_damaged(std::string reason) {
  refuse(std::move(reason) + kPackAgain);
}
void too_large(std::string reason) {
  throw Refused{{ArchiveError::Kind::kTooLarge, std::move(reason)}};
}

std::string RawFile::read(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset) refuse("the archive is cut short; send it again");
  std::string bytes(length, '\0');
  const ssize_t got = base::read_full_at(fd_, bytes, offset);
  if (got < 0) throw VolumeError(errno, "read an archive");
  if (static_cast<std::size_t>(got) < bytes.size()) refuse("the archive is cut short; send it again");
  return bytes;
}

// There is no end record.
[[noreturn]] static void refuse_without_end(const RawFile& file) {
  const std::string first = file.read(0, std::min<std::uint64_t>(file.size(), kFormatBytes));
  if (first.starts_with("PK")) {
    refuse(
        "the archive is cut short, or is one of several parts: its end record is missing; send it whole, in one file");
  }
  const char* format = format_of(first);
  if (format != nullptr) refuse("not a ZIP archive: it is " + std::string(format) + kPackAsZip);
  refuse("not a ZIP archive" + kPackAsZip);
}

RawDirectory find_directory(const RawFile& file, const ArchiveLimits& limits) {
  const std::string_view signature("PK\5\6", 4);
  if (file.size() == 0) refuse("not a ZIP archive: it is empty; send a ZIP with the files");
  if (file.size() < zip::kEndSize) refuse("not a ZIP archive" + kPackAsZip);
  std::uint64_t size = without_padding(file);
  // The end record itself ends in zero bytes, unless it has a comment.
  const std::uint64_t tail_size = std::min<std::uint64_t>(file.size(), zip::kEndSize + 0xFFFF + (file.size() - size));
  const std::string tail = file.read(file.size() - tail_size, tail_size);
  const std::uint64_t tail_offset = file.size() - tail_size;
  const auto end_of = [&](std::size_t at) -> std::uint64_t {
    if (at + zip::kEndSize > tail.size()) return 0;
    return tail_offset + at + zip::kEndSize + zip::u16(tail, at + 20);
  };
  const auto ends_here = [&](std::size_t at) {
    const std::uint64_t end = end_of(at);
    return end >= size && end <= file.size();
  };
  const std::size_t last = tail.rfind(signature);
  if (last == tail.npos) refuse_without_end(file);
  if (!ends_here(last)) {
    refuse("bytes after the end of the archive, at byte " + std::to_string(end_of(last)) +
           ", or it was cut short; send it again, and nothing behind it");
  }
  for (std::size_t at = tail.find(signature); at < last; at = tail.find(signature, at + 1)) {
    if (ends_here(at)) refuse_damaged("two end records");
  }
  const std::string_view end = std::string_view(tail).substr(last);
  if (zip::u16(end, 4) != 0 || zip::u16(end, 6) != 0 || zip::u16(end, 8) != zip::u16(end, 10)) {
    refuse("an archive of several parts" + kPackAsOne);
  }
  RawDirectory directory{zip::u32(end, 16), zip::u32(end, 12), zip::u16(end, 10), end_of(last)};
  directory.own = end.substr(zip::kEndSize, zip::u16(end, 20)) == zip::kOwnComment;
  const std::uint64_t directory_end = read_zip64(file, tail_offset + last, directory);
  if (directory.count > limits.entries) {
    too_large("more than " + std::to_string(limits.entries) + " entries" + kEntriesSetting);
  }
  const std::uint64_t limit = std::max(kDirectoryLimit, limits.entries * kDirectoryBytesPerEntry);
  if (directory.size > limit) {
    too_large("a directory of more than " + std::to_string(limit) + " bytes" + kEntriesSetting);
  }
  // Info-ZIP's zip -fz writes such archives to a pipe.
  if (directory.offset == zip::kWide32) refuse_damaged("its Zip64 end record is missing");
  if (directory.offset > directory_end || directory_end - directory.offset != directory.size) {
    refuse_damaged("bytes before the archive or between its parts");
  }
  // libzip would try each such place as another end record of the archive.
  const std::uint64_t first = std::max(directory.offset, tail_offset);
  if (tail.find(signature, first - tail_offset) < last)
    refuse_damaged("its directory contains the mark of an end record");
  return directory;
}

}  // namespace vbrain::artifacts
