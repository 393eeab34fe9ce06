#include "artifacts/store/access.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "artifacts/store/safe_open.hpp"

namespace vbrain::artifacts {
namespace {

constexpr const char* kAccessList = "system.posix_acl_access";
constexpr const char* kDefaultList = "system.posix_acl_default";

mode_t wanted_mode(const struct stat& found) {
  return S_ISDIR(found.st_mode) ? kFolderMode : kFileMode;
}

bool is_restorable(const struct stat& found) {
  return S_ISDIR(found.st_mode) || S_ISREG(found.st_mode);
}

}  // namespace

int restore_access(int fd, std::optional<gid_t> group) {
  struct stat found {};
  if (fstat(fd, &found) != 0) return errno;
  if (!is_restorable(found)) return 0;
  // The list first, because with a list chmod(2) changes its mask and not the group's rights.
  fremovexattr(fd, kAccessList);
  if (S_ISDIR(found.st_mode)) fremovexattr(fd, kDefaultList);
  // The group before the mode, because chown(2) may clear bits of the mode.
  if (group && found.st_gid != *group && fchown(fd, static_cast<uid_t>(-1), *group) != 0) return errno;
  if (fstat(fd, &found) != 0) return errno;
  if ((found.st_mode & 07777) == wanted_mode(found)) return 0;
  return fchmod(fd, wanted_mode(found)) == 0 ? 0 : errno;
}

int restore_access_at(int dir, const std::string& name, std::optional<gid_t> group) {
  const Fd entry(openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat found {};
  if (!entry || fstat(entry.get(), &found) != 0) return errno;
  if (!is_restorable(found)) return 0;
  // fchmod(2) accepts no O_PATH descriptor. Its link in /proc refers to the same file, whatever its current name is.
  const std::string path = "/proc/self/fd/" + std::to_string(entry.get());
  removexattr(path.c_str(), kAccessList);
  if (S_ISDIR(found.st_mode)) removexattr(path.c_str(), kDefaultList);
  if (group && found.st_gid != *group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return errno;
  return chmod(path.c_str(), wanted_mode(found)) == 0 ? 0 : errno;
}

}  // namespace vbrain::artifacts
