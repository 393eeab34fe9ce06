#include "artifacts/archive/archive_writer.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <optional>
#include <stdexcept>

#include "artifacts/archive/zip_format.hpp"
#include "base/files/io.hpp"
#include "base/text/digest.hpp"
#include "base/threads/scheduling.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kBlock = 128U << 10;  // is read at once
constexpr std::size_t kPiece = 16U << 10;   // takes some 0.15 ms to compress
constexpr std::size_t kSample = 32U << 10;
// Files up to this size are compressed in memory first, so that their local header contains the sizes and any reader
// can skip or stream them. Larger files have a data descriptor.
constexpr std::uint64_t kWholeLimit = 512U << 10;

// MS-DOS date and time in UTC, because it has no time zone; 1980 to 2107.
std::uint32_t dos_time(base::TimePoint time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  const int year = static_cast<int>(date.year());
  if (year < 1980) return (1U << 21) | (1U << 16);
  if (year > 2107) return 0xFF9FBF7D;
  return (static_cast<std::uint32_t>(year - 1980) << 25) | (static_cast<unsigned>(date.month()) << 21) |
         (static_cast<unsigned>(date.day()) << 16) | (static_cast<std::uint32_t>(clock.hours().count()) << 11) |
         (static_cast<std::uint32_t>(clock.minutes().count()) << 5) |
         (static_cast<std::uint32_t>(clock.seconds().count()) / 2);
}

