#pragma once

#include <string>

namespace vbrain::netfs {

// Forks a process of a session of its own that ends the mount as soon as this program or its parent has ended, in
// whatever way: it kills this program, which lets go whoever hangs in the mount, and unmounts. Call it before threads
// are started. Throws std::system_error.
void start_guardian(const std::string& mount_point);

// Takes the mount out of the tree, also while it is in use. Does nothing where nothing is mounted.
void unmount(const std::string& mount_point);

}  // namespace vbrain::netfs
