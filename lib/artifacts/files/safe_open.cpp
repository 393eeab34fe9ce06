#include "artifacts/files/safe_open.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "artifacts/files/beneath.hpp"
#include "artifacts/files/tree_remover.hpp"
#include "base/files/io.hpp"

namespace vbrain::artifacts {

namespace {

int open_below(int dir, std::string_view path, std::uint64_t flags, mode_t mode, std::uint64_t resolve) {
  const std::string name(path);
  if (name.find('\0') != std::string::npos) {
    errno = EINVAL;
    return -1;
  }
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | resolve;
  return static_cast<int>(syscall(SYS_openat2, dir, name.c_str(), &how, sizeof how));
}

}  // namespace

int open_beneath(int dir, std::string_view path, std::uint64_t flags, mode_t mode) {
  int fd = -1;
  do {
    fd = open_below(dir, path, flags, mode, 0);
    // EAGAIN: a rename elsewhere raced with the path resolution (openat2(2)).
  } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
  return fd;
}

int open_beneath_if_cached(int dir, std::string_view path, std::uint64_t flags) {
  return open_below(dir, path, flags, 0, RESOLVE_CACHED);
}

namespace {

[[noreturn]] void fail(std::string_view operation, std::string_view path, int error = errno) {
  throw VolumeError(error, std::string(operation) + " " + std::string(path));
}

base::TimePoint time_of(const timespec& time) {
  using namespace std::chrono;
  return base::TimePoint(duration_cast<milliseconds>(seconds(time.tv_sec) + nanoseconds(time.tv_nsec)));
}

// The errors of openat2(2) for a path that is not beneath the folder: a symbolic link, a mount point, "..".
bool is_escape(int error) {
  return error == ELOOP || error == EXDEV;
}

struct Split {
  std::string_view parent;  // empty: the folder itself
  std::string name;
};

Split split(std::string_view path) {
  const auto slash = path.rfind('/');
  Split result{slash == path.npos ? std::string_view{} : path.substr(0, slash),
               std::string(slash == path.npos ? path : path.substr(slash + 1))};
  if (result.name.empty() || result.name == "." || result.name == ".." || result.name.find('\0') != std::string::npos) {
    fail("use", path, EINVAL);
  }
  return result;
}

// The folder of the last component of a path. The *at() calls without RESOLVE flags (mkdir, rename, unlink, stat) then
// get a single component below a descriptor from openat2. A path of one component needs no other descriptor.
class Parent {
 public:
  // `fd()` is below 0, and errno says why, if the folder can't be opened.
  Parent(int dir, std::string_view parent) : dir_(dir) {
    if (parent.empty()) return;
    opened_ = Fd(open_beneath(dir, parent, O_PATH | O_DIRECTORY));
    dir_ = opened_.get();
  }
  int fd() const { return dir_; }

