#include "artifacts/uploads/upload_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "artifacts/archive/archive_spool.hpp"
#include "artifacts/uploads/upload_places.hpp"
#include "base/failpoint.hpp"
#include "base/files/io.hpp"

namespace vbrain::artifacts {
namespace {

using Kind = UploadState::Kind;

// A part that is smaller is copied when a request takes over, so that an upload has few parts whatever happens.
constexpr std::uint64_t kPartFrom = 32U << 20;
// How much is written between two requests to begin with the disk.
constexpr std::uint64_t kWriteBehind = 8U << 20;
// A listing may miss a name that is being changed. Steps are seconds apart.
constexpr int kLooks = 20;

std::string data_name(const std::string& token) {
  return "data-" + token;
}

std::string before_name(const std::string& token) {
  return "before-" + token;
}

std::uint64_t sum_of(const std::vector<UploadPart>& parts) {
  std::uint64_t bytes = 0;
  for (const UploadPart& part : parts) bytes += part.bytes;
  return bytes;
}

bool is_gone(const VolumeError& error) {
  return error.code().value() == ENOENT || error.code().value() == ESTALE;
}

CorruptFile corrupt(const std::string& id, const std::string& why) {
  return CorruptFile("upload " + id + ": " + why);
}

}  // namespace

std::optional<UploadState> Upload::state() const {
  try {
    for (int look = 0; look < kLooks; ++look) {
      for (const Dir::Entry& entry : folder_.list()) {
        auto state = parse_upload_state(entry.name);
        // A listing may show the old name of a file that has a new one since.
        if (!state || !folder_.status(entry.name)) continue;
        if (state->kind == Kind::kEnded) return std::nullopt;
        return state;
      }
      if (!folder_.status(kUploadRecord)) return std::nullopt;
    }
  } catch (const VolumeError& error) {
    if (!is_gone(error)) throw;
    return std::nullopt;
  }
  throw corrupt(id_, "it has no state");
}

std::optional<base::TimePoint> Upload::changed() const {
  struct stat found {};
  if (fstat(folder_.fd(), &found) == 0) return changed_at(found);
  if (errno == ESTALE) return std::nullopt;
  throw VolumeError(errno, "look at an upload");
}

bool Upload::step(const UploadState& from, const UploadState& to) const {
  const std::string old_name = to_name(from);
  const std::string new_name = to_name(to);
  if (old_name == new_name) return folder_.status(old_name).has_value();
  if (renameat(folder_.fd(), old_name.c_str(), folder_.fd(), new_name.c_str()) == 0) return true;
  const int error = errno;
  if (error != ENOENT && error != ESTALE) throw VolumeError(error, "change the state of an upload");
  // If an NFS server's answer is lost, the client sends the request again, and the old name is gone by then.
  return folder_.status(new_name).has_value();
}

std::vector<UploadPart> Upload::parts_before(const std::string& data) const {
  const auto text = folder_.read_file(before_name(data), kUploadRecordLimit);
  if (!text) return {};
  auto parts = decode_upload_parts(*text);
  if (!parts) throw corrupt(id_, parts.error());
  return std::move(*parts);
}

std::vector<UploadPart> Upload::parts(const UploadState& state) const {
  std::vector<UploadPart> parts = parts_before(state.data);
  const std::uint64_t before = sum_of(parts);
  if (before > state.offset) throw corrupt(id_, "its parts have more bytes than the whole");
  if (before < state.offset || parts.empty()) parts.push_back({.data = state.data, .bytes = state.offset - before});
  return parts;
}

OpenFile Upload::open_part(const UploadPart& part) const {
  auto file = folder_.open_file(data_name(part.data));
  if (!file || file->size < part.bytes) throw corrupt(id_, "a data file is absent or too short");
  return std::move(*file);
}

void Upload::read(const std::vector<UploadPart>& parts, const std::function<void(std::string_view)>& sink) const {
  std::vector<char> block(256U << 10);
  for (const UploadPart& part : parts) {
    const OpenFile file = open_part(part);
    for (std::uint64_t at = 0; at < part.bytes;) {
      const std::size_t want = std::min<std::uint64_t>(block.size(), part.bytes - at);
      const ssize_t got = base::read_some_at(file.fd.get(), {block.data(), want}, at);
      if (got <= 0) throw VolumeError(got < 0 ? errno : EIO, "read an upload");
      sink({block.data(), static_cast<std::size_t>(got)});
      at += static_cast<std::uint64_t>(got);
    }
  }
}

std::optional<UploadWriter> Upload::begin(const UploadState& seen) const {
  if (seen.kind == Kind::kIdle) return append(seen);
  return seen.kind == Kind::kWriting ? take_over(seen) : std::nullopt;
}

std::optional<UploadWriter> Upload::append(const UploadState& seen) const {
  const std::uint64_t before = sum_of(parts_before(seen.data));
  const UploadState next{.offset = seen.offset, .data = seen.data, .kind = Kind::kWriting, .by = random_name()};
  if (before > seen.offset) throw corrupt(id_, "its parts have more bytes than the whole");
  // Nobody writes to the file: whoever did has ended with the step to kIdle.
  if (!step(seen, next)) return std::nullopt;
  Fd file(openat(folder_.fd(), data_name(seen.data).c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) throw VolumeError(errno, "open a data file of an upload");
  if (lseek(file.get(), static_cast<off_t>(seen.offset - before), SEEK_SET) < 0) throw VolumeError(errno, "seek");
  return UploadWriter(*this, next, std::move(file));
}

// The request that writes may be dead, hang, or be on another machine: it may write to its data file at any later time,
// but only behind what it has committed, and it can't commit any more.
std::optional<UploadWriter> Upload::take_over(const UploadState& seen) const {
  std::vector<UploadPart> before;
  std::uint64_t own = 0;  // bytes of the part that is the last one now
  const UploadState next{.offset = seen.offset, .data = random_name(), .kind = Kind::kWriting, .by = random_name()};
  std::optional<Fd> file;
  bool kept = false;
  try {
    before = parts_before(seen.data);
    if (sum_of(before) > seen.offset) throw corrupt(id_, "its parts have more bytes than the whole");
    own = seen.offset - sum_of(before);
    file = folder_.create_file(data_name(next.data));
    if (!file) throw VolumeError(EEXIST, "create a data file of an upload");
    const UploadPart last{.data = seen.data, .bytes = own};
    kept = own >= kPartFrom;
    if (kept) {
      before.push_back(last);
    } else if (own > 0) {
      read({last}, [&](std::string_view bytes) { write_all(file->get(), bytes); });
    }
    if (fsync(file->get()) != 0) throw VolumeError(errno, "fsync a data file of an upload");
    if (!before.empty()) {
      DurableFile list(folder_);
      write_all(list.fd(), encode(before));
      list.commit(before_name(next.data));
    } else {
      folder_.sync();
    }
  } catch (const std::exception&) {
    // Another request may have taken over and removed the files meanwhile.
    folder_.remove_file(data_name(next.data));
    if (state() == seen) throw;
    return std::nullopt;
  }
  base::failpoint("upload.taking-over");
  if (!step(seen, next)) {
    folder_.remove_file(before_name(next.data));
    folder_.remove_file(data_name(next.data));
    return std::nullopt;
  }
  folder_.remove_file(before_name(seen.data));
  if (!kept) folder_.remove_file(data_name(seen.data));
  return UploadWriter(*this, next, std::move(*file));
}

UploadWriter::UploadWriter(const Upload& upload, UploadState state, Fd file)
    : upload_(&upload),
      state_(std::move(state)),
      file_(std::move(file)),
      written_(state_.offset),
      begun_(state_.offset) {}

void UploadWriter::write(std::string_view bytes) {
  if (broken_ || lost_) throw VolumeError(EIO, "write to an upload after an error");
  broken_ = true;
  write_all(file_.get(), bytes);
  broken_ = false;
  written_ += bytes.size();
  if (written_ - begun_ < kWriteBehind) return;
  start_writing(file_.get(), 0, 0);
  begun_ = written_;
}

bool UploadWriter::step(const UploadState& next) {
  lost_ = lost_ || !upload_->step(state_, next);
  if (!lost_) state_ = next;
  return !lost_;
}

bool UploadWriter::commit(Then then) {
  UploadState next = state_;
  next.offset = written_;
  if (then == Then::kEnd) {
    next.kind = Kind::kIdle;
    next.by.clear();
  }
  const bool more = next.offset != state_.offset;
  // After an error the kernel may have dropped the pages: then nobody goes on in this file.
  if (more && !lost_ && fdatasync(file_.get()) != 0) {
    lost_ = true;
    throw VolumeError(errno, "fsync an upload");
  }
  base::failpoint("upload.synced");
  if (!step(next)) return false;
  if (more) upload_->sync();
  base::failpoint("upload.committed");
  return true;
}

bool UploadWriter::drop() {
  UploadState next = state_;
  next.kind = Kind::kIdle;
  next.by.clear();
  return step(next);
}

}  // namespace vbrain::artifacts
