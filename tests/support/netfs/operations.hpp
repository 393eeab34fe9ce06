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

// What the kernel asks of the mount; the session's user data is a Client. Differs from a local file system as NFS does:
//   - A file that is removed or replaced while this client has it open is renamed to ".nfs<inode><number>" in its
//     folder and removed when it is closed; until then its folder cannot be removed (ENOTEMPTY) nor it itself (EBUSY).
//     Unlike in NFS, O_PATH descriptors do not count as open: the kernel does not tell of them.
//   - Whoever uses a file or folder that another client has removed gets ESTALE.
//   - There is no O_TMPFILE, no reflink, no flag of renameat2, no fallocate, no extended attribute.
//   - Names, attributes and lists are answered from memory for as long as Memory says.
// What is made belongs to the caller; the kernel checks permissions (default_permissions).
const fuse_lowlevel_ops& operations();

}  // namespace vbrain::netfs
