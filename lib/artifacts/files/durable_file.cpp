// Files that get their name when they are complete.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "artifacts/files/safe_open.hpp"
#include "base/files/io.hpp"
#include "base/text/digest.hpp"

namespace vbrain::artifacts {
namespace {

[[noreturn]] void fail(std::string_view operation, std::string_view path, int error = errno) {
  throw VolumeError(error, std::string(operation) + " " + std::string(path));
}

std::string one_component(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos || name.find('\0') != name.npos) {
    fail("commit", name, EINVAL);
  }
  return std::string(name);
}

bool is_same_file(int dir, const std::string& left, const std::string& right) {
  struct stat one {};
  struct stat other {};
  return fstatat(dir, left.c_str(), &one, AT_SYMLINK_NOFOLLOW) == 0 &&
         fstatat(dir, right.c_str(), &other, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

bool has_no_hard_links(int error) {
  return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

// Gives a file the second name `to`, unless that name is taken. By link(2), since NFS has no RENAME_NOREPLACE. File
// systems without hard links (SMB, FAT) have RENAME_NOREPLACE.
bool name_exclusively(int dir, const std::string& from, const std::string& to) {
  if (linkat(dir, from.c_str(), dir, to.c_str(), 0) == 0) return true;
  if (has_no_hard_links(errno) && syscall(SYS_renameat2, dir, from.c_str(), dir, to.c_str(), RENAME_NOREPLACE) == 0) {
    return true;
  }
  if (errno != EEXIST) fail("link to", to);
  // If an NFS server's answer is lost, the client sends the request again and gets EEXIST for its own name (open(2)).
  return is_same_file(dir, from, to);
}

}  // namespace

std::string random_name() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name;
  for (const char byte : base::random_bytes(16)) {
    name += {kDigits[(byte >> 4) & 15], kDigits[byte & 15]};
  }
  return name;
}

DurableFile::DurableFile(const Dir& folder) : folder_(folder) {
  std::optional<Fd> fd;
  do {
    temporary_ = ".vbrain-" + random_name();
    fd = folder.create_file(temporary_);
  } while (!fd);
  fd_ = std::move(*fd);
}

DurableFile::~DurableFile() {
  if (!temporary_.empty()) unlinkat(folder_.fd(), temporary_.c_str(), 0);
}

void DurableFile::commit(std::string_view name, bool sync_folder) {
  const std::string target = one_component(name);
  sync_and_close(std::move(fd_));
  if (renameat(folder_.fd(), temporary_.c_str(), folder_.fd(), target.c_str()) != 0) fail("rename to", name);
  temporary_.clear();
  if (sync_folder) folder_.sync();
}

bool DurableFile::commit_new(std::string_view name) {
  const std::string target = one_component(name);
  sync_and_close(std::move(fd_));
  if (!name_exclusively(folder_.fd(), temporary_, target)) return false;
  // If this fails the file keeps two names, which readers allow.
  unlinkat(folder_.fd(), temporary_.c_str(), 0);
  temporary_.clear();
  folder_.sync();
  return true;
}

void set_modified(int fd, base::TimePoint modified) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(modified).time_since_epoch().count();
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  static_cast<void>(futimens(fd, times));
}

void write_all(int fd, std::string_view bytes) {
  if (!base::write_full(fd, bytes)) fail("write", "file");
}

void sync_and_close(Fd fd) {
  if (fsync(fd.get()) != 0) fail("fsync", "file");
  if (::close(fd.release()) != 0) fail("close", "file");
}

}  // namespace vbrain::artifacts
