#include "artifacts/raw_zip/raw_entry.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "artifacts/archive/utf8.hpp"
#include "artifacts/archive/zip_format.hpp"
#include "artifacts/raw_zip/advice.hpp"
#include "artifacts/raw_zip/raw_directory.hpp"

namespace vbrain::artifacts {
namespace {

// Flags: encrypted, strongly encrypted, masked headers (APPNOTE 4.4.4).
constexpr std::uint16_t kEncryptedFlags = (1U << 0) | (1U << 6) | (1U << 13);
constexpr std::uint16_t kPatchFlag = 1U << 5;
constexpr std::uint32_t kDosFolder = 0x10;

// APPNOTE 4.4.5.
std::string method_name(std::uint16_t method) {
  constexpr std::array<std::pair<std::uint16_t, const char*>, 12> kNames{{{1, "Shrink"},
                                                                          {6, "Implode"},
                                                                          {9, "Deflate64"},
                                                                          {10, "PKWARE Implode"},
                                                                          {12, "bzip2"},
                                                                          {14, "LZMA"},
                                                                          {20, "Zstandard"},
                                                                          {93, "Zstandard"},
                                                                          {94, "MP3"},
                                                                          {95, "xz"},
                                                                          {97, "WavPack"},
                                                                          {98, "PPMd"}}};
  const auto* found = std::ranges::find(kNames, method, &std::pair<std::uint16_t, const char*>::first);
  return found == kNames.end() ? "method " + std::to_string(method) : found->second;
}

// The sizes and the offset that a Zip64 field replaces; null: not in this kind of header.
struct Sizes {
  std::uint64_t* size = nullptr;
  std::uint64_t* compressed_size = nullptr;
  std::uint64_t* offset = nullptr;
};

struct ExtraFields {
  std::string_view unicode_path;  // with its checksum; empty: none
  std::optional<base::TimePoint> modified;
};

// Returns the number of bytes that no saturated field needs.
std::size_t take_zip64(std::string_view field, const Sizes& sizes) {
  for (std::uint64_t* value : {sizes.size, sizes.compressed_size, sizes.offset}) {
    if (value == nullptr || *value != zip::kWide32) continue;
    if (field.size() < 8) refuse_damaged("its extra field is damaged");
    *value = zip::u64(field, 0);
    field.remove_prefix(8);
  }
  return field.size();
}

std::optional<base::TimePoint> unix_time(std::string_view field) {
  if (field.size() < 5 || (field[0] & 1) == 0) return std::nullopt;
  return base::TimePoint(std::chrono::seconds(static_cast<std::int32_t>(zip::u32(field, 1))));
}

// 100 nanoseconds since 1601.
std::optional<base::TimePoint> ntfs_time(std::string_view field) {
  field.remove_prefix(std::min<std::size_t>(4, field.size()));
  while (field.size() >= 4) {
    const std::size_t length = zip::u16(field, 2);
    if (field.size() - 4 < length) return std::nullopt;
    if (zip::u16(field, 0) == 1 && length >= 8) {
      constexpr std::int64_t kSeconds1601To1970 = 11'644'473'600;
      const auto seconds = static_cast<std::int64_t>(zip::u64(field, 4) / 10'000'000) - kSeconds1601To1970;
      // Within the years that a time on the volume and in its records can have.
      if (seconds < 0 || seconds > 253'402'300'799) return std::nullopt;
      return base::TimePoint(std::chrono::seconds(seconds));
    }
    field.remove_prefix(4 + length);
  }
  return std::nullopt;
}

// MS-DOS has no time zone; UTC is assumed, as this project's writer does. 1980-01-01 stands for "none".
std::optional<base::TimePoint> dos_time(std::uint32_t value) {
  using namespace std::chrono;
  const year_month_day date{year(static_cast<int>(1980 + (value >> 25))), month((value >> 21) & 15),
                            day((value >> 16) & 31)};
  if (!date.ok() || (value >> 16) == 0x21) return std::nullopt;
  const auto hour = (value >> 11) & 31;
  const auto minute = (value >> 5) & 63;
  const auto second = 2 * (value & 31);
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return base::TimePoint(sys_days(date) + hours(hour) + minutes(minute) + seconds(second));
}

ExtraFields read_extra(std::string_view extra, const Sizes& sizes) {
  ExtraFields found;
  std::optional<base::TimePoint> ntfs;
  bool wide = false;
  while (extra.size() >= 4) {
    const std::uint16_t id = zip::u16(extra, 0);
    const std::size_t length = zip::u16(extra, 2);
    if (extra.size() - 4 < length) refuse_damaged("its extra field is damaged");
    const std::string_view field = extra.substr(4, length);
    extra.remove_prefix(4 + length);
    if (id == zip::kZip64Extra) {
      if (std::exchange(wide, true)) refuse_damaged("its extra field is damaged");
      // Of longer fields in the directory, libzip takes only those with all values.
      const bool is_longer = take_zip64(field, sizes) != 0 && field.size() != 24 && field.size() != 28;
      if (is_longer && sizes.offset != nullptr) {
        refuse_damaged("its Zip64 field has more than it needs");
      }
    } else if (id == zip::kUnicodePathExtra && field.size() > 5 && field[0] == 1 && found.unicode_path.empty()) {
      found.unicode_path = field;
    } else if (id == zip::kUnixTimesExtra) {
      found.modified = unix_time(field);
    } else if (id == zip::kNtfsTimesExtra) {
      ntfs = ntfs_time(field);
    }
  }
  if (!found.modified) found.modified = ntfs;
  return found;
}

bool separates_by_backslash(std::uint8_t host) {
  return host == zip::kFatHost || host == zip::kNtfsHost || host == zip::kWindowsHost || host == zip::kVfatHost;
}

// Info-ZIP's Unicode path (APPNOTE 4.6.9): the name in UTF-8 if the header has it in another character set. It counts
// if its checksum says that it belongs to the header's name.
std::string_view unicode_path(const ExtraFields& extra, std::string_view header_name) {
  if (extra.unicode_path.empty()) return {};
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(header_name.data()), static_cast<uInt>(header_name.size()));
  return zip::u32(extra.unicode_path, 1) == crc ? extra.unicode_path.substr(5) : std::string_view();
}

void decode_name(RawEntry& raw, const ExtraFields& extra, CodePage page) {
  const std::string_view path = unicode_path(extra, raw.header_name);
  raw.entry.raw_name = path.empty() ? raw.header_name : path;
  raw.entry.name = raw.entry.raw_name;
  const bool is_flagged = (raw.flags & zip::kUtf8Flag) != 0 || !path.empty();
  // Finder and others write UTF-8 without the flag. Text of a code page is practically never valid UTF-8.
  if (!is_flagged && !is_utf8(raw.entry.name)) {
    raw.entry.name = from_code_page(page, raw.header_name);
    raw.charset = NameCharset::kCodePage;
  }
  if (separates_by_backslash(raw.host)) std::ranges::replace(raw.entry.name, '\\', '/');
  // `tar` and others put the name of the folder that they pack in front.
  while (raw.entry.name.starts_with("./")) raw.entry.name.erase(0, 2);
}

// Only regular files and folders. The upper half of the attributes is a Unix mode, or 0. Some writers put other values
// there; only those that mean a link, a device or a socket are refused.
void check_kind(RawEntry& raw) {
  ArchiveEntry& entry = raw.entry;
  const std::uint32_t mode = raw.attributes >> 16;
  const std::uint32_t type = mode & S_IFMT;
  if (type == S_IFLNK) refuse("a symbolic link; pack the file that it points to, for example with zip without -y");
  if (type == S_IFCHR || type == S_IFBLK) refuse("a device; only files and folders are taken");
  if (type == S_IFSOCK) refuse("a socket; only files and folders are taken");
  const bool no_content = entry.size == 0 && entry.compressed_size <= 2;
  const bool slash = entry.name.ends_with('/');
  const bool root = entry.name.empty() && !entry.raw_name.empty();  // "./"
  const bool dos_folder = type == 0 && separates_by_backslash(raw.host) && (raw.attributes & kDosFolder) != 0;
  entry.folder = slash || root || (no_content && (type == S_IFDIR || dos_folder));
  if (!entry.folder && type == S_IFDIR) refuse("a folder with content; pack it as a file, or without content");
  if (!entry.folder && type == S_IFREG && (mode & (S_ISUID | S_ISGID)) != 0) {
    refuse("a set-uid or set-gid file; remove these bits with chmod ug-s");
  }
  if (slash) entry.name.pop_back();
  // Some writers deflate the empty content of a folder into two bytes.
  if (entry.folder && !no_content) refuse("a folder with content; pack it as a file, or without content");
}

}  // namespace

RawEntry take_entry(std::string_view& rest, CodePage page) {
  if (rest.size() < zip::kCentralHeaderSize || zip::u32(rest, 0) != zip::kCentralHeader) {
    refuse_damaged("the directory is damaged");
  }
  const std::size_t name_size = zip::u16(rest, 28);
  const std::size_t extra_size = zip::u16(rest, 30);
  const std::size_t whole = zip::kCentralHeaderSize + name_size + extra_size + zip::u16(rest, 32);
  if (rest.size() < whole) refuse_damaged("the directory is damaged");
  RawEntry raw;
  raw.host = static_cast<std::uint8_t>(rest[5]);
  raw.flags = zip::u16(rest, 8);
  raw.method = zip::u16(rest, 10);
  raw.entry.crc = zip::u32(rest, 16);
  raw.entry.compressed_size = zip::u32(rest, 20);
  raw.entry.size = zip::u32(rest, 24);
  raw.entry.offset = zip::u32(rest, 42);
  raw.header_name = rest.substr(zip::kCentralHeaderSize, name_size);
  // libzip refuses the whole archive for it.
  if ((raw.flags & zip::kUtf8Flag) != 0 && !is_utf8(rest.substr(whole - zip::u16(rest, 32), zip::u16(rest, 32)))) {
    refuse("its comment is not UTF-8, as its flags say; pack it without a comment");
  }
  raw.attributes = zip::u32(rest, 38);
  if (zip::u16(rest, 34) != 0) refuse("an archive of several parts" + kPackAsOne);
  const ExtraFields extra = read_extra(rest.substr(zip::kCentralHeaderSize + name_size, extra_size),
                                       {&raw.entry.size, &raw.entry.compressed_size, &raw.entry.offset});
  raw.entry.modified = extra.modified ? extra.modified : dos_time(zip::u32(rest, 12));
  raw.entry.deflated = raw.method == zip::kDeflated;
  decode_name(raw, extra, page);
  rest.remove_prefix(whole);
  return raw;
}

void check_content(RawEntry& raw) {
  if ((raw.flags & kEncryptedFlags) != 0) refuse("it is encrypted; pack it without a password");
  if ((raw.flags & kPatchFlag) != 0) refuse("it is a patch for another file; pack the whole file");
  if (raw.method != zip::kStored && raw.method != zip::kDeflated) {
    refuse("it is compressed with " + method_name(raw.method) +
           "; pack it with Deflate or without compression, for example with zip or 7z -tzip -mm=Deflate");
  }
  check_kind(raw);
}

LocalHeader read_local_header(std::string_view fixed, std::string_view rest) {
  LocalHeader header;
  header.flags = zip::u16(fixed, 6);
  header.method = zip::u16(fixed, 8);
  header.crc = zip::u32(fixed, 14);
  header.compressed_size = zip::u32(fixed, 18);
  header.size = zip::u32(fixed, 22);
  header.name = rest.substr(0, zip::u16(fixed, 26));
  if ((header.flags & kEncryptedFlags) != 0) refuse("it is encrypted; pack it without a password");
  read_extra(rest.substr(header.name.size()), {&header.size, &header.compressed_size});
  return header;
}

}  // namespace vbrain::artifacts
