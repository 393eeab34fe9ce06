#include "artifacts/scans/store_usage.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "artifacts/scans/volume_walk.hpp"

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

class Measurement {
 public:
  explicit Measurement(GoOn go_on) : go_on_(std::move(go_on)) {}

  // What is in `name`, a file or a folder. Incomplete if is_stopped() afterwards.
  TreeSize of(const Dir& folder, const std::string& name, int depth = kDepth) {
    TreeSize size;
    is_stopped_ = is_stopped_ || (go_on_ && !go_on_());
    if (is_stopped_) return size;
    try {
      const auto found = folder.status(name);
      if (!found) return size;
      if (!S_ISDIR(found->st_mode)) return size_of(*found);
      const auto below = depth > 0 ? folder.sub(name) : std::nullopt;
      if (!below) return size;
      walk::each_entry(*below, [&](const Dir::Entry& entry) {
        size += of(*below, entry.name, depth - 1);
        return !is_stopped_;
      });
    } catch (const VolumeError& error) {
      if (!is_passable(error)) throw;
    }
    return size;
  }
  bool is_stopped() const { return is_stopped_; }

 private:
  const GoOn go_on_;
  bool is_stopped_ = false;
};

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
                             const OnUnreadable& unreadable, const GoOn& go_on) const {
  const auto jobs = folder_.sub("jobs");
  return !jobs || walk::each_entry(*jobs, [&](const Dir::Entry& entry) {
    if (entry.type != DT_DIR || !is_job_folder_name(entry.name)) return true;
    const std::string path = path_ + "/jobs/" + entry.name;
    return walk::guarded(path, unreadable, [&] {
      Measurement measurement(go_on);
      const TreeSize size = measurement.of(*jobs, entry.name);
      return !measurement.is_stopped() && visit(ScannedJob(*jobs, path, entry.name), size);
    });
  });
}

bool ScannedTenant::each_repository(const std::function<bool(const ScannedRepository&)>& visit,
                                    const OnUnreadable& unreadable, const GoOn& go_on) const {
  const auto repositories = folder_.sub("repositories");
  return !repositories || walk::each_entry(*repositories, [&](const Dir::Entry& entry) {
    if (entry.type != DT_DIR || !is_repository_id(entry.name)) return true;
    return walk::guarded(path_ + "/repositories/" + entry.name, unreadable, [&] {
      const auto found = repositories->status(entry.name);
      if (!found) return true;
      Measurement measurement(go_on);
      ScannedRepository repository{.id = entry.name, .size = measurement.of(*repositories, entry.name)};
      if (measurement.is_stopped()) return false;
      repository.changed = changed_at(*found);
      if (const auto index = repositories->sub(entry.name + "/jobs")) {
        const auto changed = repositories->status(entry.name + "/jobs");
        if (changed) repository.changed = std::max(repository.changed, changed_at(*changed));
        repository.used = !walk::each_entry(*index, [](const Dir::Entry&) { return false; });
      } else {
        repository.half_removed = repositories->status(entry.name + "/" + std::string(layout::kUnused)).has_value();
      }
      return visit(repository);
    });
  });
}

base::TimePoint ScannedTenant::changed() const {
  base::TimePoint latest{};
  for (const char* name : {"jobs", "repositories"}) {
    if (const auto found = folder_.status(name)) latest = std::max(latest, changed_at(*found));
  }
  return latest;
}

TreeSize ScannedTenant::trash() const {
  return Measurement({}).of(folder_, ".trash");
}

TreeSize ScannedTenant::staging() const {
  TreeSize size = Measurement({}).of(folder_, ".staging");
  size += Measurement({}).of(folder_, ".uploads");
  return size;
}

std::optional<std::string> find_published_after(const Store& store, const Tenant& tenant, base::TimePoint time,
                                                const std::function<void()>& go_on) {
  const struct {
    std::string path;
    std::string_view file;
    bool (*is_name)(std::string_view);
  } kinds[] = {{layout::jobs(tenant), layout::kJobFile, is_job_folder_name},
               {layout::repositories(tenant), layout::kRepositoryFile, is_repository_id}};
  std::optional<std::string> newer;
  for (const auto& kind : kinds) {
    const auto folder = store.root().sub(kind.path);
    if (!folder) continue;
    walk::each_entry(*folder, [&](const Dir::Entry& entry) {
      if (entry.type != DT_DIR || !kind.is_name(entry.name)) return true;
      go_on();
      try {
        const auto found = folder->status(entry.name + "/" + std::string(kind.file));
        if (found && written_at(*found) > time) newer = kind.path + "/" + entry.name;
      } catch (const VolumeError& error) {
        if (!is_passable(error)) throw;
      }
      return !newer;
    });
    if (newer) break;
  }
  return newer;
}

void scan_tenants(const Store& store, const std::function<bool(const ScannedTenant&)>& visit,
                  const OnUnreadable& unreadable) {
  walk::each_tenant(store.root(), unreadable,
                    [&](const Dir& folder, const std::string& path) { return visit(ScannedTenant(folder, path)); });
}

}  // namespace vbrain::artifacts
