#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/archive/code_page.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/records/job_file.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

struct ArchiveLimits {
  std::uint64_t entries = 65'535;               // more, or twice as many including implied folders: kTooLarge
  std::uint64_t inflated_bytes = 50ULL << 30;   // all entries together; more: kTooLarge
  std::uint64_t file_bytes = 50ULL << 30;       // one entry; more: kTooLarge
  std::uint64_t ratio = 0;                      // inflated : deflated, of an entry and of the archive; 0: any
  std::uint64_t ratio_from_bytes = 1ULL << 20;  // smaller entries may have any ratio
  std::size_t name_bytes = 255;                 // of one component
  std::size_t depth = 32;                       // components of a name
  std::uint64_t names_bytes = 8ULL << 20;       // all names together; more: kTooLarge
  CodePage code_page = CodePage::k437;          // of names without the UTF-8 flag that are not UTF-8
};

struct ArchiveError {
  enum class Kind { kInvalid, kTooLarge };  // 400 and 413
  Kind kind = Kind::kInvalid;
  // For people, fit for an answer's `detail`: the entry's number, what is wrong and what to do. It repeats no name
  // that check_entry_name() refuses.
  std::string reason;
};

struct ArchiveEntry {
  std::string name;         // UTF-8, checked, after unwrapping; a folder's name without the trailing slash
  std::string raw_name;     // the bytes in the directory, or Info-ZIP's Unicode path in their place
  std::uint64_t index = 0;  // in the directory, from 0
  bool folder = false;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::uint64_t compressed_size = 0;
  std::uint64_t offset = 0;  // of the local header
  std::uint64_t data_offset = 0;
  std::optional<base::TimePoint> modified;  // seconds; absent if the archive says none
};

struct ArchiveListing {
  std::vector<ArchiveEntry> entries;  // in the order of their data
  std::vector<ArchiveEntry>
      left_out;                   // marks of Finder and Explorer (raw_zip/foreign_files.hpp); their names are unchecked
  std::uint64_t count = 0;        // of entries in the directory
  std::uint64_t total_bytes = 0;  // declared, of `entries`; extract() verifies it
  std::uint64_t directory_offset = 0;
  std::uint64_t archive_end = 0;  // the archive's size without zero bytes behind it
  bool unwrapped = false;         // the only top-level entry was a folder INPUT (case-insensitive)
  // Sentences for the sender about what was decided: left out files, the character set of names.
  std::vector<std::string> notes;

  // The folders without entries below them, in the order of their names.
  std::vector<std::string> empty_folders() const;
};

// Reads the directory of a ZIP (PKWARE APPNOTE 6.3.10, Zip64 included) that a stranger sent, touching no data:
// exactly one end record and nothing but zero bytes behind it, nothing before or between the entries, one local header
// for each central one and the same name in both, only STORE and DEFLATE, not encrypted, names that are harmless and
// different from each other, only regular files and folders, counts and sizes within limits. What real writers do
// differently is taken: see docs/api.md. `fd` must be a seekable regular file that nobody changes (an unlinked spool);
// its position is not used. Memory: a few times the names. Throws VolumeError if reading fails.
Result<ArchiveListing, ArchiveError> inspect(int fd, const ArchiveLimits& limits = {});

// Writes the files below `target` (an empty folder of this upload), with their times, and returns them with sizes and
// digests, in the listing's order. libzip unpacks. It must find the same entries as `listing` has, with the same names
// and sizes, and read each from the same place; else the archive is refused. Inflated bytes are counted: it never
// writes more than the declared size; a wrong size or CRC fails the whole archive. After an error the caller must
// remove the content of `target`. Nothing is synced; publishing does that.
Result<std::vector<InputFile>, ArchiveError> extract(const ArchiveListing& listing, int fd, const Dir& target);

// Checks that a spooled upload matches its extension: an Office Open XML workbook (a ZIP that inspect() accepts,
// without the limits of sizes and ratio, with [Content_Types].xml), text without NUL and without the first bytes of a
// binary format, or JSON (base::read_json; any size, a BOM allowed).
Result<void, ArchiveError> check_xlsx(int fd);
Result<void, ArchiveError> check_csv(int fd);
Result<void, ArchiveError> check_json(int fd);

// Why a name can't be that of a file in an archive, on the way in and on the way out, as constant text; empty if it
// can. Refused: "..", absolute, a drive letter as first folder, backslashes, controls, overrides of the direction of
// text, line breaks, invalid UTF-8, overlong or too many components. Names that only other systems reserve (aux.csv,
// a:b.csv) are taken. For one uploaded file's base name too (`depth` 1).
std::string_view check_entry_name(std::string_view name, std::size_t name_bytes = 255, std::size_t depth = 32);

}  // namespace vbrain::artifacts
