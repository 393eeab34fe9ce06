#pragma once

#include <functional>
#include <optional>
#include <string>

#include "artifacts/records/job_file.hpp"
#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// A job's folder in scan_jobs(), whoever created it. Each call reads the volume again; all throw VolumeError.
class ScannedJob {
 public:
  ScannedJob(const Dir& jobs, std::string path, std::string id)
      : jobs_(jobs), path_(std::move(path)), id_(std::move(id)) {}

  const std::string& id() const { return id_; }      // the folder's name: is_job_folder_name()
  const std::string& path() const { return path_; }  // below the volume's root
  bool is_deleted() const;                           // has the marker of Store::mark_deleted
  bool has_record() const;                           // has status.json
  // When status.json was written, by the clock of the file server. Nothing if it does not exist.
  std::optional<base::TimePoint> recorded() const;
  // The last change of its name or of a direct entry, by the clock of the file server. Nothing if the folder does not
  // exist any more.
  std::optional<base::TimePoint> changed() const;
  // job.json. Nothing if it does not exist any more. Throws CorruptFile if it can't be decoded or names another folder.
  std::optional<JobFile> read() const;

 private:
  bool has(std::string_view name) const;

  const Dir& jobs_;
  std::string path_;
  std::string id_;
};

// Called for an unreadable folder, with its path below the root; false ends the scan. The content of the folder is
// skipped.
using OnUnreadable = std::function<bool(const std::string& path, const VolumeError& error)>;

// Calls `visit` with the folder of every job of every tenant until it returns false, in any order, in constant memory.
// Jobs that are published or removed meanwhile may be visited or not. Throws VolumeError if the folder of all tenants
// is unreadable, and exceptions of `visit`. A VolumeError of `visit` counts as the tenant's.
void scan_jobs(const Store& store, const std::function<bool(const ScannedJob&)>& visit, const OnUnreadable& unreadable);

}  // namespace vbrain::artifacts
