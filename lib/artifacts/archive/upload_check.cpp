#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/file_format.hpp"
#include "artifacts/files/file_blocks.hpp"
#include "base/json/json_reader.hpp"

namespace vbrain::artifacts {
namespace {

Unexpected<ArchiveError> invalid(std::string reason) {
  return Unexpected<ArchiveError>(ArchiveError{ArchiveError::Kind::kInvalid, std::move(reason)});
}

// What a text file is refused for, by its first bytes; empty: nothing. Archives, documents, pictures and programs are
// no tables whatever their extension.
std::string other_format(std::string_view bytes) {
  if (bytes.starts_with(std::string_view("\xff\xfe\0\0", 4)) ||
      bytes.starts_with(std::string_view("\0\0\xfe\xff", 4))) {
    return "the file is UTF-32 (byte 0 begins a byte order mark); save it as UTF-8";
  }
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) {
    return "the file is UTF-16 (byte 0 begins a byte order mark); save it as UTF-8, in Excel as \"CSV UTF-8\"";
  }
  const char* format = format_of(bytes);
  if (format == nullptr) return {};
  return std::string("not a text file: byte 0 begins ") + format +
         "; send a ZIP as .zip, a workbook as .xlsx, and any other file in a ZIP";
}

}  // namespace

Result<void, ArchiveError> check_xlsx(int fd) {
  // Nothing is inflated here, so the sheets may have any compression ratio.
  constexpr auto kAny = std::numeric_limits<std::uint64_t>::max();
  const auto listing = inspect(fd, {.inflated_bytes = kAny, .file_bytes = kAny});
  if (!listing) return Unexpected<ArchiveError>(listing.error());
  for (const ArchiveEntry& entry : listing->entries) {
    if (entry.name == "[Content_Types].xml") return {};
  }
  return invalid("not an Office Open XML workbook: it has no [Content_Types].xml; save it as .xlsx");
}

Result<void, ArchiveError> check_csv(int fd) {
  std::string format;
  bool clean = true;
  bool first = true;
  std::uint64_t offset = 0;  // of NUL
  std::uint64_t line = 1;
  for_each_block(fd, "read an uploaded file", [&](std::string_view bytes) {
    if (std::exchange(first, false)) format = other_format(bytes);
    if (!format.empty()) return false;
    const auto nul = bytes.find('\0');
    clean = nul == std::string_view::npos;
    bytes = bytes.substr(0, nul);
    offset += bytes.size();
    line += static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
    return clean;
  });
  if (!format.empty()) return invalid(std::move(format));
  if (!clean) {
    return invalid("byte " + std::to_string(offset) + " (line " + std::to_string(line) +
                   ") is NUL, which no text has; save the file as text in UTF-8");
  }
  return {};
}

namespace {

// Counts the bytes of the first value in a text.
class FirstValue : public base::IgnoreTokens {
 public:
  base::JsonNext token(const base::JsonToken& token) override {
    if (!token.ends_value(0)) return base::JsonNext::kContinue;
    end_ = token.end;
    return base::JsonNext::kStop;
  }
  std::optional<std::uint64_t> end() const { return end_; }

 private:
  std::optional<std::uint64_t> end_;
};

constexpr base::JsonOptions kUploadedJson{.limits = {.depth = 1'000, .elements = base::JsonOptions::kNoLimit},
                                          .strict_keys = false,
                                          .skip_byte_order_mark = true,
                                          .lone_surrogates = true,
                                          .text_limit = 0};

// True if the first value of the file ends before the error: there are several values, one on each line.
bool is_json_lines(int fd, std::uint64_t error_offset) {
  FirstValue first;
  static_cast<void>(base::read_json(fd, first, kUploadedJson));
  return first.end() && *first.end() <= error_offset;
}

// The number of the line that has the byte at `offset`.
std::uint64_t line_of(int fd, std::uint64_t offset) {
  std::uint64_t line = 1;
  for_each_block(
      fd, "read an uploaded file",
      [&](std::string_view bytes) { line += static_cast<std::uint64_t>(std::ranges::count(bytes, '\n')); }, offset);
  return line;
}

}  // namespace

Result<void, ArchiveError> check_json(int fd) {
  // Any size and any number of values; only the bytes of one block are in memory.
  std::string format;
  bool empty = true;
  for_each_block(fd, "read an uploaded file", [&](std::string_view bytes) {
    empty = false;
    format = other_format(bytes);
    return false;
  });
  if (empty) return invalid("the file is empty, which is not JSON; write null if there is nothing");
  if (!format.empty()) return invalid(std::move(format));
  base::IgnoreTokens ignore;
  const auto checked = base::read_json(fd, ignore, kUploadedJson);
  if (checked) return {};
  const base::JsonError& error = checked.error();
  std::string reason = "not a JSON file: " + error.message + " (byte " + std::to_string(error.offset) + ", line " +
                       std::to_string(line_of(fd, error.offset)) + ")";
  if (is_json_lines(fd, error.offset)) {
    reason += "; a file has one JSON value: send JSON Lines as one array, or in a ZIP";
  }
  return invalid(std::move(reason));
}

}  // namespace vbrain::artifacts
