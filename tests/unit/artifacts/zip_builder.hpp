#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/archive/zip_format.hpp"

namespace vbrain::testing {

inline std::string deflate_raw(std::string_view bytes, int level = 9) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// One entry, in which every field may be wrong. Unset fields are correct.
struct ZipEntry {
  std::string name;
  std::string content{};
  bool deflated = false;
  std::uint32_t mode = 0100644;
  std::uint16_t flags = 0x0800;
  int method = -1;
  std::int64_t size = -1;        // declared, in both headers
  std::int64_t compressed = -1;  // declared, in both headers
  std::int64_t crc = -1;
  std::string local_name{};  // if it differs
  std::string extra{};       // central
  std::string local_extra{};
  std::int64_t offset = -1;      // of the local header, as the directory says
  bool no_local = false;         // no local header and no data
  bool descriptor = false;       // sizes follow the data
  std::string data{};            // raw compressed bytes, if not empty
  std::int64_t local_size = -1;  // if it differs
  std::uint16_t disk = 0;
  std::uint8_t host = 3;  // Unix
  std::uint32_t dos_attributes = 0;
  std::uint32_t time = 0x21U << 16;  // MS-DOS, date in the upper half
  // Of the local header, if they differ. Without `descriptor` they are in it as they are.
  std::int64_t local_crc = -1;
  std::int64_t local_compressed = -1;
  int local_flags = -1;
  std::string raw_descriptor{};  // in place of the usual one
};

struct ZipShape {
  std::string prefix{};
  std::string before_directory{};
  std::string comment{};
  std::string suffix{};
  int count = -1;
  std::int64_t directory_size = -1;
  std::int64_t directory_offset = -1;
  std::uint16_t disk = 0;
  bool zip64 = false;
  std::int64_t zip64_count = -1;
};

// Builds archives byte by byte.
inline std::string build_zip(const std::vector<ZipEntry>& entries, const ZipShape& shape = {}) {
  using artifacts::zip::Record;
  namespace zip = artifacts::zip;
  std::string out = shape.prefix;
  std::string directory;
  const auto pick = [](std::int64_t told, std::uint64_t real) {
    return told < 0 ? real : static_cast<std::uint64_t>(told);
  };
  for (const ZipEntry& e : entries) {
    const std::string data = !e.data.empty() ? e.data : e.deflated ? deflate_raw(e.content) : e.content;
    const auto method = pick(e.method, e.deflated ? 8 : 0);
    const auto real_crc =
        crc32(0, reinterpret_cast<const Bytef*>(e.content.data()), static_cast<uInt>(e.content.size()));
    const auto crc = pick(e.crc, real_crc);
    const auto size = pick(e.size, e.content.size());
    const auto compressed = pick(e.compressed, data.size());
    const std::uint16_t flags = static_cast<std::uint16_t>(e.flags | (e.descriptor ? 8 : 0));
    const std::uint64_t offset = pick(e.offset, out.size());
    if (!e.no_local) {
      const std::string& local_name = e.local_name.empty() ? e.name : e.local_name;
      Record local;
      const bool later = e.descriptor;
      local.u32(zip::kLocalHeader).u16(20).u16(pick(e.local_flags, flags)).u16(method).u32(e.time);
      local.u32(pick(e.local_crc, later ? 0 : crc)).u32(pick(e.local_compressed, later ? 0 : compressed));
      local.u32(pick(e.local_size, later ? 0 : size));
      local.u16(local_name.size()).u16(e.local_extra.size()).bytes(local_name).bytes(e.local_extra).bytes(data);
      if (!e.raw_descriptor.empty()) {
        local.bytes(e.raw_descriptor);
      } else if (later) {
        local.u32(zip::kDescriptor).u32(crc).u32(compressed).u32(size);
      }
      out += local.text();
    }
    Record central;
    central.u32(zip::kCentralHeader).u16(e.host * 256U + 30).u16(20).u16(flags).u16(method).u32(e.time);
    central.u32(crc).u32(compressed).u32(size).u16(e.name.size()).u16(e.extra.size()).u16(0).u16(e.disk).u16(0);
    central.u32((static_cast<std::uint64_t>(e.mode) << 16) | e.dos_attributes).u32(offset).bytes(e.name).bytes(e.extra);
    directory += central.text();
  }
  out += shape.before_directory;
  const auto start = pick(shape.directory_offset, out.size());
  const auto directory_size = pick(shape.directory_size, directory.size());
  const auto count = pick(shape.count, entries.size());
  out += directory;
  Record end;
  if (shape.zip64) {
    const auto end64 = out.size();
    const auto wide = pick(shape.zip64_count, entries.size());
    end.u32(zip::kEnd64).u64(44).u16(45).u16(45).u32(0).u32(0).u64(wide).u64(wide).u64(directory_size).u64(start);
    end.u32(zip::kEnd64Locator).u32(0).u64(end64).u32(1);
    end.u32(zip::kEnd).u16(0).u16(0).u16(0xFFFF).u16(0xFFFF).u32(0xFFFFFFFF).u32(0xFFFFFFFF).u16(0);
  } else {
    end.u32(zip::kEnd).u16(shape.disk).u16(shape.disk).u16(count).u16(count).u32(directory_size).u32(start);
    end.u16(shape.comment.size()).bytes(shape.comment);
  }
  return out + end.text() + shape.suffix;
}

}  // namespace vbrain::testing
