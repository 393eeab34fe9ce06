#include <zip.h>

#include <algorithm>
#include <memory>
#include <new>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/archive_spool.hpp"
#include "artifacts/archive/stored_piece.hpp"
#include "artifacts/archive/utf8.hpp"
#include "artifacts/raw_zip/advice.hpp"
#include "artifacts/raw_zip/guarded_source.hpp"
#include "base/text/digest.hpp"
#include "base/threads/scheduling.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kPiece = 16U << 10;   // takes some 0.1 ms to unpack
constexpr std::size_t kBlock = 128U << 10;  // is written at once
constexpr std::size_t kShownName = 120;

struct Refused {
  std::string reason;
};

// Writes one file, and counts and hashes its bytes.
class Target {
 public:
  Target(int fd, std::uint64_t declared) : fd_(fd), left_(declared) {}
  // The number of bytes that may still come, plus one, so that an excess is detected.
  std::uint64_t room() const { return left_ + 1; }
  void put(std::string_view bytes) {
    if (bytes.size() > left_) throw Refused{"it has more bytes than the directory says" + kPackAgain};
    left_ -= bytes.size();
    digest_.update(bytes);
    write_all(fd_, bytes);
    written_ += bytes.size();
    if (written_ - begun_ < kWriteBehind) return;
    start_writing(fd_, begun_, written_ - begun_);
    begun_ = written_;
  }
  bool complete() const { return left_ == 0; }
  std::string sha256() { return digest_.hex(); }

 private:
  // How much is written between two requests to begin with the disk.
  static constexpr std::uint64_t kWriteBehind = 8U << 20;

  int fd_;
  std::uint64_t left_;
  std::uint64_t written_ = 0;
  std::uint64_t begun_ = 0;
  base::Sha256 digest_;
};

class Extractor {
 public:
  Extractor(const ArchiveListing& listing, int fd, const Dir& target, const std::vector<StoredPiece>& pieces,
            const Dir* folder)
      : listing_(listing),
        target_(target),
        folder_(folder),
        source_(fd, listing.directory_offset, listing.archive_end) {
    for (const StoredPiece& piece : pieces) pieces_.emplace(piece.offset, &piece);
  }

  std::vector<InputFile> run() {
    open();
    compare();
    std::vector<InputFile> files;
    for (const ArchiveEntry& entry : listing_.entries) {
      make_folders(entry.name, entry.folder);
      if (entry.folder) continue;
      try {
        files.push_back(extract(entry));
      } catch (Refused& refused) {
        throw Refused{where(entry) + refused.reason};
      }
    }
    return files;
  }

