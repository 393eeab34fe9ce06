#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace vbrain::artifacts {

// The volume refused or failed: code() holds errno, what() the operation and the path below the opened folder.
// Cannot go on; the router and the controller's worker turn it into an answer. Absence is never this.
class VolumeError : public std::system_error {
 public:
  VolumeError(int error, const std::string& what) : std::system_error(error, std::generic_category(), what) {}
  // No space or no quota left (507), as opposed to a volume in trouble (503).
  bool is_full() const;
};

// Something that is not what we read: symbolic link, FIFO, socket, device, hard link, or more bytes than told.
class UnsafeFile : public VolumeError {
 public:
  using VolumeError::VolumeError;
};

using base::Fd;

// A regular file opened for reading, with what fstat said of this very descriptor.
struct OpenFile {
  Fd fd;
  std::uint64_t size = 0;
  base::TimePoint modified;
};

// Modes of all we make, whatever the umask: the volume's group may read and write, others nothing.
inline constexpr mode_t kFolderMode = 02770;
inline constexpr mode_t kFileMode = 0660;

// A folder held open. Every path is relative to it and resolved by the kernel with openat2(RESOLVE_BENEATH |
// RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV): no path, whatever a container put in the way,
// leaves the folder or crosses a mount. Paths may have several components. Methods throw VolumeError when the
// volume fails, UnsafeFile where said. Const methods may be called from several threads at once.
class Dir {
 public:
  // The only place where a path is trusted: it comes from the operator.
  static Dir open(const std::string& path);

  Dir(Dir&&) noexcept = default;
  Dir& operator=(Dir&&) noexcept = default;

  int fd() const { return fd_.get(); }

  // The folder at `path`, nothing if there is none. UnsafeFile if it is something else.
  std::optional<Dir> sub(std::string_view path) const;
  // As sub(), and absence is a VolumeError (ENOENT).
  Dir at(std::string_view path) const;
  // Makes the folder and what lacks above it, each new name durable (parent fsynced) before return.
  Dir make(std::string_view path) const;
  // Makes one new folder, not durable yet. False if the name is taken.
  bool make_new(std::string_view path) const;

  // Opens a regular file with at most `max_links` links, never blocking on a FIFO. Nothing if absent; UnsafeFile
  // otherwise.
  std::optional<OpenFile> open_file(std::string_view path, nlink_t max_links = 1) const;
  // All of a file of at most `max_bytes`. Nothing if absent; UnsafeFile (EFBIG) if larger.
  std::optional<std::string> read_file(std::string_view path, std::uint64_t max_bytes, nlink_t max_links = 1) const;
  // Creates a new file for writing (O_EXCL). Nothing if the name is taken.
  std::optional<Fd> create_file(std::string_view path) const;
  // Replaces or creates: temporary in the same folder → write → fsync → close → rename → fsync folder.
  void write_file_durably(std::string_view path, std::string_view bytes) const;

  struct Entry {
    std::string name;
    unsigned char type;  // DT_REG, DT_DIR, …
  };
  // What lies directly in it, without "." and "..", sorted by name; any `limit` of them if there are more.
  std::vector<Entry> list(std::size_t limit = SIZE_MAX) const;
  // lstat below the folder; nothing if absent.
  std::optional<struct stat> status(std::string_view path) const;

  // Moves below this folder to a name below `target`. A folder with content is never replaced: false if the target
  // is taken. Not durable until both parents are synced.
  bool move(std::string_view from, const Dir& target, std::string_view to) const;
  // True if there was one. Not durable until the parent is synced.
  bool remove_file(std::string_view path) const;
  // Removes a file or a whole tree, following nothing; true if there was something. Ends early, without an error, once
  // `stop` is requested: what is left of a tree keeps its name. What cannot be removed is passed over; then VolumeError
  // names the first of it and the cause.
  bool remove_tree(std::string_view path, std::stop_token stop = {}) const;

  // fsync of the folder itself: its names.
  void sync() const;
  // fsync of all files and folders below and of itself.
  void sync_tree() const;

 private:
  explicit Dir(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// A file that appears under its name only when it is complete and durable. Not thread-safe.
class DurableFile {
 public:
  // Creates a temporary file (".vbrain-…") in `folder`, which must outlive this.
  explicit DurableFile(const Dir& folder);
  // Removes the temporary file unless committed.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  int fd() const { return fd_.get(); }
  // fsync → close → rename to `name` (one component), replacing a file there → fsync of the folder, unless the caller
  // does that once for several.
  void commit(std::string_view name, bool sync_folder = true);
  // As commit(), but exclusively: among any number of callers on any number of machines one is told true, also on NFS;
  // for the others, and where the name was taken before, nothing changes. Who reads the file must allow two links: a
  // moment, or a crash, may lie between the new name and the removal of the temporary one.
  bool commit_new(std::string_view name);

 private:
  const Dir& folder_;
  std::string temporary_;
  Fd fd_;
};

// A name that nobody else has: 128 random bits in hex.
std::string random_name();

// When the file or folder last changed, by the clock of its file server: its content, or its name, which a rename
// changes without touching the time of modification.
base::TimePoint changed_at(const struct stat& found);

// Writes all bytes at the descriptor's position. Throws VolumeError.
void write_all(int fd, std::string_view bytes);
// fsync, then close with the result checked. Throws VolumeError.
void sync_and_close(Fd fd);

}  // namespace vbrain::artifacts
