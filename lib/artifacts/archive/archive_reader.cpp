#include "artifacts/archive/archive_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "artifacts/archive/name_tree.hpp"
#include "artifacts/archive/zip_format.hpp"
#include "base/io.hpp"

namespace vbrain::artifacts {
namespace {

using Kind = ArchiveError::Kind;

constexpr std::uint64_t kDirectoryLimit = 64U << 20;
// The size of a directory entry with all fields at maximum length, and a chunk size that holds more than one.
constexpr std::size_t kLargestCentral = zip::kCentralHeaderSize + 3 * 0xFFFF;
constexpr std::uint64_t kDirectoryPiece = 256U << 10;
constexpr std::uint32_t kWide32 = 0xFFFFFFFF;
constexpr std::uint16_t kWide16 = 0xFFFF;
// Flags: encrypted, patched, strongly encrypted, masked headers (APPNOTE 4.4.4).
constexpr std::uint16_t kForbiddenFlags = (1U << 0) | (1U << 5) | (1U << 6) | (1U << 13);

struct Refused {
  ArchiveError error;
};

[[noreturn]] void refuse(std::string reason) {
  throw Refused{{Kind::kInvalid, std::move(reason)}};
}
[[noreturn]] void too_large(std::string reason) {
  throw Refused{{Kind::kTooLarge, std::move(reason)}};
}

// A central directory entry before it becomes an ArchiveEntry.
struct Draft {
  ArchiveEntry entry;
  std::string raw_name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint64_t offset = 0;  // of the local header
};

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

class Inspector {
 public:
  Inspector(int fd, const ArchiveLimits& limits) : fd_(fd), limits_(limits) {}

  ArchiveListing run() {
    struct stat found {};
    if (fstat(fd_, &found) != 0) throw VolumeError(errno, "stat an archive");
    size_ = static_cast<std::uint64_t>(found.st_size);
    directory_ = find_directory();
    read_directory();
    check_local_headers();
    check_sizes();
    return finish();
  }

 private:
  std::string read(std::uint64_t offset, std::uint64_t length) const {
    if (offset > size_ || length > size_ - offset) refuse("the archive is cut short");
    std::string bytes(length, '\0');
    const ssize_t got = base::read_full_at(fd_, bytes, offset);
    if (got < 0) throw VolumeError(errno, "read an archive");
    if (static_cast<std::size_t>(got) < bytes.size()) refuse("the archive is cut short");
    return bytes;
  }

  // The end record must be the file's last bytes, and no other bytes may be readable as an end record. If two readers
  // could choose different records, the archive is refused.
  Directory find_directory() {
    if (size_ < zip::kEndSize) refuse("not a ZIP archive");
    const std::uint64_t tail_size = std::min<std::uint64_t>(size_, zip::kEndSize + 0xFFFF);
    const std::string tail = read(size_ - tail_size, tail_size);
    const std::string_view signature("PK\5\6", 4);
    const auto ends_here = [&](std::size_t at) {
      return at + zip::kEndSize <= tail.size() && at + zip::kEndSize + zip::u16(tail, at + 20) == tail.size();
    };
    const std::size_t last = tail.rfind(signature);
    if (last == tail.npos) refuse("not a ZIP archive");
    if (!ends_here(last)) refuse("bytes after the end of the archive");
    for (std::size_t at = tail.find(signature); at < last; at = tail.find(signature, at + 1)) {
      if (ends_here(at)) refuse("two end records");
    }
    const std::string_view end = std::string_view(tail).substr(last);
    if (zip::u16(end, 4) != 0 || zip::u16(end, 6) != 0 || zip::u16(end, 8) != zip::u16(end, 10)) {
      refuse("an archive of several parts");
    }
    Directory directory{zip::u32(end, 16), zip::u32(end, 12), zip::u16(end, 10)};
    const std::uint64_t end_offset = size_ - tail_size + last;
    const std::uint64_t directory_end = read_zip64(end_offset, directory);
    if (directory.count > limits_.entries) too_large("more than " + std::to_string(limits_.entries) + " entries");
    if (directory.size > kDirectoryLimit) too_large("a directory of more than 64 MiB");
    if (directory.offset > directory_end || directory_end - directory.offset != directory.size) {
      refuse("bytes before the archive or between its parts");
    }
    return directory;
  }

