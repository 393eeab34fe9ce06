#include "artifacts/archive/archive_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "artifacts/archive/name_tree.hpp"
#include "artifacts/archive/utf8.hpp"
#include "artifacts/archive/zip_format.hpp"
#include "artifacts/raw_zip/advice.hpp"
#include "artifacts/raw_zip/foreign_files.hpp"
#include "artifacts/raw_zip/raw_directory.hpp"
#include "artifacts/raw_zip/raw_entry.hpp"

namespace vbrain::artifacts {
namespace {

// The size of a directory entry with all fields at maximum length, and a chunk size that holds more than one.
constexpr std::size_t kLargestCentral = zip::kCentralHeaderSize + 3 * 0xFFFF;
constexpr std::uint64_t kDirectoryPiece = 256U << 10;
constexpr std::size_t kShownName = 120;
// Among 65,535 names four with the same hash are already improbable.
constexpr unsigned kAlikeHashes = 32;

// The entry for a message: its number, and its name if that is harmless.
std::string where(const RawEntry& raw) {
  std::string text = "entry " + std::to_string(raw.entry.index + 1);
  if (check_entry_name(raw.entry.name).empty()) text += " (" + printable(raw.entry.name, kShownName) + ")";
  return text + ": ";
}

// Calls `check`, and puts the entry in front of the reason if it refuses.
template <class Check>
auto at_entry(const RawEntry& raw, const Check& check) {
  try {
    return check();
  } catch (Refused& refused) {
    refused.error.reason = where(raw) + refused.error.reason;
    throw;
  }
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

class Inspector {
 public:
  Inspector(int fd, std::uint64_t size, const ArchiveLimits& limits) : file_(fd, size), limits_(limits) {}

  ArchiveListing run() {
    directory_ = find_directory(file_, limits_);
    read_directory();
    foreign_ = directory_.own ? std::vector<bool>(entries_.size()) : find_foreign_files(entries_);
    check_names();
    check_hashes();
    check_local_headers();
    return finish();
  }

 private:
  void read_directory() {
    if (directory_.count > directory_.size / zip::kCentralHeaderSize) refuse_damaged("the directory is cut short");
    entries_.reserve(directory_.count);
    // Read in chunks: comments and extra fields are not kept.
    std::uint64_t at = directory_.offset;
    const std::uint64_t end = directory_.offset + directory_.size;
    std::string piece;
    std::string_view rest;
    std::uint64_t names_bytes = 0;
    for (std::uint64_t i = 0; i < directory_.count; ++i) {
      if (rest.size() < kLargestCentral && at < end) {
        const std::uint64_t more = std::min(kDirectoryPiece, end - at);
        piece = std::string(rest) + file_.read(at, more);
        rest = piece;
        at += more;
      }
      RawEntry unread;
      unread.entry.index = i;
      RawEntry raw = at_entry(unread, [&] { return take_entry(rest, limits_.code_page); });
      raw.entry.index = i;
      at_entry(raw, [&] { check_content(raw); });
      names_bytes += std::max(raw.header_name.size(), raw.entry.name.size());
      if (names_bytes > limits_.names_bytes) {
        too_large("names of more than " + std::to_string(limits_.names_bytes) + " bytes together" + kEntriesSetting);
      }
      entries_.push_back(std::move(raw));
    }
    if (!rest.empty() || at != end) refuse_damaged("the directory has more than the entries it counts");
  }

  void check_names() {
    NameTree names;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const RawEntry& raw = entries_[i];
      if (foreign_[i] || is_root(raw.entry)) continue;
      at_entry(raw, [&] {
        const auto problem = check_entry_name(raw.entry.name, limits_.name_bytes, limits_.depth);
        if (!problem.empty()) refuse(std::string(problem) + kRename);
        const auto clash = names.add(raw.entry.name, raw.entry.folder);
        if (!clash.empty()) refuse(std::string(clash) + "; rename one of the two, or leave it out");
      });
      // A folder that is only part of a name counts like one with its own entry.
      if (names.size() > 2 * limits_.entries) {
        too_large("more than " + std::to_string(2 * limits_.entries) + " files and folders" + kEntriesSetting);
      }
    }
  }

  // libzip keeps the names in a hash table with this function (its _zip_hash_add). Names that were chosen to have one
  // hash would cost it the square of their number.
  void check_hashes() const {
    std::unordered_map<std::uint32_t, unsigned> counts;
    for (const RawEntry& raw : entries_) {
      std::uint32_t hash = 5381;
      for (const char c : raw.entry.raw_name) hash = hash * 33 + static_cast<unsigned char>(c);
      if (++counts[hash] > kAlikeHashes) {
        at_entry(raw, [] { refuse("its name was chosen to slow down a reader; give the files other names"); });
      }
    }
  }

  // "./": the folder that was packed.
  static bool is_root(const ArchiveEntry& entry) {
    return entry.folder && entry.name.empty() && entry.raw_name.starts_with('.');
  }

  // An archive that was to be split and fits into one part begins with a marker (APPNOTE 8.5.3, 8.5.4): `zip -s 1g`.
  std::uint64_t marker_size() const {
    const std::string first = file_.read(0, zip::kSplitMarkerSize);
    return first == zip::kSplitMarker || first == zip::kOnePartMarker ? zip::kSplitMarkerSize : 0;
  }

  // Local headers, data and descriptors must cover the file from its first byte to the directory, each byte exactly
  // once.
  void check_local_headers() {
    std::vector<RawEntry*> order;
    order.reserve(entries_.size());
    for (RawEntry& raw : entries_) order.push_back(&raw);
    std::ranges::sort(order, {}, [](const RawEntry* raw) { return raw->entry.offset; });
    std::uint64_t expected = marker_size();
    for (std::size_t i = 0; i < order.size(); ++i) {
      at_entry(*order[i], [&] {
        if (order[i]->entry.offset != expected) {
          refuse_damaged(i == 0 ? "bytes before the first entry" : "entries overlap or have bytes between them");
        }
        expected = i + 1 < order.size() ? order[i + 1]->entry.offset : directory_.offset;
        check_local_header(*order[i], expected);
      });
    }
    if (expected != directory_.offset) refuse_damaged("bytes before the directory");
  }

  void check_local_header(RawEntry& raw, std::uint64_t next) const {
    ArchiveEntry& entry = raw.entry;
    const std::string fixed = file_.read(entry.offset, zip::kLocalHeaderSize);
    if (zip::u32(fixed, 0) != zip::kLocalHeader) refuse_damaged("it has no local header");
    const std::size_t rest_size = std::size_t{zip::u16(fixed, 26)} + zip::u16(fixed, 28);
    if (zip::u16(fixed, 26) != raw.header_name.size())
      refuse_damaged("its local header and the directory differ in the name");
    const std::string rest = file_.read(entry.offset + zip::kLocalHeaderSize, rest_size);
    const LocalHeader local = read_local_header(fixed, rest);
    if (local.name != raw.header_name) refuse_damaged("its local header and the directory differ in the name");
    const bool same_charset = ((local.flags ^ raw.flags) & zip::kUtf8Flag) == 0;
    if (!same_charset && raw.entry.name != raw.header_name) {
      refuse_damaged("its local header and the directory differ in the character set of the name");
    }
    if (local.method != raw.method) refuse_damaged("its local header and the directory differ in the compression");
    // With the flag, a field of the local header may be 0, because the values follow the data; many writers fill in
    // those that they know already.
    const bool later = ((local.flags | raw.flags) & zip::kDescriptorFlag) != 0;
    const auto agrees = [later](std::uint64_t mine, std::uint64_t told) {
      return mine == told || (later && (mine == 0 || mine == zip::kWide32));
    };
    if (!(local.crc == entry.crc || (later && local.crc == 0)) || !agrees(local.size, entry.size) ||
        !agrees(local.compressed_size, entry.compressed_size)) {
      refuse_damaged("its local header and the directory differ in sizes or checksum");
    }
    const bool complete =
        local.crc == entry.crc && local.size == entry.size && local.compressed_size == entry.compressed_size;

    entry.data_offset = entry.offset + zip::kLocalHeaderSize + rest_size;
    if (entry.data_offset > next || entry.compressed_size > next - entry.data_offset) refuse_damaged("entries overlap");
    const std::uint64_t data_end = entry.data_offset + entry.compressed_size;
    check_descriptor(entry, data_end, next - data_end, later, later && !complete);
  }

  void check_descriptor(const ArchiveEntry& entry, std::uint64_t at, std::uint64_t size, bool allowed,
                        bool required) const {
    if (size == 0 && !required) return;
    const bool has_signature = size == 16 || size == 24;
    if (!allowed || (!has_signature && size != 12 && size != 20)) refuse_damaged("bytes between entries");
    const std::string bytes = file_.read(at, size);
    std::string_view rest = bytes;
    if (has_signature) {
      if (zip::u32(rest, 0) != zip::kDescriptor) refuse_damaged("bytes between entries");
      rest.remove_prefix(4);
    }
    const bool wide = rest.size() == 20;
    const std::uint64_t compressed = wide ? zip::u64(rest, 4) : zip::u32(rest, 4);
    const std::uint64_t inflated = wide ? zip::u64(rest, 12) : zip::u32(rest, 8);
    if (zip::u32(rest, 0) != entry.crc || compressed != entry.compressed_size || inflated != entry.size) {
      refuse_damaged("its data descriptor and the directory differ");
    }
  }

  bool is_bomb(std::uint64_t inflated, std::uint64_t deflated) const {
    if (limits_.ratio == 0) return false;
    return inflated > limits_.ratio_from_bytes && inflated / limits_.ratio >= deflated &&
           (inflated / limits_.ratio > deflated || inflated % limits_.ratio != 0);
  }

  void check_sizes(const ArchiveEntry& entry, std::uint64_t total) const {
    if (!entry.deflated && entry.size != entry.compressed_size) refuse_damaged("a stored entry with two sizes");
    if (entry.deflated && entry.compressed_size == 0) refuse_damaged("a deflated entry without data");
    if (entry.size > limits_.file_bytes) {
      too_large("it is larger than " + std::to_string(limits_.file_bytes) + " bytes when it is unpacked" +
                kInflatedSetting);
    }
    if (is_bomb(entry.size, entry.compressed_size)) {
      too_large("it inflates more than " + std::to_string(limits_.ratio) + ":1" + kRatioSetting);
    }
    if (entry.size > limits_.inflated_bytes - total) {
      too_large("up to here the files have more than " + std::to_string(limits_.inflated_bytes) +
                " bytes when they are unpacked" + kInflatedSetting);
    }
  }

  ArchiveListing finish() {
    ArchiveListing listing;
    listing.count = directory_.count;
    listing.directory_offset = directory_.offset;
    listing.archive_end = directory_.archive_end;
    std::size_t in_code_page = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      RawEntry& raw = entries_[i];
      at_entry(raw, [&] { check_sizes(raw.entry, listing.total_bytes); });
      if (is_root(raw.entry)) continue;
      if (foreign_[i]) {
        listing.left_out.push_back(std::move(raw.entry));
        continue;
      }
      listing.total_bytes += raw.entry.size;
      if (raw.charset == NameCharset::kCodePage) ++in_code_page;
      listing.entries.push_back(std::move(raw.entry));
    }
    if (is_bomb(listing.total_bytes, file_.size())) {
      too_large("it inflates more than " + std::to_string(limits_.ratio) + ":1" + kRatioSetting);
    }
    std::ranges::sort(listing.entries, {}, &ArchiveEntry::offset);
    if (!directory_.own) unwrap(listing);
    note(listing, in_code_page);
    return listing;
  }

