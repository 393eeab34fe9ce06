#pragma once

#include <sys/types.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/files/safe_open.hpp"

namespace vbrain::artifacts {

// An owner can remove every right from a file or folder: with chmod(2), the sticky bit, another group, or an access
// control list (acl(5)). These functions set kFolderMode or kFileMode again. They return 0 or an errno; EPERM if this
// process is not the owner. They do not throw and may be called from any thread.

// For an open folder or regular file. Sets the group too, if given, and removes the access control lists.
int restore_access(int fd, std::optional<gid_t> group = {});

// For the entry `name` of the open folder `dir`; needs no right on the entry itself. Symbolic links and special files
// are not changed (0). Needs /proc.
int restore_access_at(int dir, const std::string& name, std::optional<gid_t> group = {});

// Calls `open`, which opens the entry `name` of `folder`. An application with the servers' own user may have removed
// its mode bits, and its runner may have been killed before it restored them. Then the owner restores them here, and
// `open` is called again.
template <class Open>
auto open_as_owner(const Dir& folder, std::string_view name, const Open& open) {
  try {
    return open();
  } catch (const UnsafeFile&) {
    throw;
  } catch (const VolumeError& error) {
    if (error.code().value() != EACCES || restore_access_at(folder.fd(), std::string(name)) != 0) throw;
  }
  return open();
}

// Restores the rights of an open folder whose owner could not open its entries.
void restore_own_folder(const Dir& folder);
// The folder `name` of `parent`, opened with open_as_owner() and restore_own_folder(). Nothing if it does not exist.
std::optional<Dir> open_own_folder(const Dir& parent, std::string_view name);

// Why this process may not use a folder of the volume, and what to do: its path, user, group and mode, and who this
// process is. Empty if the process has all rights on it. `path` may be that of link_of().
std::string explain_denial(const std::string& path);

// Whether the file system takes the name of an entry in upper case for the same entry (SMB, ext4 with casefold). The
// name has a lower-case letter. Then tenants whose names differ in case only would share their folder. Throws
// VolumeError.
bool ignores_case(const Dir& folder, std::string_view name);

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
