#include "artifacts/scans/store_sweep.hpp"

#include <dirent.h>

#include <cerrno>

#include "artifacts/scans/volume_walk.hpp"

namespace vbrain::artifacts {
namespace {

// Maximum depth of a tree for the check of its age; deeper entries count as old.
constexpr int kAgeDepth = 64;

// True if nothing in the tree has changed since: an upload may continue for a day below an old folder. An unreadable
// folder has only its own age. False when `stop` is requested.
bool is_older(const Dir& folder, const std::string& name, base::TimePoint before, const std::stop_token& stop,
              int depth = kAgeDepth) {
  if (stop.stop_requested()) return false;
  const auto found = folder.status(name);
  if (!found) return false;
  if (changed_at(*found) >= before) return false;
  if (!S_ISDIR(found->st_mode) || depth == 0) return true;
  try {
    const auto below = folder.sub(name);
    return below && walk::each_entry(*below, [&](const Dir::Entry& entry) {
             return is_older(*below, entry.name, before, stop, depth - 1);
           });
  } catch (const VolumeError& error) {
    if (error.code().value() != EACCES) throw;
    return true;
  }
}

class Sweep {
 public:
  Sweep(const SweepTimes& before, const OnUnreadable& unreadable, const OnNotRemoved& not_removed, std::stop_token stop)
      : before_(before), unreadable_(unreadable), not_removed_(not_removed), stop_(std::move(stop)) {}

  bool tenant(const Dir& tenant, const std::string& path) {
    const auto is_staged_old = [&](const Dir& folder, const std::string& name) {
      return is_older(folder, name, before_.staged, stop_);
    };
    // No program writes there any more. The contents have their own times, and may be unreadable.
    const auto is_trashed_old = [&](const Dir& folder, const std::string& name) {
      const auto found = folder.status(name);
      return found && changed_at(*found) < before_.trashed;
    };
    return below(tenant, path + "/", ".staging", "", is_staged_old) &&
           below(tenant, path + "/", ".trash", "", is_trashed_old);
  }

  // The entries of the root folder and of bin/.
  bool leftovers(const Dir& root) {
    const auto is_old = [&](const Dir& folder, const std::string& name) {
      return is_older(folder, name, before_.staged, stop_);
    };
    return walk::guarded(".", unreadable_, [&] { return entries(root, ".", ".probe-", is_old); }) &&
           below(root, "", "bin", ".staging-", is_old);
  }

  std::size_t removed() const { return removed_; }

 private:
  template <class IsOld>
  bool below(const Dir& folder, const std::string& path, const char* name, std::string_view prefix,
             const IsOld& is_old) {
    return walk::guarded(path + name, unreadable_, [&] {
      const auto found = folder.sub(name);
      return !found || entries(*found, path + name, prefix, is_old);
    });
  }

  template <class IsOld>
  bool entries(const Dir& folder, const std::string& path, std::string_view prefix, const IsOld& is_old) {
    return walk::each_entry(folder, [&](const Dir::Entry& entry) {
      if (!entry.name.starts_with(prefix)) return !stop_.stop_requested();
      try {
        const bool began = is_old(folder, entry.name) && folder.remove_tree(entry.name, stop_);
        if (began && !stop_.stop_requested()) ++removed_;
      } catch (const VolumeError& error) {
        not_removed_(path, error);
      }
      return !stop_.stop_requested();
    });
  }

  const SweepTimes before_;
  const OnUnreadable& unreadable_;
  const OnNotRemoved& not_removed_;
  const std::stop_token stop_;
  std::size_t removed_ = 0;
};

// Removes the markers of one repository that name no job's folder; returns how many.
std::size_t sweep_index(const Dir& markers, const std::optional<Dir>& jobs, base::TimePoint before,
                        const std::stop_token& stop) {
  std::size_t removed = 0;
  walk::each_entry(markers, [&](const Dir::Entry& entry) {
    if (entry.type == DT_REG && is_job_folder_name(entry.name) && !(jobs && jobs->status(entry.name))) {
      const auto marker = markers.status(entry.name);
      if (marker && changed_at(*marker) < before && markers.remove_file(entry.name)) ++removed;
    }
    return !stop.stop_requested();
  });
  if (removed > 0) markers.sync();
  return removed;
}

}  // namespace

std::size_t sweep_rubbish(const Store& store, const SweepTimes& before, const OnUnreadable& unreadable,
                          const OnNotRemoved& not_removed, std::stop_token stop) {
  Sweep sweep(before, unreadable, not_removed, std::move(stop));
  const auto visit = [&](const Dir& tenant, const std::string& path) { return sweep.tenant(tenant, path); };
  const auto tenants = [&] { return walk::each_tenant(store.root(), unreadable, visit); };
  static_cast<void>(sweep.leftovers(store.root()) && walk::guarded("tenants", unreadable, tenants));
  return sweep.removed();
}

std::size_t sweep_markers(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                          std::stop_token stop) {
  std::size_t removed = 0;
  const auto visit = [&](const Dir& tenant, const std::string& path) {
    const auto repositories = tenant.sub("repositories");
    if (!repositories) return true;
    const auto jobs = tenant.sub("jobs");
    return walk::each_entry(*repositories, [&](const Dir::Entry& entry) {
      if (entry.type != DT_DIR || !is_repository_id(entry.name)) return !stop.stop_requested();
      return walk::guarded(path + "/repositories/" + entry.name, unreadable, [&] {
        if (const auto markers = repositories->sub(entry.name + "/jobs")) {
          removed += sweep_index(*markers, jobs, before, stop);
        }
        return !stop.stop_requested();
      });
    });
  };
  walk::guarded("tenants", unreadable, [&] { return walk::each_tenant(store.root(), unreadable, visit); });
  return removed;
}

}  // namespace vbrain::artifacts
