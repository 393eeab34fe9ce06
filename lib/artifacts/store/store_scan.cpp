#include "artifacts/store/store_scan.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace vbrain::artifacts {
namespace {

// Levels of a tree that is asked for its age; what lies deeper counts as old.
constexpr int kAgeDepth = 64;
// tenants/<organization>/<application>/<client>
constexpr int kTenantDepth = 3;

// Calls `visit` with one entry after the other until it returns false; false if it did. Nothing is collected, so that
// a folder of a million jobs takes no more memory than one of ten.
template <class Visit>
bool each_entry(const Dir& folder, const Visit& visit) {
  const int copy = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) throw VolumeError(errno, "list a folder");
  struct Close {
    void operator()(DIR* stream) const { closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> stream(fdopendir(copy));
  if (stream == nullptr) {
    const int error = errno;
    ::close(copy);
    throw VolumeError(error, "list a folder");
  }
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) {
      if (errno != 0) throw VolumeError(errno, "list a folder");
      return true;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
      if (const auto found = folder.status(name)) type = static_cast<unsigned char>(IFTODT(found->st_mode));
    }
    if (!visit(Dir::Entry{name, type})) return false;
  }
}

// Does what may find a folder at `path` unreadable.
template <class Work>
bool guarded(const std::string& path, const OnUnreadable& unreadable, const Work& work) {
  try {
    return work();
  } catch (const VolumeError& error) {
    return unreadable(path, error);
  }
}

// Calls `visit` with each folder `depth` levels below and its path until it returns false.
template <class Visit>
bool descend(const Dir& folder, const std::string& path, int depth, const OnUnreadable& unreadable,
             const Visit& visit) {
  if (depth == 0) return visit(folder, path);
  return each_entry(folder, [&](const Dir::Entry& entry) {
    if (entry.type != DT_DIR) return true;
    const std::string name = path + "/" + entry.name;
    return guarded(name, unreadable, [&] {
      const auto below = folder.sub(entry.name);
      return !below || descend(*below, name, depth - 1, unreadable, visit);
    });
  });
}

// Whether nothing in the tree changed since: an upload of a day goes on below a folder that was made a day ago. False
// once `stop` is requested.
bool is_older(const Dir& folder, const std::string& name, base::TimePoint before, const std::stop_token& stop,
              int depth = kAgeDepth) {
  if (stop.stop_requested()) return false;
  const auto found = folder.status(name);
  if (!found) return false;
  if (changed_at(*found) >= before) return false;
  if (!S_ISDIR(found->st_mode) || depth == 0) return true;
  const auto below = folder.sub(name);
  return below && each_entry(*below, [&](const Dir::Entry& entry) {
           return is_older(*below, entry.name, before, stop, depth - 1);
         });
}

}  // namespace

bool ScannedJob::has(std::string_view name) const {
  return jobs_.status(id_ + "/" + std::string(name)).has_value();
}

bool ScannedJob::is_deleted() const {
  return has(layout::kDeleted);
}

bool ScannedJob::has_record() const {
  return has(layout::kStatusFile);
}

std::optional<base::TimePoint> ScannedJob::changed() const {
  const auto found = jobs_.status(id_);
  if (!found) return std::nullopt;
  return changed_at(*found);
}

std::optional<JobFile> ScannedJob::read() const {
  const auto text = jobs_.read_file(id_ + "/" + std::string(layout::kJobFile), kJobFileLimit);
  if (!text) return std::nullopt;
  auto file = decode_job_file(*text);
  if (!file) throw CorruptFile(path_ + "/job.json: " + file.error());
  // A folder that was moved or copied by hand: its job is another tenant's, or another job.
  if (layout::job(file->tenant, file->job_id) != path_) throw CorruptFile(path_ + "/job.json: is of another folder");
  return std::move(*file);
}

void scan_jobs(const Store& store, const std::function<bool(const ScannedJob&)>& visit,
               const OnUnreadable& unreadable) {
  const auto tenants = store.root().sub("tenants");
  if (!tenants) return;
  descend(*tenants, "tenants", kTenantDepth, unreadable, [&](const Dir& tenant, const std::string& path) {
    const auto jobs = tenant.sub("jobs");
    return !jobs || each_entry(*jobs, [&](const Dir::Entry& entry) {
      if (entry.type != DT_DIR || !is_job_folder_name(entry.name)) return true;
      return visit(ScannedJob(*jobs, path + "/jobs/" + entry.name, entry.name));
    });
  });
}

std::size_t sweep_rubbish(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                          std::stop_token stop) {
  std::size_t removed = 0;
  const auto sweep_folder = [&](const Dir& folder, std::string_view prefix) {
    return each_entry(folder, [&](const Dir::Entry& entry) {
      if (!entry.name.starts_with(prefix)) return !stop.stop_requested();
      try {
        const bool began = is_older(folder, entry.name, before, stop) && folder.remove_tree(entry.name, stop);
        if (began && !stop.stop_requested()) ++removed;
      } catch (const VolumeError&) {
        // An application may have left what we may not read; it stays, the rest goes.
      }
      return !stop.stop_requested();
    });
  };
  const auto sweep_below = [&](const Dir& folder, const std::string& path, const char* name, std::string_view prefix) {
    return guarded(path + name, unreadable, [&] {
      const auto found = folder.sub(name);
      return !found || sweep_folder(*found, prefix);
    });
  };
  const auto sweep_tenants = [&] {
    const auto tenants = store.root().sub("tenants");
    return !tenants ||
           descend(*tenants, "tenants", kTenantDepth, unreadable, [&](const Dir& tenant, const std::string& path) {
             return sweep_below(tenant, path + "/", ".staging", "") && sweep_below(tenant, path + "/", ".trash", "");
           });
  };
  guarded(".", unreadable, [&] { return sweep_folder(store.root(), ".probe-"); }) &&
      sweep_below(store.root(), "", "bin", ".staging-") && guarded("tenants", unreadable, sweep_tenants);
  return removed;
}

}  // namespace vbrain::artifacts
