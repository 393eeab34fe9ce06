#include "runner/process/landlock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace vbrain::runner {
namespace {

using artifacts::Fd;

// Rights of versions 2 and 3; older kernel headers lack the names.
constexpr std::uint64_t kRefer = 1ULL << 13;
constexpr std::uint64_t kTruncate = 1ULL << 14;
constexpr std::uint64_t kFileRights = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kFolderRights =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | kRefer;

struct Rights {
  std::uint64_t file;
  std::uint64_t folder;
};

// The folders that contain `path`, each with the next component: "/" and "vbrain", "/vbrain" and "attempt".
std::vector<std::pair<std::string, std::string>> levels(const std::string& path) {
  std::vector<std::pair<std::string, std::string>> result;
  for (std::size_t slash = 0; slash != std::string::npos;) {
    const std::size_t next = path.find('/', slash + 1);
    const std::string name = path.substr(slash + 1, next == path.npos ? path.npos : next - slash - 1);
    if (!name.empty()) result.emplace_back(slash == 0 ? "/" : path.substr(0, slash), name);
    slash = next;
  }
  return result;
}

void allow(int ruleset, const std::string& path, const Rights& rights) {
  const Fd fd(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat found {};
  // The target of a symbolic link gets a rule of its own, since it lies in one of these folders or below.
  if (!fd || fstat(fd.get(), &found) != 0 || S_ISLNK(found.st_mode)) return;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(found.st_mode) ? rights.file | rights.folder : rights.file;
  rule.parent_fd = fd.get();
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

}  // namespace

Fd make_ruleset_without(const std::string& excluded) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 2) return {};
  const Rights rights{kFileRights | (version >= 3 ? kTruncate : 0), kFolderRights};
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights.file | rights.folder;
  Fd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset) return {};
  for (const auto& [folder, leading_on] : levels(excluded)) {
    DIR* stream = opendir(folder.c_str());
    // Entries of a folder that cannot be read would get no rule. Use no ruleset then.
    if (stream == nullptr) return {};
    while (const dirent* entry = readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && name != leading_on) {
        allow(ruleset.get(), (folder == "/" ? "" : folder) + "/" + name, rights);
      }
    }
    closedir(stream);
  }
  return ruleset;
}

bool restricts_more(const std::string& excluded) {
  for (const auto& [folder, leading_on] : levels(excluded)) {
    if (access(folder.c_str(), W_OK) == 0) return true;
  }
  return false;
}

bool enter_ruleset(int ruleset) {
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

}  // namespace vbrain::runner
