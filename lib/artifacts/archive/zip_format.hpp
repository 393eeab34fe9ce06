#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Numbers of PKWARE's APPNOTE 6.3.10, and little-endian reading and writing.
namespace vbrain::artifacts::zip {

inline constexpr std::uint32_t kLocalHeader = 0x04034b50;    // 4.3.7, 30 bytes and name and extra field
inline constexpr std::uint32_t kDescriptor = 0x08074b50;     // 4.3.9, its signature is optional
inline constexpr std::uint32_t kCentralHeader = 0x02014b50;  // 4.3.12, 46 bytes and name, extra field, comment
inline constexpr std::uint32_t kEnd64 = 0x06064b50;          // 4.3.14
inline constexpr std::uint32_t kEnd64Locator = 0x07064b50;   // 4.3.15
inline constexpr std::uint32_t kEnd = 0x06054b50;            // 4.3.16

inline constexpr std::size_t kSplitMarkerSize = 4;  // 8.5.3, at the beginning of a split archive
inline constexpr std::string_view kSplitMarker = "PK\7\b";
inline constexpr std::string_view kOnePartMarker = "PK00";  // 8.5.4

inline constexpr std::size_t kLocalHeaderSize = 30;
inline constexpr std::size_t kCentralHeaderSize = 46;
inline constexpr std::size_t kEndSize = 22;
inline constexpr std::size_t kEnd64Size = 56;
inline constexpr std::size_t kEnd64LocatorSize = 20;

inline constexpr std::uint16_t kStored = 0;
inline constexpr std::uint16_t kDeflated = 8;
inline constexpr std::uint16_t kDescriptorFlag = 1U << 3;
inline constexpr std::uint16_t kUtf8Flag = 1U << 11;
inline constexpr std::uint16_t kZip64Extra = 0x0001;
inline constexpr std::uint16_t kUnicodePathExtra = 0x7075;
inline constexpr std::uint16_t kNtfsTimesExtra = 0x000A;  // 4.5.5
inline constexpr std::uint16_t kUnixTimesExtra = 0x5455;  // Info-ZIP: seconds since 1970 in UTC
inline constexpr std::uint32_t kWide32 = 0xFFFFFFFF;      // the value is in a Zip64 field
inline constexpr std::uint16_t kWide16 = 0xFFFF;
// The comment of archives that ArchiveWriter makes. Of these all names are taken as they are: no folder INPUT is
// unwrapped, and nothing is left out as a mark of another system.
inline constexpr std::string_view kOwnComment = "vBrain";
// The host that wrote an entry (4.4.2).
inline constexpr std::uint8_t kFatHost = 0;
inline constexpr std::uint8_t kUnixHost = 3;
inline constexpr std::uint8_t kNtfsHost = 10;
inline constexpr std::uint8_t kWindowsHost = 11;  // Info-ZIP's number for Windows NT
inline constexpr std::uint8_t kVfatHost = 14;

// A record that is being built.
class Record {
 public:
  Record& u16(std::uint64_t value) { return number(value, 2); }
  Record& u32(std::uint64_t value) { return number(value, 4); }
  Record& u64(std::uint64_t value) { return number(value, 8); }
  Record& bytes(std::string_view text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  Record& number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) text_ += static_cast<char>((value >> (8 * i)) & 0xFF);
    return *this;
  }
  std::string text_;
};

// Reads numbers at a position; the caller has checked that it is inside.
inline std::uint64_t read_number(std::string_view text, std::size_t at, int size) {
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)])) << (8 * i);
  }
  return value;
}
inline std::uint16_t u16(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(read_number(text, at, 2));
}
inline std::uint32_t u32(std::string_view text, std::size_t at) {
  return static_cast<std::uint32_t>(read_number(text, at, 4));
}
inline std::uint64_t u64(std::string_view text, std::size_t at) {
  return read_number(text, at, 8);
}

}  // namespace vbrain::artifacts::zip
