#include "artifacts/store/journal.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace vbrain::artifacts {
namespace {

constexpr long kXfs = 0x58465342;  // XFS_SB_MAGIC; linux/magic.h has it since Linux 6.0

// ext4 runs without a journal too (mkfs.ext4 -O ^has_journal), and ext2 has the same magic number. sysfs names the
// thread that writes the journal, or "<none>".
bool ext4_has_journal(int folder) {
  struct stat found {};
  if (fstat(folder, &found) != 0) return false;
  const std::string device = std::to_string(major(found.st_dev)) + ":" + std::to_string(minor(found.st_dev));
  std::error_code error;
  const auto link = std::filesystem::read_symlink("/sys/dev/block/" + device, error);
  if (error) return false;
  std::ifstream file("/sys/fs/ext4/" + link.filename().string() + "/journal_task");
  std::string thread;
  file >> thread;
  return !thread.empty() && std::ranges::all_of(thread, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool has_ordered_journal(int folder) {
  struct statfs found {};
  if (fstatfs(folder, &found) != 0) return false;
  const auto type = static_cast<long>(found.f_type);
  return type == kXfs || (type == EXT4_SUPER_MAGIC && ext4_has_journal(folder));
}

}  // namespace vbrain::artifacts
