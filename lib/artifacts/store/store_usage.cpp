#include "artifacts/store/store_usage.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "artifacts/store/volume_walk.hpp"

namespace vbrain::artifacts {
namespace {

// Deeper folders are not counted: each level holds a descriptor.
constexpr int kDepth = 64;
constexpr std::uint64_t kBlock = 512;  // of st_blocks

TreeSize size_of(const struct stat& found) {
  if (!S_ISREG(found.st_mode)) return {};
  const auto size = static_cast<std::uint64_t>(found.st_size);
  return {.bytes = std::min(size, static_cast<std::uint64_t>(found.st_blocks) * kBlock), .files = 1};
}

// An application may make a folder that nobody may read; others vanish while they are read.
bool is_passable(const VolumeError& error) {
  const int code = error.code().value();
  return code == EACCES || code == ENOENT || code == ESTALE || code == ENOTDIR;
}

TreeSize measure(const Dir& folder, const std::string& name, int depth = kDepth) {
  TreeSize size;
  try {
    const auto found = folder.status(name);
    if (!found) return size;
    if (!S_ISDIR(found->st_mode)) return size_of(*found);
    const auto below = depth > 0 ? folder.sub(name) : std::nullopt;
    if (!below) return size;
    walk::each_entry(*below, [&](const Dir::Entry& entry) {
      size += measure(*below, entry.name, depth - 1);
      return true;
    });
  } catch (const VolumeError& error) {
    if (!is_passable(error)) throw;
  }
  return size;
}

}  // namespace

TreeSize& TreeSize::operator+=(const TreeSize& other) {
  bytes += other.bytes;
  files += other.files;
  return *this;
}

TreeSize& TreeSize::operator-=(const TreeSize& other) {
  bytes -= std::min(bytes, other.bytes);
  files -= std::min(files, other.files);
  return *this;
}

bool ScannedTenant::each_job(const std::function<bool(const ScannedJob&, const TreeSize&)>& visit,
                             const OnUnreadable& unreadable) const {
  const auto jobs = folder_.sub("jobs");
  return !jobs || walk::each_entry(*jobs, [&](const Dir::Entry& entry) {
    if (entry.type != DT_DIR || !is_job_folder_name(entry.name)) return true;
    const std::string path = path_ + "/jobs/" + entry.name;
    return walk::guarded(path, unreadable,
                         [&] { return visit(ScannedJob(*jobs, path, entry.name), measure(*jobs, entry.name)); });
  });
}

bool ScannedTenant::each_repository(const std::function<bool(const ScannedRepository&)>& visit,
                                    const OnUnreadable& unreadable) const {
  const auto repositories = folder_.sub("repositories");
  return !repositories || walk::each_entry(*repositories, [&](const Dir::Entry& entry) {
    if (entry.type != DT_DIR || !is_repository_id(entry.name)) return true;
    return walk::guarded(path_ + "/repositories/" + entry.name, unreadable, [&] {
      const auto found = repositories->status(entry.name);
      if (!found) return true;
      ScannedRepository repository{.id = entry.name, .size = measure(*repositories, entry.name)};
      repository.changed = changed_at(*found);
      if (const auto index = repositories->sub(entry.name + "/jobs")) {
        const auto changed = repositories->status(entry.name + "/jobs");
        if (changed) repository.changed = std::max(repository.changed, changed_at(*changed));
        repository.used = !walk::each_entry(*index, [](const Dir::Entry&) { return false; });
      }
      return visit(repository);
    });
  });
}

TreeSize ScannedTenant::trash() const {
  return measure(folder_, ".trash");
}

TreeSize ScannedTenant::staging() const {
  return measure(folder_, ".staging");
}

void scan_tenants(const Store& store, const std::function<bool(const ScannedTenant&)>& visit,
                  const OnUnreadable& unreadable) {
  walk::each_tenant(store.root(), unreadable,
                    [&](const Dir& folder, const std::string& path) { return visit(ScannedTenant(folder, path)); });
}

}  // namespace vbrain::artifacts