  // Reads the Zip64 records and returns where the directory must end.
  std::uint64_t read_zip64(std::uint64_t end_offset, Directory& directory) const {
    if (end_offset < zip::kEnd64LocatorSize + zip::kEnd64Size) return end_offset;
    const std::string locator = read(end_offset - zip::kEnd64LocatorSize, zip::kEnd64LocatorSize);
    if (zip::u32(locator, 0) != zip::kEnd64Locator) return end_offset;
    const std::uint64_t offset = end_offset - zip::kEnd64LocatorSize - zip::kEnd64Size;
    const std::string end = read(offset, zip::kEnd64Size);
    if (zip::u32(locator, 4) != 0 || zip::u32(locator, 16) > 1) refuse("an archive of several parts");
    if (zip::u64(locator, 8) != offset || zip::u32(end, 0) != zip::kEnd64 || zip::u64(end, 4) != 44) {
      refuse("the Zip64 end record is not where it should be");
    }
    if (zip::u32(end, 16) != 0 || zip::u32(end, 20) != 0 || zip::u64(end, 24) != zip::u64(end, 32)) {
      refuse("an archive of several parts");
    }
    const auto take = [](std::uint64_t& value, std::uint64_t wide, std::uint64_t saturated) {
      if (value != saturated && value != wide) refuse("the two end records contradict each other");
      value = wide;
    };
    take(directory.count, zip::u64(end, 32), kWide16);
    take(directory.size, zip::u64(end, 40), kWide32);
    take(directory.offset, zip::u64(end, 48), kWide32);
    return offset;
  }

  void read_directory() {
    if (directory_.count > directory_.size / zip::kCentralHeaderSize) refuse("the directory is cut short");
    drafts_.reserve(directory_.count);
    // Read in chunks: comments and extra fields are not kept.
    std::uint64_t at = directory_.offset;
    const std::uint64_t end = directory_.offset + directory_.size;
    std::string piece;
    std::string_view rest;
    std::uint64_t names_bytes = 0;
    NameTree names;
    for (std::uint64_t i = 0; i < directory_.count; ++i) {
      if (rest.size() < kLargestCentral && at < end) {
        const std::uint64_t more = std::min(kDirectoryPiece, end - at);
        piece = std::string(rest) + read(at, more);
        rest = piece;
        at += more;
      }
      Draft draft = read_central(rest);
      names_bytes += std::max(draft.raw_name.size(), draft.entry.name.size());
      if (names_bytes > limits_.names_bytes) {
        too_large("names of more than " + std::to_string(limits_.names_bytes) + " bytes together");
      }
      const std::string where = "entry " + std::to_string(i + 1) + ": ";
      const auto problem = check_entry_name(draft.entry.name, limits_.name_bytes, limits_.depth);
      if (!problem.empty()) refuse(where + std::string(problem));
      const auto clash = names.add(draft.entry.name, draft.entry.folder);
      if (!clash.empty()) refuse(where + std::string(clash));
      // A folder that is only part of a name counts like one with its own entry.
      if (names.size() > 2 * limits_.entries) {
        too_large("more than " + std::to_string(2 * limits_.entries) + " files and folders");
      }
      drafts_.push_back(std::move(draft));
    }
    if (!rest.empty() || at != end) refuse("the directory has more than the entries it counts");
  }

  Draft read_central(std::string_view& rest) const {
    const std::string where = "entry " + std::to_string(drafts_.size() + 1) + ": ";
    if (rest.size() < zip::kCentralHeaderSize || zip::u32(rest, 0) != zip::kCentralHeader) {
      refuse(where + "the directory is damaged");
    }
    const std::size_t name_size = zip::u16(rest, 28);
    const std::size_t extra_size = zip::u16(rest, 30);
    const std::size_t whole = zip::kCentralHeaderSize + name_size + extra_size + zip::u16(rest, 32);
    if (rest.size() < whole) refuse(where + "the directory is damaged");
    Draft draft;
    draft.flags = zip::u16(rest, 8);
    draft.method = zip::u16(rest, 10);
    draft.entry.crc = zip::u32(rest, 16);
    draft.entry.compressed_size = zip::u32(rest, 20);
    draft.entry.size = zip::u32(rest, 24);
    draft.offset = zip::u32(rest, 42);
    draft.raw_name = rest.substr(zip::kCentralHeaderSize, name_size);
    if (zip::u16(rest, 34) != 0) refuse(where + "an archive of several parts");
    if ((draft.flags & kForbiddenFlags) != 0) refuse(where + "it is encrypted");
    if (draft.method != zip::kStored && draft.method != zip::kDeflated) {
      refuse(where + "its compression is neither STORE nor DEFLATE");
    }
    const std::string_view extra = rest.substr(zip::kCentralHeaderSize + name_size, extra_size);
    draft.entry.name = draft.raw_name;
    read_extra(extra, draft, where);
    check_kind(zip::u32(rest, 38), draft.entry, where);
    draft.entry.deflated = draft.method == zip::kDeflated;
    rest.remove_prefix(whole);
    return draft;
  }

