#pragma once

#include <sys/stat.h>

#include <optional>
#include <string_view>

#include "artifacts/files/safe_open.hpp"

namespace vbrain::artifacts {

// Looks at a volume without blocking, for threads that must not. It knows only what the kernel has in memory, and
// nothing at all on file systems that may ask a server (NFS, SMB, FUSE, Ceph): there every look-up belongs on a pool.
// Thread-safe.
class QuickLook {
 public:
  // `root` must outlive this.
  explicit QuickLook(const Dir& root);

  // The status of the file or folder at `path`, as it is now: other mounts of a local file system are the same
  // kernel's. Nothing: it cannot be said without waiting, or it does not exist, or it cannot be opened.
  std::optional<struct stat> status(std::string_view path) const;

 private:
  const Dir& root_;
  const bool local_;
};

}  // namespace vbrain::artifacts
