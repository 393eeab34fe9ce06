#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "artifacts/store.hpp"

namespace vbrain::artifacts {
namespace {

base::TimePoint changed(const struct stat& found) {
  using namespace std::chrono;
  return base::TimePoint(
      duration_cast<milliseconds>(seconds(found.st_mtim.tv_sec) + nanoseconds(found.st_mtim.tv_nsec)));
}

// Calls `visit` with each folder `depth` levels below.
template <class Visit>
void descend(const Dir& folder, int depth, const Visit& visit) {
  if (depth == 0) return visit(folder);
  for (const Dir::Entry& entry : folder.list()) {
    if (entry.type != DT_DIR) continue;
    if (const auto below = folder.sub(entry.name)) descend(*below, depth - 1, visit);
  }
}

}  // namespace

void Store::mark_deleted(const Tenant& tenant, std::string_view job_id) const {
  const Dir job = root().at(layout::job(tenant, job_id));
  job.create_file(layout::kDeleted);
  job.sync();
}

bool Store::is_deleted(const Tenant& tenant, std::string_view job_id) const {
  return root().status(layout::deleted(tenant, job_id)).has_value();
}

bool Store::remove_job(const Tenant& tenant, std::string_view job_id, std::string_view repository_id) const {
  const std::string path = layout::job(tenant, job_id);
  bool found = false;
  if (root().status(path)) {
    const Dir jobs = root().at(layout::jobs(tenant));
    const Dir trash = root().make(layout::trash(tenant));
    const std::string name = std::string(job_id) + "-" + random_name();
    try {
      // 1. Out of sight at once and for good, however long the purge takes.
      found = jobs.move(job_id, trash, name);
      trash.sync();
      jobs.sync();
      // 2. The bytes.
      trash.remove_tree(name);
    } catch (const VolumeError& error) {
      // Somebody else has moved it since.
      if (error.code().value() != ENOENT) throw;
    }
  }
  // 3. The index, last: until then the job's absence hides the marker.
  if (!repository_id.empty()) {
    if (const auto markers = root().sub(layout::markers(tenant, repository_id))) {
      if (markers->remove_file(job_id)) markers->sync();
    }
  }
  return found;
}

std::size_t Store::sweep(base::TimePoint before) const {
  std::size_t removed = 0;
  const auto sweep_folder = [&](const Dir& folder, std::string_view prefix) {
    for (const Dir::Entry& entry : folder.list()) {
      if (!entry.name.starts_with(prefix)) continue;
      const auto found = folder.status(entry.name);
      if (found && changed(*found) < before && folder.remove_tree(entry.name)) ++removed;
    }
  };
  if (const auto bin = root().sub("bin")) sweep_folder(*bin, ".staging-");
  const auto tenants = root().sub("tenants");
  if (!tenants) return removed;
  descend(*tenants, 3, [&](const Dir& tenant) {
    for (const char* place : {".staging", ".trash"}) {
      if (const auto folder = tenant.sub(place)) sweep_folder(*folder, "");
    }
  });
  return removed;
}

}  // namespace vbrain::artifacts