  static void read_extra(std::string_view extra, Draft& draft, const std::string& where) {
    bool wide = false;
    while (extra.size() >= 4) {
      const std::uint16_t id = zip::u16(extra, 0);
      const std::size_t length = zip::u16(extra, 2);
      if (extra.size() - 4 < length) refuse(where + "its extra field is damaged");
      std::string_view field = extra.substr(4, length);
      extra.remove_prefix(4 + length);
      if (id == zip::kZip64Extra) {
        if (std::exchange(wide, true)) refuse(where + "its extra field is damaged");
        for (std::uint64_t* value : {&draft.entry.size, &draft.entry.compressed_size, &draft.offset}) {
          if (*value != kWide32) continue;
          if (field.size() < 8) refuse(where + "its extra field is damaged");
          *value = zip::u64(field, 0);
          field.remove_prefix(8);
        }
      }
      // Info-ZIP's Unicode path (APPNOTE 4.6.9): the name in UTF-8 if the header has it in a local character set.
      if (id == zip::kUnicodePathExtra && field.size() > 5 && field[0] == 1) {
        const auto crc =
            crc32(0, reinterpret_cast<const Bytef*>(draft.raw_name.data()), static_cast<uInt>(draft.raw_name.size()));
        if (zip::u32(field, 1) == crc) draft.entry.name = field.substr(5);
      }
    }
  }

  // Only regular files and folders. The upper half of the attributes is a Unix mode, or 0.
  static void check_kind(std::uint32_t attributes, ArchiveEntry& entry, const std::string& where) {
    const std::uint32_t mode = attributes >> 16;
    const std::uint32_t type = mode & S_IFMT;
    const bool slash = entry.name.ends_with('/');
    if (type != 0 && type != S_IFREG && type != S_IFDIR) refuse(where + "neither a file nor a folder");
    if ((type == S_IFDIR && !slash) || (type == S_IFREG && slash)) refuse(where + "a file named like a folder");
    if ((mode & (S_ISUID | S_ISGID)) != 0 && type != S_IFDIR) refuse(where + "a set-uid or set-gid file");
    entry.folder = slash;
    if (!slash) return;
    entry.name.pop_back();
    // Some writers deflate the empty content of a folder into two bytes.
    if (entry.size != 0 || entry.compressed_size > 2) refuse(where + "a folder with content");
  }

  // Local headers, data and descriptors must cover the file from its first byte to the directory, each byte exactly
  // once.
  void check_local_headers() {
    std::sort(drafts_.begin(), drafts_.end(), [](const Draft& a, const Draft& b) { return a.offset < b.offset; });
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
      if (drafts_[i].offset != expected) {
        refuse(i == 0 ? "bytes before the first entry" : "entries overlap or have bytes between them");
      }
      expected = i + 1 < drafts_.size() ? drafts_[i + 1].offset : directory_.offset;
      check_local_header(drafts_[i], expected);
    }
    if (expected != directory_.offset) refuse("bytes before the directory");
  }

  void check_local_header(Draft& draft, std::uint64_t next) const {
    const std::string fixed = read(draft.offset, zip::kLocalHeaderSize);
    if (zip::u32(fixed, 0) != zip::kLocalHeader) refuse("an entry has no local header");
    const std::size_t name_size = zip::u16(fixed, 26);
    const std::size_t extra_size = zip::u16(fixed, 28);
    if (name_size != draft.raw_name.size()) refuse("a local header and the directory differ in a name");
    const std::string rest = read(draft.offset + zip::kLocalHeaderSize, name_size + extra_size);
    if (rest.compare(0, name_size, draft.raw_name) != 0) refuse("a local header and the directory differ in a name");
    constexpr std::uint16_t kSameFlags = kForbiddenFlags | zip::kDescriptorFlag | zip::kUtf8Flag;
    if (((zip::u16(fixed, 6) ^ draft.flags) & kSameFlags) != 0 || zip::u16(fixed, 8) != draft.method) {
      refuse("a local header and the directory differ");
    }
    Draft local;
    local.entry.crc = zip::u32(fixed, 14);
    local.entry.compressed_size = zip::u32(fixed, 18);
    local.entry.size = zip::u32(fixed, 22);
    read_extra(std::string_view(rest).substr(name_size), local, "a local header: ");
    const bool same = local.entry.crc == draft.entry.crc && local.entry.size == draft.entry.size &&
                      local.entry.compressed_size == draft.entry.compressed_size;
    const bool none = local.entry.crc == 0 && local.entry.size == 0 && local.entry.compressed_size == 0;
    const bool later = (draft.flags & zip::kDescriptorFlag) != 0;
    if (!same && !(later && none)) refuse("a local header and the directory differ in sizes or checksum");

    draft.entry.data_offset = draft.offset + zip::kLocalHeaderSize + name_size + extra_size;
    if (draft.entry.data_offset > next || draft.entry.compressed_size > next - draft.entry.data_offset) {
      refuse("entries overlap");
    }
    const std::uint64_t data_end = draft.entry.data_offset + draft.entry.compressed_size;
    check_descriptor(draft, data_end, next - data_end, later && !same);
  }