 private:
  struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
    void operator()(zip_file_t* file) const { zip_fclose(file); }
  };

  // The names of entries that were left out are unchecked.
  static std::string where(const ArchiveEntry& entry) {
    std::string text = "entry " + std::to_string(entry.index + 1);
    if (check_entry_name(entry.name).empty()) text += " (" + printable(entry.name, kShownName) + ")";
    return text + ": ";
  }

  // Throws what an error of libzip means.
  [[noreturn]] void fail(zip_error_t& error, const char* what) const {
    if (source_.read_error() != 0) throw VolumeError(source_.read_error(), "read an archive");
    if (zip_error_code_zip(&error) == ZIP_ER_MEMORY) throw std::bad_alloc();
    if (source_.is_violated()) throw Refused{"libzip reads another place than the directory says" + kPackAgain};
    throw Refused{what + std::string(": ") + zip_error_strerror(&error) + kPackAgain};
  }

  void open() {
    struct Error : zip_error_t {
      Error() { zip_error_init(this); }
      ~Error() { zip_error_fini(this); }
    } error;
    zip_source_t* source = source_.make(&error);
    if (source == nullptr) fail(error, "libzip cannot open the archive");
    archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    if (archive_ != nullptr) return;
    zip_source_free(source);
    fail(error, "libzip cannot open the archive");
  }

  // libzip and our scan must see the same archive. Nothing is unpacked before that is known.
  void compare() const {
    const zip_int64_t count = zip_get_num_entries(archive_.get(), ZIP_FL_UNCHANGED);
    if (count < 0 || static_cast<std::uint64_t>(count) != listing_.count) {
      throw Refused{"libzip counts other entries" + kPackAgain};
    }
    for (const auto* entries : {&listing_.entries, &listing_.left_out}) {
      for (const ArchiveEntry& entry : *entries) compare(entry);
    }
  }

  void compare(const ArchiveEntry& entry) const {
    zip_stat_t status;
    zip_stat_init(&status);
    constexpr zip_flags_t kRaw = ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW;
    const char* name = zip_get_name(archive_.get(), entry.index, kRaw);
    const bool same = zip_stat_index(archive_.get(), entry.index, ZIP_FL_UNCHANGED, &status) == 0 && name != nullptr &&
                      name == entry.raw_name && status.size == entry.size &&
                      status.comp_size == entry.compressed_size && status.crc == entry.crc &&
                      (status.comp_method == ZIP_CM_DEFLATE) == entry.deflated &&
                      status.encryption_method == ZIP_EM_NONE;
    if (!same)
      throw Refused{where(entry) + "libzip reads another name, size or checksum in the directory" + kPackAgain};
  }

  void make_folders(const std::string& name, bool folder) {
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      make_folder(name.substr(0, slash));
    }
    if (folder) make_folder(name);
  }
  void make_folder(std::string path) {
    if (folders_.insert(path).second) target_.make_new(path);
  }

  // The data have their own file already. Their length and position are those of the entry.
  InputFile adopt(const ArchiveEntry& entry, const StoredPiece& piece) {
    if (piece.crc != entry.crc) throw Refused{"it cannot be unpacked: CRC error" + kPackAgain};
    // rename(2) would replace it.
    if (target_.status(entry.name) || !folder_->move(piece.name, target_, entry.name))
      throw Refused{"a name occurs twice" + kPackAgain};
    if (entry.modified) {
      const auto file = target_.open_file(entry.name);
      if (file) set_modified(file->fd.get(), *entry.modified);
    }
    return {entry.name, entry.size, piece.sha256, entry.modified};
  }

  // Reads into block_ until it is full, or `most` bytes are in it, or the entry ends. Returns how many there are.
  std::size_t fill_block(zip_file_t& from, std::uint64_t most) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(most, block_.size()));
    std::size_t filled = 0;
    while (filled < want) {
      const zip_int64_t got = zip_fread(&from, block_.data() + filled, std::min(want - filled, kPiece));
      if (got < 0) fail(*zip_file_get_error(&from), "it cannot be unpacked");
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
      base::give_way();
    }
    return filled;
  }

  InputFile extract(const ArchiveEntry& entry) {
    const auto piece = pieces_.find(entry.data_offset);
    if (piece != pieces_.end() && entry.size > 0) return adopt(entry, *piece->second);
    const auto file = target_.create_file(entry.name);
    if (!file) throw Refused{"a name occurs twice" + kPackAgain};
    Target to(file->get(), entry.size);
    source_.expect(entry);
    const std::unique_ptr<zip_file_t, Discard> from(zip_fopen_index(archive_.get(), entry.index, ZIP_FL_UNCHANGED));
    if (from == nullptr) fail(*zip_get_error(archive_.get()), "it cannot be unpacked");
    for (std::size_t filled = kBlock; filled == kBlock;) {
      filled = fill_block(*from, to.room());
      to.put({block_.data(), filled});
    }
    if (!to.complete()) throw Refused{"it has fewer bytes than the directory says" + kPackAgain};
    if (entry.size > 0 && !source_.is_at_end()) throw Refused{"bytes behind its compressed data" + kPackAgain};
    if (entry.modified) set_modified(file->get(), *entry.modified);
    return {entry.name, entry.size, to.sha256(), entry.modified};
  }

  const ArchiveListing& listing_;
  const Dir& target_;
  const Dir* const folder_;                                       // of the pieces
  std::unordered_map<std::uint64_t, const StoredPiece*> pieces_;  // by the place of their data
  GuardedSource source_;
  std::unique_ptr<zip_t, Discard> archive_;  // before the source ends
  std::vector<char> block_ = std::vector<char>(kBlock);
  std::unordered_set<std::string> folders_;
};

}  // namespace

namespace {

Result<std::vector<InputFile>, ArchiveError> extract_with(const ArchiveListing& listing, int fd, const Dir& target,
                                                          const std::vector<StoredPiece>& pieces, const Dir* folder) {
  try {
    return Extractor(listing, fd, target, pieces, folder).run();
  } catch (Refused& refused) {
    return Unexpected<ArchiveError>(ArchiveError{ArchiveError::Kind::kInvalid, std::move(refused.reason)});
  }
}

}  // namespace

Result<std::vector<InputFile>, ArchiveError> extract(const ArchiveListing& listing, int fd, const Dir& target) {
  return extract_with(listing, fd, target, {}, nullptr);
}

Result<std::vector<InputFile>, ArchiveError> extract(const ArchiveListing& listing, int fd, const Dir& target,
                                                     const std::vector<StoredPiece>& pieces, const Dir& folder) {
  return extract_with(listing, fd, target, pieces, &folder);
}

}  // namespace vbrain::artifacts
