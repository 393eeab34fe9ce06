#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>
#include <span>
#include <unordered_set>
#include <utility>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/store/file_blocks.hpp"
#include "base/digest.hpp"
#include "base/io.hpp"
#include "base/json_reader.hpp"

namespace vbrain::artifacts {
namespace {

using Kind = ArchiveError::Kind;

constexpr std::size_t kBlock = 128U << 10;

Unexpected<ArchiveError> invalid(const char* reason) {
  return Unexpected<ArchiveError>(ArchiveError{Kind::kInvalid, reason});
}

// Reads some bytes at `offset`; 0 at the end of the file.
std::size_t read_some(int fd, std::span<char> to, std::uint64_t offset) {
  const ssize_t got = base::read_some_at(fd, to, offset);
  if (got < 0) throw VolumeError(errno, "read an archive");
  return static_cast<std::size_t>(got);
}

// Inflates the raw DEFLATE data (RFC 1951) of one entry after another.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& restart() {
    inflateReset(&stream_);
    stream_.avail_in = 0;
    return stream_;
  }

 private:
  z_stream stream_{};
};

// Writes one file, and counts and hashes its bytes.
class Target {
 public:
  Target(int fd, std::uint64_t declared) : fd_(fd), left_(declared) {}
  // The number of bytes that may still come, plus one, so that an excess is detected.
  std::uint64_t room() const { return left_ + 1; }
  // False, and nothing is written, if there are more bytes than declared.
  bool put(std::string_view bytes) {
    if (bytes.size() > left_) return false;
    left_ -= bytes.size();
    digest_.update(bytes);
    crc_ = crc32(crc_, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    write_all(fd_, bytes);
    return true;
  }
  bool complete(std::uint32_t crc) const { return left_ == 0 && crc_ == crc; }
  std::string sha256() { return digest_.hex(); }

 private:
  int fd_;
  std::uint64_t left_;
  uLong crc_ = 0;
  base::Sha256 digest_;
};

class Extractor {
 public:
  Extractor(int fd, const Dir& target) : fd_(fd), target_(target) {}

  Result<std::vector<InputFile>, ArchiveError> run(const ArchiveListing& listing) {
    std::vector<InputFile> files;
    for (const ArchiveEntry& entry : listing.entries) {
      make_folders(entry.name, entry.folder);
      if (entry.folder) continue;
      auto file = target_.create_file(entry.name);
      if (!file) return invalid("a name occurs twice");
      Target to(file->get(), entry.size);
      const char* problem = entry.deflated ? inflate_entry(entry, to) : copy_entry(entry, to);
      if (problem != nullptr) return invalid(problem);
      if (!to.complete(entry.crc)) return invalid("a file's size or checksum is wrong");
      files.push_back({entry.name, entry.size, to.sha256()});
    }
    return files;
  }

 private:
  void make_folders(const std::string& name, bool folder) {
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      make_folder(name.substr(0, slash));
    }
    if (folder) make_folder(name);
  }
  void make_folder(std::string path) {
    if (folders_.insert(path).second) target_.make_new(path);
  }

  const char* copy_entry(const ArchiveEntry& entry, Target& to) {
    for (std::uint64_t at = 0; at < entry.compressed_size;) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(entry.compressed_size - at, in_.size()));
      const std::size_t got = read_some(fd_, {in_.data(), want}, entry.data_offset + at);
      if (got == 0) return "the archive is cut short";
      if (!to.put({in_.data(), got})) return "a file is larger than declared";
      at += got;
    }
    return nullptr;
  }

  const char* inflate_entry(const ArchiveEntry& entry, Target& to) {
    z_stream& stream = inflater_.restart();
    std::uint64_t at = 0;
    for (int state = Z_OK; state != Z_STREAM_END;) {
      if (stream.avail_in == 0 && at < entry.compressed_size) {
        const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(entry.compressed_size - at, in_.size()));
        const std::size_t got = read_some(fd_, {in_.data(), want}, entry.data_offset + at);
        if (got == 0) return "the archive is cut short";
        at += got;
        stream.next_in = reinterpret_cast<Bytef*>(in_.data());
        stream.avail_in = static_cast<uInt>(got);
      }
      const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(to.room(), out_.size()));
      stream.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream.avail_out = static_cast<uInt>(room);
      state = inflate(&stream, Z_NO_FLUSH);
      const std::size_t made = room - stream.avail_out;
      if (!to.put({out_.data(), made})) return "a file is larger than declared";
      if (state == Z_BUF_ERROR && made == 0) return "a file's compressed data ends early";
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) return "a file's compressed data is damaged";
    }
    if (stream.avail_in != 0 || at != entry.compressed_size) return "a file has bytes behind its compressed data";
    return nullptr;
  }

  int fd_;
  const Dir& target_;
  Inflater inflater_;
  std::vector<char> in_ = std::vector<char>(kBlock);
  std::vector<char> out_ = std::vector<char>(kBlock);
  std::unordered_set<std::string> folders_;
};

// First bytes of binary formats, which are no tables whatever their extension: archives, documents, pictures, programs.
bool is_binary_format(std::string_view first_bytes) {
  constexpr std::array<std::string_view, 10> kMagics = {"PK\x03\x04",
                                                        "PK\x05\x06",
                                                        "\x1f\x8b",
                                                        "7z\xbc\xaf\x27\x1c",
                                                        "Rar!\x1a\x07",
                                                        "\xd0\xcf\x11\xe0",
                                                        "%PDF-",
                                                        "\x89PNG\r\n",
                                                        "\xff\xd8\xff",
                                                        "\x7f"
                                                        "ELF"};
  return std::ranges::any_of(kMagics, [&](std::string_view magic) { return first_bytes.starts_with(magic); });
}

}  // namespace

Result<std::vector<InputFile>, ArchiveError> extract(const ArchiveListing& listing, int fd, const Dir& target) {
  return Extractor(fd, target).run(listing);
}

Result<void, ArchiveError> check_xlsx(int fd) {
  // Nothing is inflated here, so the sheets may have any compression ratio.
  constexpr auto kAny = std::numeric_limits<std::uint64_t>::max();
  const auto listing = inspect(fd, {.inflated_bytes = kAny, .file_bytes = kAny, .ratio = kAny});
  if (!listing) return Unexpected<ArchiveError>(listing.error());
  for (const ArchiveEntry& entry : listing->entries) {
    if (entry.name == "[Content_Types].xml") return {};
  }
  return invalid("not an Office Open XML workbook");
}

Result<void, ArchiveError> check_csv(int fd) {
  bool clean = true;
  bool text = true;
  bool first = true;
  for_each_block(fd, "read an uploaded file", [&](std::string_view bytes) {
    if (std::exchange(first, false)) text = !is_binary_format(bytes);
    clean = bytes.find('\0') == std::string_view::npos;
    return clean && text;
  });
  if (!text) return invalid("not a text file");
  if (!clean) return invalid("a text file with NUL");
  return {};
}

Result<void, ArchiveError> check_json(int fd) {
  // Any size and any number of values; only the bytes of one block are in memory.
  base::IgnoreTokens ignore;
  const auto checked = base::read_json(fd, ignore,
                                       {.limits = {.depth = 1'000, .elements = base::JsonOptions::kNoLimit},
                                        .strict_keys = false,
                                        .skip_byte_order_mark = true,
                                        .lone_surrogates = true,
                                        .text_limit = 0});
  if (!checked) return invalid("not a JSON file");
  return {};
}

}  // namespace vbrain::artifacts