  void check_descriptor(const Draft& draft, std::uint64_t at, std::uint64_t size, bool required) const {
    const bool allowed = (draft.flags & zip::kDescriptorFlag) != 0;
    if (size == 0 && !required) return;
    const bool has_signature = size == 16 || size == 24;
    if (!allowed || (!has_signature && size != 12 && size != 20)) refuse("bytes between entries");
    std::string bytes = read(at, size);
    std::string_view rest = bytes;
    if (has_signature) {
      if (zip::u32(rest, 0) != zip::kDescriptor) refuse("bytes between entries");
      rest.remove_prefix(4);
    }
    const bool wide = rest.size() == 20;
    const std::uint64_t compressed = wide ? zip::u64(rest, 4) : zip::u32(rest, 4);
    const std::uint64_t inflated = wide ? zip::u64(rest, 12) : zip::u32(rest, 8);
    if (zip::u32(rest, 0) != draft.entry.crc || compressed != draft.entry.compressed_size ||
        inflated != draft.entry.size) {
      refuse("a data descriptor and the directory differ");
    }
  }

  bool is_bomb(std::uint64_t inflated, std::uint64_t deflated) const {
    return inflated > limits_.ratio_from_bytes && inflated / limits_.ratio >= deflated &&
           (inflated / limits_.ratio > deflated || inflated % limits_.ratio != 0);
  }

  void check_sizes() {
    for (const Draft& draft : drafts_) {
      const ArchiveEntry& entry = draft.entry;
      if (!entry.deflated && entry.size != entry.compressed_size) refuse("a stored entry with two sizes");
      if (entry.deflated && entry.compressed_size == 0) refuse("a deflated entry without data");
      if (entry.size > limits_.file_bytes) too_large("a file is larger than allowed");
      if (is_bomb(entry.size, entry.compressed_size)) {
        too_large("a file inflates more than " + std::to_string(limits_.ratio) + ":1");
      }
      if (entry.size > limits_.inflated_bytes - total_) too_large("its files are larger than allowed together");
      total_ += entry.size;
    }
    if (is_bomb(total_, size_)) too_large("it inflates more than " + std::to_string(limits_.ratio) + ":1");
  }

  ArchiveListing finish() {
    ArchiveListing listing;
    listing.total_bytes = total_;
    for (Draft& draft : drafts_) listing.entries.push_back(std::move(draft.entry));
    unwrap(listing);
    return listing;
  }

  // Archives come with and without a folder INPUT around all files.
  static void unwrap(ArchiveListing& listing) {
    constexpr std::string_view kFolder = "input";
    if (listing.entries.empty()) return;
    for (const ArchiveEntry& entry : listing.entries) {
      const auto slash = entry.name.find('/');
      if (slash == std::string::npos && !entry.folder) return;
      if (fold_case(std::string_view(entry.name).substr(0, slash)) != kFolder) return;
    }
    std::erase_if(listing.entries, [](const ArchiveEntry& entry) { return entry.name.find('/') == std::string::npos; });
    for (ArchiveEntry& entry : listing.entries) entry.name.erase(0, kFolder.size() + 1);
    listing.unwrapped = true;
  }

  int fd_;
  const ArchiveLimits& limits_;
  std::uint64_t size_ = 0;
  Directory directory_;
  std::vector<Draft> drafts_;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<ArchiveListing, ArchiveError> inspect(int fd, const ArchiveLimits& limits) {
  try {
    return Inspector(fd, limits).run();
  } catch (Refused& refused) {
    return Unexpected<ArchiveError>(std::move(refused.error));
  }
}

}  // namespace vbrain::artifacts
