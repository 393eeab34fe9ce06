#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace vbrain::artifacts {

// An owner can remove every right from a file or folder: with chmod(2), the sticky bit, another group, or an access
// control list (acl(5)). These functions set kFolderMode or kFileMode again. They return 0 or an errno; EPERM if this
// process is not the owner. They do not throw and may be called from any thread.

// For an open folder or regular file. Sets the group too, if given, and removes the access control lists.
int restore_access(int fd, std::optional<gid_t> group = {});

// For the entry `name` of the open folder `dir`; needs no right on the entry itself. Symbolic links and special files
// are not changed (0). Needs /proc.
int restore_access_at(int dir, const std::string& name, std::optional<gid_t> group = {});

}  // namespace vbrain::artifacts
