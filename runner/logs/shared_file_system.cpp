#include "runner/logs/shared_file_system.hpp"

#include <sys/vfs.h>

#include <algorithm>
#include <array>

namespace vbrain::runner {

bool is_on_shared_file_system(int fd) {
  struct statfs found {};
  if (fstatfs(fd, &found) != 0) return false;
  constexpr std::array<unsigned long, 6> kShared = {
      0x6969,      // NFS
      0x65735546,  // FUSE
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x00C36400,  // Ceph
      0x01021997,  // 9p
  };
  return std::find(kShared.begin(), kShared.end(), static_cast<unsigned long>(found.f_type) & 0xFFFFFFFF) !=
         kShared.end();
}

}  // namespace vbrain::runner