 private:
  Fd opened_;
  int dir_;
};

Parent open_parent(int dir, std::string_view path, std::string_view parent) {
  Parent opened(dir, parent);
  if (opened.fd() < 0) {
    if (is_escape(errno)) throw UnsafeFile(errno, "open the folder of " + std::string(path));
    fail("open the folder of", path);
  }
  return opened;
}

void sync_fd(int fd, std::string_view path) {
  if (fsync(fd) != 0) fail("fsync", path);
}

void set_mode(int fd, mode_t mode, std::string_view path) {
  struct stat found {};
  if (fstat(fd, &found) != 0) fail("stat", path);
  if ((found.st_mode & 07777) != mode && fchmod(fd, mode) != 0) fail("chmod", path);
}

Fd make_one(int parent, const std::string& name, std::string_view path, bool& made) {
  made = mkdirat(parent, name.c_str(), 0770) == 0;
  if (!made && errno != EEXIST) fail("make folder", path);
  Fd fd(open_beneath(parent, name, O_RDONLY | O_DIRECTORY));
  if (!fd) {
    if (is_escape(errno) || errno == ENOTDIR) throw UnsafeFile(errno, "open folder " + std::string(path));
    fail("open folder", path);
  }
  if (made) set_mode(fd.get(), kFolderMode, path);
  return fd;
}

// The entries of a folder, at most `limit` names. Types are looked up if the file system does not report them.
std::vector<Dir::Entry> read_entries(int dir, std::string_view path, std::size_t limit) {
  const int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = copy < 0 ? nullptr : fdopendir(copy);
  if (stream == nullptr) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    fail("list", path, error);
  }
  std::vector<Dir::Entry> entries;
  errno = 0;
  while (entries.size() < limit) {
    const dirent* entry = readdir(stream);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    unsigned char type = entry->d_type;
    struct stat found {};
    if (type == DT_UNKNOWN && fstatat(dir, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
      type = static_cast<unsigned char>(IFTODT(found.st_mode));
    }
    entries.push_back({std::string(name), type});
    errno = 0;
  }
  const int error = errno;
  closedir(stream);
  if (error != 0) fail("list", path, error);
  return entries;
}

// False if there are more than `budget` things to sync below.
bool sync_below(int dir, std::string_view path, std::size_t& budget) {
  for (const Dir::Entry& entry : read_entries(dir, path, budget + 1)) {
    if (budget == 0) return false;
    --budget;
    const bool folder = entry.type == DT_DIR;
    const Fd fd(open_beneath(dir, entry.name, O_RDONLY | O_NONBLOCK | O_NOCTTY | (folder ? O_DIRECTORY : 0)));
    if (!fd) fail("open", entry.name);
    if (folder && !sync_below(fd.get(), entry.name, budget)) return false;
    sync_fd(fd.get(), entry.name);
  }
  return true;
}

}  // namespace

bool VolumeError::is_full() const {
  return code().value() == ENOSPC || code().value() == EDQUOT;
}

Dir Dir::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail("open folder", path);
  return Dir(std::move(fd));
}

std::optional<Dir> Dir::sub(std::string_view path) const {
  Fd fd(open_beneath(fd_.get(), path, O_RDONLY | O_DIRECTORY));
  if (fd) return Dir(std::move(fd));
  if (errno == ENOENT) return std::nullopt;
  if (is_escape(errno) || errno == ENOTDIR) throw UnsafeFile(errno, "open folder " + std::string(path));
  fail("open folder", path);
}

Dir Dir::at(std::string_view path) const {
  auto found = sub(path);
  if (!found) fail("open folder", path, ENOENT);
  return std::move(*found);
}

Dir Dir::make(std::string_view path) const {
  if (auto found = sub(path)) return std::move(*found);
  const Split name = split(path);
  const Dir parent = name.parent.empty() ? at(".") : make(name.parent);
  bool made = false;
  Dir result(make_one(parent.fd(), name.name, path, made));
  // Also if another process has made it just now: it may not be durable yet.
  parent.sync();
  return result;
}

std::optional<Dir> Dir::make_new(std::string_view path) const {
  const Split name = split(path);
  const Parent parent = open_parent(fd_.get(), path, name.parent);
  if (mkdirat(parent.fd(), name.name.c_str(), 0770) != 0) {
    if (errno == EEXIST) return std::nullopt;
    fail("make folder", path);
  }
  Fd fd(open_beneath(parent.fd(), name.name, O_RDONLY | O_DIRECTORY));
  if (!fd) fail("open folder", path);
  set_mode(fd.get(), kFolderMode, path);
  return Dir(std::move(fd));
}

