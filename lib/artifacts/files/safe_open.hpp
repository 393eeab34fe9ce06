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

#include "base/files/fd.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// An operation on the volume failed: code() is errno, what() names the operation and the path below the opened folder.
// The router and the controller's worker turn it into an answer or a reason. A missing file is never a VolumeError.
class VolumeError : public std::system_error {
 public:
  VolumeError(int error, const std::string& what) : std::system_error(error, std::generic_category(), what) {}
  // No space or no quota left (507), other than a volume that fails (503).
  bool is_full() const;
};

// Not an expected file: symbolic link, FIFO, socket, device, hard link, or more bytes than allowed.
class UnsafeFile : public VolumeError {
 public:
  using VolumeError::VolumeError;
};

using base::Fd;

// A regular file opened for reading, with fstat of this descriptor.
struct OpenFile {
  Fd fd;
  std::uint64_t size = 0;
  base::TimePoint modified;
};

// Modes of all new files and folders, independent of the umask: the volume's group may read and write, others nothing.
inline constexpr mode_t kFolderMode = 02770;
inline constexpr mode_t kFileMode = 0660;

// An open folder. Every path is relative to it and resolved by the kernel with openat2(RESOLVE_BENEATH |
// RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV), so no path leaves the folder or crosses a mount,
// whatever a container created in it. Paths may have several components. Methods throw VolumeError if the volume fails,
// and UnsafeFile where stated. Several threads may call const methods at once.
class Dir {
 public:
  // The only function that trusts a path: the operator configures it.
  static Dir open(const std::string& path);

  Dir(Dir&&) noexcept = default;
  Dir& operator=(Dir&&) noexcept = default;

  int fd() const { return fd_.get(); }

  // The folder at `path`, nothing if it does not exist. UnsafeFile if it is not a folder.
  std::optional<Dir> sub(std::string_view path) const;
  // Like sub(), but a missing folder is a VolumeError (ENOENT).
  Dir at(std::string_view path) const;
  // Creates the folder and missing parents. Each new name is durable (parent fsynced) before it returns.
  Dir make(std::string_view path) const;
  // Creates one new folder, not durable yet, and opens it. Nothing if the name exists.
  std::optional<Dir> make_new(std::string_view path) const;

  // Opens a regular file with at most `max_links` links; never blocks on a FIFO. Nothing if absent; UnsafeFile
  // otherwise.
  std::optional<OpenFile> open_file(std::string_view path, nlink_t max_links = 1) const;
  // The content of a file of at most `max_bytes`. Nothing if absent; UnsafeFile (EFBIG) if larger.
  std::optional<std::string> read_file(std::string_view path, std::uint64_t max_bytes, nlink_t max_links = 1) const;
  // Creates a new file for writing (O_EXCL). Nothing if the name exists.
  std::optional<Fd> create_file(std::string_view path) const;
  // Creates or replaces: temporary file in the same folder → write → fsync → close → rename → fsync of the folder.
  void write_file_durably(std::string_view path, std::string_view bytes) const;

  struct Entry {
    std::string name;
    unsigned char type;  // DT_REG, DT_DIR, …
  };
  // The direct entries, without "." and "..", sorted by name. If there are more than `limit`, any `limit` of them.
  std::vector<Entry> list(std::size_t limit = SIZE_MAX) const;
  // lstat below the folder; nothing if absent.
  std::optional<struct stat> status(std::string_view path) const;

  // Moves an entry to a name below `target`. Never replaces a folder with content: false if the target exists. Not
  // durable until both parents are synced.
  bool move(std::string_view from, const Dir& target, std::string_view to) const;
  // True if it existed. Not durable until the parent is synced.
  bool remove_file(std::string_view path) const;
  // Removes a file or a whole tree without following links; true if it existed. Ends early, without an error, when
  // `stop` is requested; the rest of the tree keeps its name. Skips entries that can't be removed; then throws a
  // VolumeError with the first path and cause.
  bool remove_tree(std::string_view path, std::stop_token stop = {}) const;

  // fsync of the folder itself, that is, of its names.
  void sync() const;
  // fsync of this folder and of all files and folders below.
  void sync_tree() const;

 private:
  explicit Dir(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// A file that gets its name when it is complete and durable. Not thread-safe.
class DurableFile {
 public:
  // Creates a temporary file (".vbrain-…") in `folder`, which must outlive this.
  explicit DurableFile(const Dir& folder);
  // Removes the temporary file unless committed.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  int fd() const { return fd_.get(); }
  // fsync → close → rename to `name` (one component), replacing an existing file → fsync of the folder, unless the
  // caller does that once for several files.
  void commit(std::string_view name, bool sync_folder = true);
  // Like commit(), but exclusive: of any number of callers on any number of machines exactly one gets true, also on
  // NFS. For the others, and if the name existed before, nothing changes. Readers must allow two links: between the new
  // name and the removal of the temporary name there is a moment, or a crash.
  bool commit_new(std::string_view name);

 private:
  const Dir& folder_;
  std::string temporary_;
  Fd fd_;
};

// A unique name: 128 random bits in hex.
std::string random_name();

// When the file or folder last changed, by the clock of its file server: its content, or its name. (A rename does not
// change the modification time.)
base::TimePoint changed_at(const struct stat& found);
// When the content of the file was written last, by the clock of its file server. A copy may have kept it.
base::TimePoint written_at(const struct stat& found);

// Sets the modification time, to the second, of a file that this process owns. A file system that refuses is no error:
// the records say the time too.
void set_modified(int fd, base::TimePoint modified) noexcept;

// Writes all bytes at the descriptor's position. Throws VolumeError.
void write_all(int fd, std::string_view bytes);
// fsync, then close with the result checked. Throws VolumeError.
void sync_and_close(Fd fd);

}  // namespace vbrain::artifacts
