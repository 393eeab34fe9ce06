#include "artifacts/files/quick_look.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "artifacts/files/beneath.hpp"

namespace vbrain::artifacts {
namespace {

constexpr long kXfs = 0x58465342;  // XFS_SB_MAGIC; linux/magic.h has it since Linux 6.0

bool is_local(int fd) {
  constexpr std::array<long, 4> kLocal{EXT4_SUPER_MAGIC, kXfs, BTRFS_SUPER_MAGIC, TMPFS_MAGIC};
  struct statfs found {};
  return fstatfs(fd, &found) == 0 && std::ranges::find(kLocal, static_cast<long>(found.f_type)) != kLocal.end();
}

}  // namespace

QuickLook::QuickLook(const Dir& root) : root_(root), local_(is_local(root.fd())) {}

std::optional<struct stat> QuickLook::status(std::string_view path) const {
  if (!local_) return std::nullopt;
  // A name in memory keeps its inode in memory, so fstat(2) waits for no disk.
  const Fd fd(open_beneath_if_cached(root_.fd(), path, O_PATH | O_NOFOLLOW));
  struct stat found {};
  if (!fd || fstat(fd.get(), &found) != 0) return std::nullopt;
  return found;
}

}  // namespace vbrain::artifacts
