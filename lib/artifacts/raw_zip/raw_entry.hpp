#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/code_page.hpp"

namespace vbrain::artifacts {

// How the bytes of a name without the UTF-8 flag were read.
enum class NameCharset { kUtf8, kCodePage };

// An entry of the central directory before it becomes an ArchiveEntry.
struct RawEntry {
  ArchiveEntry entry;
  std::string header_name;  // the bytes in the header
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint8_t host = 0;
  std::uint32_t attributes = 0;  // external
  NameCharset charset = NameCharset::kUtf8;
};

// Reads the first entry of `rest`, a piece of the directory, and removes it. The name is decoded and still unchecked; a
// folder's name may end in a slash. Pure.
RawEntry take_entry(std::string_view& rest, CodePage page);

// Refuses what has no content that can be read: encryption, other compressions, links, devices. Says whether the entry
// is a folder, and removes the slash at the end of its name. Pure.
void check_content(RawEntry& raw);

// The local header of an entry, read from its bytes.
struct LocalHeader {
  std::string_view name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t compressed_size = 0;
  std::uint64_t size = 0;
};
// `fixed`: its first 30 bytes, already known to be a local header. `rest`: name and extra field.
LocalHeader read_local_header(std::string_view fixed, std::string_view rest);

}  // namespace vbrain::artifacts
