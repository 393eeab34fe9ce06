#pragma once

#include <sys/types.h>

#include <cerrno>
#include <optional>
#include <string>

#include "artifacts/store/safe_open.hpp"

namespace vbrain::artifacts {

// An owner can remove every right from a file or folder: with chmod(2), the sticky bit, another group, or an access
// control list (acl(5)). These functions set kFolderMode or kFileMode again. They return 0 or an errno; EPERM if this
// process is not the owner. They do not throw and may be called from any thread.

// For an open folder or regular file. Sets the group too, if given, and removes the access control lists.
int restore_access(int fd, std::optional<gid_t> group = {});

// For the entry `name` of the open folder `dir`; needs no right on the entry itself. Symbolic links and special files
// are not changed (0). Needs /proc.
int restore_access_at(int dir, const std::string& name, std::optional<gid_t> group = {});

// Why this process may not use a folder of the volume, and what to do: its path, user, group and mode, and who this
// process is. Empty if the process has all rights on it. `path` may be that of link_of().
std::string explain_denial(const std::string& path);

// The path of an open file or folder, in /proc.
inline std::string link_of(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

// Calls `work`. If it is denied (EACCES, EPERM), the VolumeError has the text of explain_denial(path) too.
template <class Work>
auto with_denial_explained(const std::string& path, const Work& work) {
  try {
    return work();
  } catch (const VolumeError& error) {
    const int number = error.code().value();
    const std::string why = number == EACCES || number == EPERM ? explain_denial(path) : std::string();
    if (why.empty()) throw;
    std::string what = error.what();
    if (const std::string end = ": " + error.code().message(); what.ends_with(end))
      what.erase(what.size() - end.size());
    throw VolumeError(number, what + ": " + why);
  }
}

}  // namespace vbrain::artifacts