class Deflater {
 public:
  Deflater() {
    if (deflateInit2(&stream_, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void restart() { deflateReset(&stream_); }
  template <class Out>
  void put(std::string_view bytes, bool last, const Out& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = buffer_.data();
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      out(std::string_view(reinterpret_cast<const char*>(buffer_.data()), buffer_.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
  }

 private:
  z_stream stream_{};
  std::array<Bytef, 64U << 10> buffer_{};
};

// The extra field with the time in UTC, which MS-DOS's time has no zone for: Info-ZIP's, or that of NTFS if 32 bits do
// not hold the time (after 2038). Empty before 1901.
std::string times_extra(std::optional<base::TimePoint> time) {
  if (!time) return {};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count();
  zip::Record extra;
  if (seconds > std::numeric_limits<std::int32_t>::max()) {
    constexpr std::int64_t kSeconds1601To1970 = 11'644'473'600;
    const auto ticks = static_cast<std::uint64_t>(seconds + kSeconds1601To1970) * 10'000'000;
    extra.u16(zip::kNtfsTimesExtra).u16(32).u32(0).u16(1).u16(24).u64(ticks).u64(ticks).u64(ticks);
    return extra.text();
  }
  if (seconds < std::numeric_limits<std::int32_t>::min()) return {};
  extra.u16(zip::kUnixTimesExtra).u16(5).bytes("\x01").u32(static_cast<std::uint32_t>(seconds));
  return extra.text();
}

struct Central {
  std::string name;
  std::optional<base::TimePoint> modified;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t compressed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  bool wide = false;
  bool folder = false;
};

}  // namespace

struct ArchiveWriter::State {
  Sink sink;
  Compression compression;
  std::uint64_t wide_from;
  Deflater deflater;
  base::Sha256 digest;
  std::uint64_t position = 0;
  std::vector<Central> entries;
  std::vector<char> block = std::vector<char>(kBlock);

  void put(std::string_view bytes) {
    digest.update(bytes);
    position += bytes.size();
    sink(bytes);
  }

  // Calls `piece` with the file's bytes, at most `size` of them, up to `at_once` with each call.
  template <class Piece>
  void read_file(int fd, std::uint64_t size, std::size_t at_once, const Piece& piece) {
    for (std::uint64_t at = 0; at < size;) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(size - at, block.size()));
      const ssize_t got = base::read_some_at(fd, {block.data(), want}, at);
      if (got < 0) throw VolumeError(errno, "read a file for an archive");
      if (got == 0) return;
      at += static_cast<std::uint64_t>(got);
      for (std::string_view left(block.data(), static_cast<std::size_t>(got)); !left.empty();) {
        piece(left.substr(0, at_once));
        left.remove_prefix(std::min(left.size(), at_once));
        base::give_way();
      }
    }
  }

  // Images, archives and similar files are stored, because deflating them gains nothing and takes ten times as long.
  // The decision is based on samples from the beginning, the middle and the end.
  bool is_compressible(int fd, std::uint64_t size) {
    if (size <= kWholeLimit) return true;
    std::size_t before = 0;
    std::size_t after = 0;
    deflater.restart();
    for (const std::uint64_t at : {std::uint64_t{0}, size / 2, size - kSample}) {
      const ssize_t got = base::read_some_at(fd, {block.data(), kSample}, at);
      if (got <= 0) continue;
      before += static_cast<std::size_t>(got);
      deflater.put({block.data(), static_cast<std::size_t>(got)}, false,
                   [&](std::string_view bytes) { after += bytes.size(); });
    }
    deflater.put({}, true, [&](std::string_view bytes) { after += bytes.size(); });
    return after < before - before / 16;
  }

  void put_local_header(const Central& entry, bool descriptor, bool wide) {
    zip::Record record;
    record.u32(zip::kLocalHeader)
        .u16(wide ? 45 : 20)
        .u16(entry.flags)
        .u16(entry.method)
        .u32(dos_time(entry.modified.value_or(base::TimePoint())))
        .u32(descriptor ? 0 : entry.crc);
    if (wide) {
      record.u32(0xFFFFFFFF).u32(0xFFFFFFFF);
    } else {
      record.u32(descriptor ? 0 : static_cast<std::uint32_t>(entry.compressed))
          .u32(descriptor ? 0 : static_cast<std::uint32_t>(entry.size));
    }
    const std::string times = times_extra(entry.modified);
    record.u16(entry.name.size()).u16((wide ? 20 : 0) + times.size()).bytes(entry.name);
    if (wide) {
      record.u16(zip::kZip64Extra).u16(16).u64(descriptor ? 0 : entry.size).u64(descriptor ? 0 : entry.compressed);
    }
    record.bytes(times);
    put(record.text());
  }

  void put_descriptor(const Central& entry, bool wide) {
    zip::Record record;
    record.u32(zip::kDescriptor).u32(entry.crc);
    if (wide) {
      record.u64(entry.compressed).u64(entry.size);
    } else {
      record.u32(entry.compressed).u32(entry.size);
    }
    put(record.text());
  }
};

ArchiveWriter::ArchiveWriter(Sink sink, Compression compression, std::uint64_t wide_from)
    : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  state_->compression = compression;
  state_->wide_from = wide_from;
}
ArchiveWriter::~ArchiveWriter() = default;

ArchiveWriter::Added ArchiveWriter::add(std::string_view name, int fd, std::uint64_t size, base::TimePoint modified) {
  State& s = *state_;
  if (name.empty() || name.size() > 0xFFFF) throw std::invalid_argument("an archive entry needs a name");
  const bool deflated = s.compression == Compression::kFast && size > 0 && s.is_compressible(fd, size);
  // The sizes and CRC of data that is compressed on the fly follow the data. For other entries they are in front, where
  // every reader finds them.
  const bool descriptor = deflated && size > kWholeLimit;
  const bool wide = size >= s.wide_from;
  Central entry{.name = std::string(name),
                .modified = modified,
                .flags = static_cast<std::uint16_t>(zip::kUtf8Flag | (descriptor ? zip::kDescriptorFlag : 0)),
                .method = deflated ? zip::kDeflated : zip::kStored,
                .offset = s.position,
                .wide = wide};
  base::Sha256 digest;
  std::string content;  // of a small file, compressed
  const auto emit = [&](std::string_view bytes) {
    entry.compressed += bytes.size();
    if (descriptor) {
      s.put(bytes);
    } else {
      content += bytes;
    }
  };
  if (descriptor) s.put_local_header(entry, true, wide);
  if (deflated) s.deflater.restart();
  s.read_file(fd, size, kPiece, [&](std::string_view bytes) {
    digest.update(bytes);
    entry.crc = static_cast<std::uint32_t>(
        crc32(entry.crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
    entry.size += bytes.size();
    if (deflated) s.deflater.put(bytes, false, emit);
  });
  if (deflated) s.deflater.put({}, true, emit);
  if (descriptor) {
    s.put_descriptor(entry, wide);
  } else if (deflated) {
    s.put_local_header(entry, false, false);
    s.put(content);
  } else {
    entry.compressed = entry.size;
    s.put_local_header(entry, false, wide);
    const std::uint64_t start = s.position;
    s.read_file(fd, entry.size, kBlock, [&](std::string_view bytes) { s.put(bytes); });
    if (s.position - start != entry.size) throw VolumeError(EIO, "a file became shorter while it was read");
  }
  s.entries.push_back(std::move(entry));
  return {s.entries.back().size, digest.hex()};
}

void ArchiveWriter::add_folder(std::string_view name, base::TimePoint modified) {
  State& s = *state_;
  if (name.empty() || name.size() > 0xFFFE) throw std::invalid_argument("an archive entry needs a name");
  Central entry{.name = std::string(name) + "/",
                .modified = modified,
                .flags = zip::kUtf8Flag,
                .offset = s.position,
                .folder = true};
  s.put_local_header(entry, false, false);
  s.entries.push_back(std::move(entry));
}

void ArchiveWriter::add_text(std::string_view name, std::string_view text) {
  State& s = *state_;
  if (name.empty() || name.size() > 0xFFFF) throw std::invalid_argument("an archive entry needs a name");
  Central entry{.name = std::string(name),
                .modified = {},
                .flags = zip::kUtf8Flag,
                .method = zip::kStored,
                .crc = static_cast<std::uint32_t>(
                    crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()))),
                .compressed = text.size(),
                .size = text.size(),
                .offset = s.position};
  s.put_local_header(entry, false, false);
  s.put(text);
  s.entries.push_back(std::move(entry));
}

ArchiveWriter::Added ArchiveWriter::finish() {
  State& s = *state_;
  const std::uint64_t start = s.position;
  for (const Central& entry : s.entries) {
    zip::Record wide;
    const bool wide_offset = entry.offset >= s.wide_from;
    if (entry.wide) wide.u64(entry.size).u64(entry.compressed);
    if (wide_offset) wide.u64(entry.offset);
    const bool is_wide = !wide.text().empty();
    zip::Record extra;
    if (is_wide) extra.u16(zip::kZip64Extra).u16(wide.text().size()).bytes(wide.text());
    extra.bytes(times_extra(entry.modified));
    const std::uint32_t mode = entry.folder ? 0040755 : 0100644;
    zip::Record record;
    record.u32(zip::kCentralHeader)
        .u16((zip::kUnixHost << 8) | 45)
        .u16(is_wide ? 45 : 20)
        .u16(entry.flags)
        .u16(entry.method)
        .u32(dos_time(entry.modified.value_or(base::TimePoint())))
        .u32(entry.crc)
        .u32(entry.wide ? 0xFFFFFFFF : static_cast<std::uint32_t>(entry.compressed))
        .u32(entry.wide ? 0xFFFFFFFF : static_cast<std::uint32_t>(entry.size))
        .u16(static_cast<std::uint16_t>(entry.name.size()))
        .u16(extra.text().size())
        .u16(0)
        .u16(0)
        .u16(0)
        .u32((mode << 16) | (entry.folder ? 0x10 : 0))
        .u32(wide_offset ? 0xFFFFFFFF : static_cast<std::uint32_t>(entry.offset))
        .bytes(entry.name)
        .bytes(extra.text());
    s.put(record.text());
  }
  const std::uint64_t size = s.position - start;
  const std::uint64_t count = s.entries.size();
  zip::Record record;
  if (count >= 0xFFFF || start >= s.wide_from || size >= s.wide_from) {
    const std::uint64_t end64 = s.position;
    record.u32(zip::kEnd64).u64(44).u16(45).u16(45).u32(0).u32(0).u64(count).u64(count).u64(size).u64(start);
    record.u32(zip::kEnd64Locator).u32(0).u64(end64).u32(1);
  }
  // An archive without entries stays the 22 bytes that everybody knows.
  const std::string_view comment = count > 0 ? zip::kOwnComment : std::string_view();
  const auto count16 = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xFFFF));
  record.u32(zip::kEnd)
      .u16(0)
      .u16(0)
      .u16(count16)
      .u16(count16)
      .u32(static_cast<std::uint32_t>(size >= s.wide_from ? 0xFFFFFFFF : size))
      .u32(static_cast<std::uint32_t>(start >= s.wide_from ? 0xFFFFFFFF : start))
      .u16(comment.size())
      .bytes(comment);
  s.put(record.text());
  return {s.position, s.digest.hex()};
}

Fd make_unnamed_file(const Dir& folder) {
  Fd fd(openat(folder.fd(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kFileMode));
  if (fd) return fd;
  // NFS and some FUSE file systems do not support O_TMPFILE.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT) {
    throw VolumeError(errno, "make a temporary file");
  }
  for (;;) {
    const std::string name = ".vbrain-" + random_name();
    fd = Fd(openat(folder.fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!fd && errno == EEXIST) continue;
    if (!fd) throw VolumeError(errno, "make a temporary file");
    unlinkat(folder.fd(), name.c_str(), 0);
    return fd;
  }
}

}  // namespace vbrain::artifacts
