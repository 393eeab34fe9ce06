#include "artifacts/files/access.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <vector>

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

// The name of an open file, if `path` is its link in /proc.
std::string resolved(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size > 0 && path.starts_with("/proc/self/fd/") ? std::string(target.data(), static_cast<std::size_t>(size))
                                                        : path;
}

// "user 1000 with groups 1000 and 2000"
std::string who_this_is() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(getgroups(0, nullptr), 0)));
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  std::string text = "user " + std::to_string(geteuid()) + " with group " + std::to_string(getegid());
  for (const gid_t group : groups) {
    if (group != getegid()) text += ", " + std::to_string(group);
  }
  return text;
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
  const std::string path = link_of(entry.get());
  removexattr(path.c_str(), kAccessList);
  if (S_ISDIR(found.st_mode)) removexattr(path.c_str(), kDefaultList);
  if (group && found.st_gid != *group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return errno;
  return chmod(path.c_str(), wanted_mode(found)) == 0 ? 0 : errno;
}

void restore_own_folder(const Dir& folder) {
  struct stat found {};
  // The folder can be listed, but its entries can't be opened.
  if (fstat(folder.fd(), &found) == 0 && (found.st_mode & 0700) != 0700) restore_access(folder.fd());
}

std::optional<Dir> open_own_folder(const Dir& parent, std::string_view name) {
  auto folder = open_as_owner(parent, name, [&] { return parent.sub(name); });
  if (folder) restore_own_folder(*folder);
  return folder;
}

bool ignores_case(const Dir& folder, std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const auto found = folder.status(name);
  const auto other = folder.status(upper);
  return found && other && found->st_ino == other->st_ino && found->st_dev == other->st_dev;
}

std::string explain_denial(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0 || faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) == 0) {
    return {};
  }
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(found.st_mode & 07777));
  return "folder " + resolved(path) + " belongs to user " + std::to_string(found.st_uid) + " and group " +
         std::to_string(found.st_gid) + " and has mode " + mode.data() + ", and this process is " + who_this_is() +
         "; give the folder the group volume.gid of the chart and mode 2770 (chgrp, chmod)";
}

}  // namespace vbrain::artifacts
