#include "artifacts/archive/file_format.hpp"

#include <algorithm>
#include <array>

namespace vbrain::artifacts {
namespace {

struct Format {
  std::size_t offset;
  std::string_view bytes;
  const char* name;
};

constexpr std::array<Format, 17> kFormats = {{{0, "PK\x03\x04", "a ZIP archive"},
                                              {0, "PK\x05\x06", "a ZIP archive"},
                                              {0, "PK\x07\x08", "a ZIP archive"},
                                              {0, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
                                              {0, "Rar!\x1a\x07", "a RAR archive"},
                                              {257, {"ustar\0", 6}, "a tar archive"},
                                              {257, {"ustar  \0", 8}, "a tar archive"},
                                              {0, "\x1f\x8b", "a gzip file"},
                                              {4, "1AY&SY", "a bzip2 file"},
                                              {0, {"\xfd\x37zXZ\0", 6}, "an xz file"},
                                              {0, "\x28\xb5\x2f\xfd", "a Zstandard file"},
                                              {0, {"MSCF\0\0\0\0", 8}, "a Cabinet archive"},
                                              {0, "\xd0\xcf\x11\xe0", "a document of Microsoft Office before 2007"},
                                              {0, "%PDF-", "a PDF document"},
                                              {0, "\x89PNG\r\n", "a PNG picture"},
                                              {0, "\xff\xd8\xff", "a JPEG picture"},
                                              {0,
                                               "\x7f"
                                               "ELF",
                                               "a program"}}};

}  // namespace

const char* format_of(std::string_view first_bytes) {
  const auto* found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return first_bytes.size() > format.offset && first_bytes.substr(format.offset).starts_with(format.bytes);
  });
  return found == kFormats.end() ? nullptr : found->name;
}

}  // namespace vbrain::artifacts
