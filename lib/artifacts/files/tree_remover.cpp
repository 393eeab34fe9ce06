#include "artifacts/files/tree_remover.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "artifacts/archive/utf8.hpp"
#include "artifacts/files/access.hpp"
#include "artifacts/files/beneath.hpp"
#include "artifacts/files/safe_open.hpp"

namespace vbrain::artifacts {
namespace {

constexpr int kDepth = 40;
constexpr std::size_t kShownPath = 500;

struct CloseStream {
  void operator()(DIR* stream) const { closedir(stream); }
};
using Stream = std::unique_ptr<DIR, CloseStream>;

bool is_folder(int dir, const std::string& name) {
  struct stat found {};
  return fstatat(dir, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

// Opens a folder to empty it, with all rights that its owner can have. Null and errno on failure.
Stream open_folder(int dir, const std::string& name) {
  Fd fd(open_beneath(dir, name, O_RDONLY | O_DIRECTORY));
  if (!fd && errno == EACCES) {
    const int error = restore_access_at(dir, name);
    errno = error == 0 ? 0 : EACCES;
    if (error == 0) fd = Fd(open_beneath(dir, name, O_RDONLY | O_DIRECTORY));
  }
  if (!fd) return nullptr;
  struct stat found {};
  // The owner needs rwx; a sticky bit prevents other members of the group from removing entries. A process that is not
  // the owner can change neither, but may have the needed rights.
  const bool restricted =
      fstat(fd.get(), &found) == 0 && ((found.st_mode & 0700) != 0700 || (found.st_mode & S_ISVTX) != 0);
  if (restricted) restore_access(fd.get());
  Stream stream(fdopendir(fd.get()));
  if (stream != nullptr) static_cast<void>(fd.release());
  return stream;
}

}  // namespace

TreeRemover::TreeRemover(int parent, std::string name, std::stop_token stop)
    : parent_(parent), name_(std::move(name)), stop_(std::move(stop)) {}

void TreeRemover::run() {
  if (remove(parent_, name_, name_, 0) || stopped_) return;
  throw VolumeError(error_, failure_);
}

bool TreeRemover::failed(const char* operation, const std::string& path, int error) {
  if (failure_.empty()) {
    failure_ = std::string(operation) + " " + printable(path, kShownPath);
    error_ = error;
  }
  return false;
}

bool TreeRemover::remove(int dir, const std::string& name, const std::string& path, int depth) {
  if (unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  const int error = errno;
  // For a folder POSIX specifies EPERM, and Linux returns EISDIR. An immutable file gives EPERM, too.
  if (error != EISDIR && !(error == EPERM && is_folder(dir, name))) return failed("remove", path, error);
  return depth >= kDepth ? lift(dir, name, path) : remove_folder(dir, name, path, depth);
}

bool TreeRemover::remove_folder(int dir, const std::string& name, const std::string& path, int depth) {
  const Stream stream = open_folder(dir, name);
  if (stream == nullptr) return errno == ENOENT || failed("open folder", path, errno);
  if (depth == 0) top_ = dirfd(stream.get());
  if (!empty(stream.get(), path, depth)) return false;
  if (unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  return failed("remove folder", path, errno);
}

// Moves a folder that is too deep to the top of the tree.
bool TreeRemover::lift(int dir, const std::string& name, const std::string& path) {
  bool restored = false;
  for (;;) {
    const std::string target = ".vbrain-deep-" + std::to_string(lifted_);
    if (renameat(dir, name.c_str(), top_, target.c_str()) == 0) {
      ++lifted_;
      return true;
    }
    if (errno == ENOENT) return true;
    if (errno == ENOTEMPTY || errno == EEXIST) {
      ++lifted_;  // left by an earlier try that could not remove everything
    } else if (errno == EACCES && !std::exchange(restored, true)) {
      restore_access_at(dir, name);  // a folder must be writable to get another parent
    } else {
      return failed("move", path, errno);
    }
  }
}

// Repeats passes over the folder until nothing is left or a pass has removed nothing, because readdir(3) may skip
// entries while others are removed.
bool TreeRemover::empty(DIR* stream, const std::string& path, int depth) {
  for (;;) {
    bool progress = false;
    bool left = false;
    const std::size_t lifted = lifted_;
    rewinddir(stream);
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(stream);
      if (entry == nullptr && errno != 0) return failed("list", path, errno);
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      stopped_ = stopped_ || stop_.stop_requested();
      if (stopped_) return false;
      const bool gone = remove(dirfd(stream), name, path + "/" + name, depth + 1);
      (gone ? progress : left) = true;
    }
    // The next pass removes the entries that were moved to the top during this one.
    if (!progress && (depth > 0 || lifted_ == lifted)) return !left;
  }
}

}  // namespace vbrain::artifacts