  void note(ArchiveListing& listing, std::size_t in_code_page) const {
    if (!listing.left_out.empty()) {
      listing.notes.push_back(counted(listing.left_out.size(), "entry", "entries") +
                              " of macOS or Windows left out (__MACOSX, .DS_Store, ._ files, Thumbs.db, desktop.ini)");
    }
    if (in_code_page > 0) {
      listing.notes.push_back(counted(in_code_page, "name", "names") + " without the UTF-8 flag read as code page " +
                              (limits_.code_page == CodePage::k437 ? "437" : "850"));
    }
  }

  // Archives come with and without a folder INPUT around all files.
  static void unwrap(ArchiveListing& listing) {
    constexpr std::string_view kFolder = "input";
    if (listing.entries.empty()) return;
    const std::string first = listing.entries[0].name;
    const std::string_view folder = std::string_view(first).substr(0, first.find('/'));
    const bool is_input = std::ranges::equal(
        folder, kFolder, {}, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_input) return;
    for (const ArchiveEntry& entry : listing.entries) {
      const auto slash = entry.name.find('/');
      if (slash == std::string::npos && !entry.folder) return;
      if (std::string_view(entry.name).substr(0, slash) != folder) return;
    }
    std::erase_if(listing.entries, [](const ArchiveEntry& entry) { return entry.name.find('/') == std::string::npos; });
    for (ArchiveEntry& entry : listing.entries) {
      entry.name.erase(0, kFolder.size() + 1);
      const auto problem = check_entry_name(entry.name);
      if (!problem.empty()) refuse("entry " + std::to_string(entry.index + 1) + ": " + std::string(problem) + kRename);
    }
    listing.unwrapped = true;
  }

