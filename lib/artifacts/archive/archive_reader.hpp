#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/records/job_file.hpp"
#include "artifacts/store/safe_open.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

struct ArchiveLimits {
  std::uint64_t entries = 65'535;               // more, or twice as many including implied folders: kTooLarge
  std::uint64_t inflated_bytes = 50ULL << 30;   // all entries together; more: kTooLarge
  std::uint64_t file_bytes = 50ULL << 30;       // one entry; more: kTooLarge
  std::uint64_t ratio = 200;                    // inflated : deflated, of an entry and of the archive
  std::uint64_t ratio_from_bytes = 1ULL << 20;  // smaller entries may have any ratio
  std::size_t name_bytes = 255;                 // of one component
  std::size_t depth = 32;                       // components of a name
  std::uint64_t names_bytes = 8ULL << 20;       // all names together; more: kTooLarge
};

struct ArchiveError {
  enum class Kind { kInvalid, kTooLarge };  // 400 and 413
  Kind kind = Kind::kInvalid;
  // For people, fit for an answer's `detail`: constant text with the entry's number, without bytes of the archive.
  std::string reason;
};

struct ArchiveEntry {
  std::string name;  // UTF-8, checked, after unwrapping; a folder's name without the trailing slash
  bool folder = false;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::uint64_t compressed_size = 0;
  std::uint64_t data_offset = 0;
};

struct ArchiveListing {
  std::vector<ArchiveEntry> entries;  // in the order of their data
  std::uint64_t total_bytes = 0;      // declared; extract() verifies it
  bool unwrapped = false;             // the only top-level entry was a folder INPUT (case-insensitive)
};

// Reads the directory of a ZIP (PKWARE APPNOTE 6.3.10, Zip64 included) that a stranger sent, touching no data:
// exactly one end record and nothing before, between or after the entries, one local header for each central one
// and the same name in both, only STORE and DEFLATE, not encrypted, names that are harmless on any system and
// different from each other in any case, only regular files and folders, counts, sizes and ratios within limits. All
// is decided on raw bytes by this one parser, which also extracts: no second reader that could see another archive.
// `fd` must be a seekable regular file that nobody changes (an unlinked spool); its position is not used. Memory:
// a few times the names. Throws VolumeError if reading fails.
Result<ArchiveListing, ArchiveError> inspect(int fd, const ArchiveLimits& limits = {});

// Writes the files below `target` (an empty folder of this upload) and returns them with sizes and digests, in the
// listing's order. Inflated bytes are counted: it never writes more than the declared size; a wrong size or CRC fails
// the whole archive. After an error the caller must remove the content of `target`. Nothing is synced; publishing does
// that.
Result<std::vector<InputFile>, ArchiveError> extract(const ArchiveListing& listing, int fd, const Dir& target);

// Checks that a spooled upload matches its extension: an Office Open XML workbook (a ZIP that inspect() accepts,
// without the limits of sizes and ratio, with [Content_Types].xml), text without NUL and without the first bytes of a
// binary format, or JSON (base::read_json; any size, a BOM allowed).
Result<void, ArchiveError> check_xlsx(int fd);
Result<void, ArchiveError> check_csv(int fd);
Result<void, ArchiveError> check_json(int fd);

// Why a name can't be taken as that of a file below a folder, as constant text; empty if it can. Refused:
// "..", absolute, drive letters, backslashes, controls, bidirectional marks, invalid UTF-8, reserved device
// names, overlong or too many components. For one uploaded file's base name too (`depth` 1).
std::string_view check_entry_name(std::string_view name, std::size_t name_bytes = 255, std::size_t depth = 32);

}  // namespace vbrain::artifacts
