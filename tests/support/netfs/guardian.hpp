#pragma once

#include <string>

namespace vbrain::netfs {

// Forks a process, in a session of its own, that waits for the end of this program or of its parent. Then it kills this
// program and unmounts. Calls that hang in the mount fail then. Must be called before threads are started. Throws
// std::system_error.
void start_guardian(const std::string& mount_point);

// Unmounts, also while the mount is in use (MNT_DETACH). Does nothing if nothing is mounted.
void unmount(const std::string& mount_point);

}  // namespace vbrain::netfs