std::optional<OpenFile> Dir::open_file(std::string_view path, nlink_t max_links) const {
  // O_NONBLOCK: without it, a FIFO without a writer blocks the thread forever. It has no effect on regular files.
  Fd fd(open_beneath(fd_.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    // ENXIO: a socket.
    if (is_escape(errno) || errno == ENOTDIR || errno == ENXIO) {
      throw UnsafeFile(errno, "open " + std::string(path));
    }
    fail("open", path);
  }
  struct stat found {};
  if (fstat(fd.get(), &found) != 0) fail("stat", path);
  if (!S_ISREG(found.st_mode)) throw UnsafeFile(EINVAL, "not a regular file: " + std::string(path));
  // 0: removed after it was opened, which is harmless. Above 1: the other name may be a file that the tenant must not
  // read.
  if (found.st_nlink > max_links) throw UnsafeFile(EMLINK, "more than one link: " + std::string(path));
  return OpenFile{std::move(fd), static_cast<std::uint64_t>(found.st_size), time_of(found.st_mtim)};
}

std::optional<std::string> Dir::read_file(std::string_view path, std::uint64_t max_bytes, nlink_t max_links) const {
  const auto file = open_file(path, max_links);
  if (!file) return std::nullopt;
  if (file->size > max_bytes) throw UnsafeFile(EFBIG, "larger than allowed: " + std::string(path));
  std::string bytes(file->size, '\0');
  const ssize_t got = base::read_full(file->fd.get(), bytes);
  if (got < 0) fail("read", path);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

std::optional<Fd> Dir::create_file(std::string_view path) const {
  Fd fd(open_beneath(fd_.get(), path, O_WRONLY | O_CREAT | O_EXCL, kFileMode));
  if (!fd) {
    if (errno == EEXIST) return std::nullopt;
    if (is_escape(errno) || errno == ENOTDIR) throw UnsafeFile(errno, "create " + std::string(path));
    fail("create", path);
  }
  set_mode(fd.get(), kFileMode, path);
  return fd;
}

void Dir::write_file_durably(std::string_view path, std::string_view bytes) const {
  const Split name = split(path);
  std::optional<Dir> parent;
  if (!name.parent.empty()) parent = at(name.parent);
  DurableFile file(parent ? *parent : *this);
  write_all(file.fd(), bytes);
  file.commit(name.name);
}

std::vector<Dir::Entry> Dir::list(std::size_t limit) const {
  auto entries = read_entries(fd_.get(), "folder", limit);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::optional<struct stat> Dir::status(std::string_view path) const {
  struct stat found {};
  if (path.find('/') != path.npos) {
    const Fd fd(open_beneath(fd_.get(), path, O_PATH | O_NOFOLLOW));
    if (fd) {
      if (fstat(fd.get(), &found) != 0) fail("stat", path);
      return found;
    }
    if (errno == ENOENT) return std::nullopt;
    if (!is_escape(errno) && errno != ENOTDIR) fail("stat", path);
    // RESOLVE_NO_SYMLINKS refuses a symbolic link as the last component too. lstat(2) of the link itself is harmless.
  }
  const Split name = split(path);
  const Parent parent = open_parent(fd_.get(), path, name.parent);
  if (fstatat(parent.fd(), name.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) return found;
  if (errno == ENOENT) return std::nullopt;
  fail("stat", path);
}

bool Dir::move(std::string_view from, const Dir& target, std::string_view to) const {
  const Split source = split(from);
  const Split destination = split(to);
  const Parent source_parent = open_parent(fd_.get(), from, source.parent);
  const Parent target_parent = open_parent(target.fd(), to, destination.parent);
  // rename(2), since NFS has no RENAME_NOREPLACE. It can replace only an empty folder, and published folders are never
  // empty.
  if (renameat(source_parent.fd(), source.name.c_str(), target_parent.fd(), destination.name.c_str()) == 0) {
    return true;
  }
  if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR || errno == EISDIR) return false;
  fail("rename to", to);
}

bool Dir::remove_file(std::string_view path) const {
  const Split name = split(path);
  const Parent parent(fd_.get(), name.parent);
  if (parent.fd() < 0) {
    if (errno == ENOENT) return false;
    fail("open the folder of", path);
  }
  if (unlinkat(parent.fd(), name.name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  fail("remove", path);
}

bool Dir::remove_tree(std::string_view path, std::stop_token stop) const {
  const Split name = split(path);
  const Parent parent(fd_.get(), name.parent);
  if (parent.fd() < 0) {
    if (errno == ENOENT) return false;
    fail("open the folder of", path);
  }
  struct stat found {};
  if (fstatat(parent.fd(), name.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    fail("stat", path);
  }
  TreeRemover(parent.fd(), name.name, std::move(stop)).run();
  return true;
}

void Dir::sync() const {
  sync_fd(fd_.get(), "folder");
}

void Dir::sync_tree() const {
  // For the few files of most inputs one fsync each is cheapest, for many files one syncfs.
  std::size_t budget = 256;
  if (!sync_below(fd_.get(), "folder", budget) && syncfs(fd_.get()) != 0) fail("syncfs", "folder");
  sync();
}

base::TimePoint written_at(const struct stat& found) {
  return time_of(found.st_mtim);
}

base::TimePoint changed_at(const struct stat& found) {
  return std::max(time_of(found.st_mtim), time_of(found.st_ctim));
}

}  // namespace vbrain::artifacts
