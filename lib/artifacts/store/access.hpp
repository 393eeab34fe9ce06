#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace vbrain::artifacts {

// An owner can take every right from a file or folder: chmod(2) to 0, the sticky bit, another group, an access control
// list (acl(5)). The functions below set kFolderMode or kFileMode again. They return 0 or an errno; it is EPERM where
// this process is not the owner. They do not throw and may be called from any thread.

// For an open folder or regular file. Sets the group too if one is given, and removes the access control lists.
int restore_access(int fd, std::optional<gid_t> group = {});

// For the entry `name` of the open folder `dir`; no right on the entry itself is needed. Symbolic links and special
// files are left as they are (0). Needs /proc.
int restore_access_at(int dir, const std::string& name, std::optional<gid_t> group = {});

}  // namespace vbrain::artifacts