  const RawFile file_;
  const ArchiveLimits& limits_;
  RawDirectory directory_;
  std::vector<RawEntry> entries_;  // in the order of the directory
  std::vector<bool> foreign_;      // of each entry
};

}  // namespace

std::vector<std::string> ArchiveListing::empty_folders() const {
  std::vector<std::string> folders;
  std::vector<std::string_view> names;
  for (const ArchiveEntry& entry : entries) names.push_back(entry.name);
  std::ranges::sort(names);
  for (const ArchiveEntry& entry : entries) {
    if (!entry.folder) continue;
    const std::string below = entry.name + "/";
    const auto next = std::ranges::lower_bound(names, below);
    if (next == names.end() || !next->starts_with(below)) folders.push_back(entry.name);
  }
  std::ranges::sort(folders);
  return folders;
}

Result<ArchiveListing, ArchiveError> inspect(int fd, const ArchiveLimits& limits) {
  struct stat found {};
  if (fstat(fd, &found) != 0) throw VolumeError(errno, "stat an archive");
  try {
    return Inspector(fd, static_cast<std::uint64_t>(found.st_size), limits).run();
  } catch (Refused& refused) {
    return Unexpected<ArchiveError>(std::move(refused.error));
  }
}

}  // namespace vbrain::artifacts
