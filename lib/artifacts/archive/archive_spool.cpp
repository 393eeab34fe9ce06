#include "artifacts/archive/archive_spool.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/archive/stored_piece.hpp"
#include "artifacts/archive/zip_format.hpp"
#include "artifacts/raw_zip/raw_directory.hpp"
#include "artifacts/raw_zip/raw_entry.hpp"
#include "base/files/io.hpp"
#include "base/text/digest.hpp"
#include "base/threads/scheduling.hpp"

namespace vbrain::artifacts {
namespace {

// How much is written between two requests to begin with the disk.
constexpr std::uint64_t kWriteBehind = 8U << 20;

// What follows an entry's local header, by that header alone.
struct Ahead {
  std::uint64_t size = 0;
  bool stored = false;
};

// `header`: a local header with name and extra field. Nothing: what follows cannot be known.
std::optional<Ahead> ahead_of(std::string_view header) {
  try {
    const LocalHeader local =
        read_local_header(header.substr(0, zip::kLocalHeaderSize), header.substr(zip::kLocalHeaderSize));
    if ((local.flags & zip::kDescriptorFlag) != 0) return std::nullopt;
    return Ahead{local.compressed_size, local.method == zip::kStored && local.size == local.compressed_size};
  } catch (const Refused&) {
    return std::nullopt;
  }
}

void write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written =
        base::without_eintr([&] { return pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (written < 0) throw VolumeError(errno, "write an archive");
    offset += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void start_writing(int fd, std::uint64_t offset, std::uint64_t length) noexcept {
  static_cast<void>(
      sync_file_range(fd, static_cast<off64_t>(offset), static_cast<off64_t>(length), SYNC_FILE_RANGE_WRITE));
}

struct ArchiveSpool::State {
  // kHeader: a local header is being collected. kData: of an entry, into a piece if `piece_file` is open, else into the
  // archive. kRest: all that follows, into the archive.
  enum class Phase { kHeader, kData, kRest };

  State(const Dir& parent, const Dir& pieces_in, std::uint64_t from)
      : folder(pieces_in), piece_from(from), archive(make_unnamed_file(parent)) {}

  // Each takes some of `bytes` and removes it.
  void take_header(std::string_view& bytes) {
    std::size_t want = zip::kLocalHeaderSize;
    if (header.size() >= want) want += std::size_t{zip::u16(header, 26)} + zip::u16(header, 28);
    const std::string_view taken = bytes.substr(0, want - header.size());
    header.append(taken);
    put_into_archive(taken);
    bytes.remove_prefix(taken.size());
    if (header.size() < want) return;
    if (zip::u32(header, 0) != zip::kLocalHeader) {
      phase = Phase::kRest;
      return;
    }
    if (want == zip::kLocalHeaderSize && (zip::u16(header, 26) > 0 || zip::u16(header, 28) > 0)) return;
    const auto ahead = ahead_of(header);
    header.clear();
    if (!ahead) {
      phase = Phase::kRest;
      return;
    }
    left = ahead->size;
    phase = left > 0 ? Phase::kData : Phase::kHeader;
    if (ahead->stored && left >= piece_from) begin_piece();
  }

  void take_data(std::string_view& bytes) {
    const std::string_view taken = bytes.substr(0, std::min<std::uint64_t>(left, bytes.size()));
    if (piece_file) {
      put_into_piece(taken);
    } else {
      put_into_archive(taken);
    }
    bytes.remove_prefix(taken.size());
    left -= taken.size();
    if (left > 0) return;
    if (piece_file) end_piece();
    phase = Phase::kHeader;
  }

  void put_into_archive(std::string_view bytes) {
    write_at(archive.get(), bytes, position);
    position += bytes.size();
  }

  void begin_piece() {
    piece = StoredPiece{.offset = position, .crc = 0, .sha256 = {}, .name = ".vbrain-" + random_name()};
    auto file = folder.create_file(piece.name);
    if (!file) throw VolumeError(EEXIST, "create a file of an archive");
    piece_file = std::move(*file);
    digest = {};
    begun = 0;
  }

  void put_into_piece(std::string_view bytes) {
    write_all(piece_file.get(), bytes);
    piece.crc =
        static_cast<std::uint32_t>(crc32_z(piece.crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    digest.update(bytes);
    piece.size += bytes.size();
    position += bytes.size();
    if (piece.size - begun < kWriteBehind) return;
    start_writing(piece_file.get(), begun, piece.size - begun);
    begun = piece.size;
  }

  void end_piece() {
    start_writing(piece_file.get(), begun, piece.size - begun);
    piece.sha256 = digest.hex();
    piece_file = {};
    pieces.push_back(std::move(piece));
  }

  // An upload that ended within a piece.
  void end() {
    if (piece_file) end_piece();
    if (ftruncate(archive.get(), static_cast<off_t>(position)) != 0) throw VolumeError(errno, "write an archive");
  }

  // Whether each piece is the whole data of a stored entry in the listing.
  bool fits(const ArchiveListing& listing) const {
    std::unordered_map<std::uint64_t, const ArchiveEntry*> stored;
    for (const ArchiveEntry& entry : listing.entries) {
      if (!entry.folder && !entry.deflated) stored.emplace(entry.data_offset, &entry);
    }
    return std::ranges::all_of(pieces, [&](const StoredPiece& one) {
      const auto entry = stored.find(one.offset);
      return entry != stored.end() && entry->second->compressed_size == one.size && entry->second->size == one.size;
    });
  }

  void put_back() {
    std::vector<char> block(64U << 10);
    for (const StoredPiece& one : pieces) {
      const auto file = folder.open_file(one.name);
      if (!file) throw VolumeError(ENOENT, "read a file of an archive");
      for (std::uint64_t at = 0; at < one.size;) {
        const ssize_t got = base::read_some_at(file->fd.get(), block, at);
        if (got <= 0) throw VolumeError(got < 0 ? errno : EIO, "read a file of an archive");
        write_at(archive.get(), {block.data(), static_cast<std::size_t>(got)}, one.offset + at);
        at += static_cast<std::uint64_t>(got);
        base::give_way();
      }
      folder.remove_file(one.name);
    }
    pieces.clear();
  }

  const Dir& folder;
  const std::uint64_t piece_from;
  Fd archive;
  std::uint64_t position = 0;  // in the archive
  Phase phase = Phase::kHeader;
  std::string header;
  std::uint64_t left = 0;  // of the data of the current entry
  std::vector<StoredPiece> pieces;
  StoredPiece piece;  // the one being written
  Fd piece_file;
  base::Sha256 digest;
  std::uint64_t begun = 0;  // of the piece, what the disk was asked to take
};

ArchiveSpool::ArchiveSpool(const Dir& parent, const Dir& folder, std::uint64_t piece_from)
    : state_(std::make_unique<State>(parent, folder, piece_from)) {}
ArchiveSpool::~ArchiveSpool() = default;

void ArchiveSpool::write(std::string_view bytes) {
  State& s = *state_;
  while (!bytes.empty()) {
    switch (s.phase) {
      case State::Phase::kHeader:
        s.take_header(bytes);
        break;
      case State::Phase::kData:
        s.take_data(bytes);
        break;
      case State::Phase::kRest:
        s.put_into_archive(std::exchange(bytes, {}));
        break;
    }
  }
}

Result<ArchiveSpool::Unpacked, ArchiveError> ArchiveSpool::unpack(const ArchiveLimits& limits, const Dir& target) {
  State& s = *state_;
  s.end();
  auto listing = inspect(s.archive.get(), limits);
  // What inspect() read was outside of the pieces only if each of them is an entry's data.
  if (!s.pieces.empty() && (!listing || !s.fits(*listing))) {
    s.put_back();
    listing = inspect(s.archive.get(), limits);
  }
  if (!listing) return Unexpected<ArchiveError>(std::move(listing.error()));
  auto files = extract(*listing, s.archive.get(), target, s.pieces, s.folder);
  if (!files) return Unexpected<ArchiveError>(std::move(files.error()));
  return Unpacked{std::move(*listing), std::move(*files)};
}

std::size_t ArchiveSpool::pieces() const {
  return state_->pieces.size();
}

}  // namespace vbrain::artifacts
