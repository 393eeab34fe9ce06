#pragma once

#include <fuse3/fuse_lowlevel.h>

#include <atomic>

#include "support/netfs/faults.hpp"
#include "support/netfs/nodes.hpp"

namespace vbrain::netfs {

// One client of the file server: one mount.
struct Client {
  explicit Client(base::Fd root) : nodes(std::move(root)) {}
  Nodes nodes;
  Faults faults;
  // A file that is removed while this client has it open gets a name ".nfs…".
  std::atomic<bool> silly_rename = true;
  std::atomic<unsigned> silly_names = 0;
};

// The FUSE operations. The session's user data is a Client. They differ from a local file system as NFS does:
//   - A file that is removed or replaced while this client has it open is renamed to ".nfs<inode><number>" in its
//     folder, and removed when it is closed. Until then, removing its folder gives ENOTEMPTY, and removing it EBUSY.
//     Unlike on NFS, an O_PATH descriptor does not keep a file open: the kernel does not report it to FUSE.
//   - A call on a file or folder that another client has removed gives ESTALE, also on an open descriptor.
//   - Not supported: O_TMPFILE, reflinks, flags of renameat2(2), fallocate(2), extended attributes.
//   - Names, attributes and lists of folders are cached for the times in Memory.
// A new file belongs to the caller. The kernel checks permissions (mount option default_permissions).
const fuse_lowlevel_ops& operations();

}  // namespace vbrain::netfs
