#include "artifacts/scans/store_scan.hpp"

#include <dirent.h>

#include "artifacts/scans/volume_walk.hpp"

namespace vbrain::artifacts {

bool ScannedJob::has(std::string_view name) const {
  return jobs_.status(id_ + "/" + std::string(name)).has_value();
}

bool ScannedJob::is_deleted() const {
  return has(layout::kDeleted);
}

bool ScannedJob::has_record() const {
  return has(layout::kStatusFile);
}

std::optional<base::TimePoint> ScannedJob::recorded() const {
  const auto found = jobs_.status(id_ + "/" + std::string(layout::kStatusFile));
  if (!found) return std::nullopt;
  return written_at(*found);
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
  // A folder that was moved or copied by hand: its job.json names another tenant or another job.
  if (layout::job(file->tenant, file->job_id) != path_)
    throw CorruptFile(path_ + "/job.json: names another job than its folder");
  return std::move(*file);
}

void scan_jobs(const Store& store, const std::function<bool(const ScannedJob&)>& visit,
               const OnUnreadable& unreadable) {
  walk::each_tenant(store.root(), unreadable, [&](const Dir& tenant, const std::string& path) {
    const auto jobs = tenant.sub("jobs");
    return !jobs || walk::each_entry(*jobs, [&](const Dir::Entry& entry) {
      if (entry.type != DT_DIR || !is_job_folder_name(entry.name)) return true;
      return visit(ScannedJob(*jobs, path + "/jobs/" + entry.name, entry.name));
    });
  });
}

}  // namespace vbrain::artifacts
