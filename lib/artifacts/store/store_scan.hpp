#pragma once

#include <functional>
#include <optional>
#include <string>

#include "artifacts/records/job_file.hpp"
#include "artifacts/store/store.hpp"
#include "base/clock.hpp"

namespace vbrain::artifacts {

// A job's folder as scan_jobs() comes across it, whoever made it. Each call asks the volume anew; all throw
// VolumeError.
class ScannedJob {
 public:
  ScannedJob(const Dir& jobs, std::string path, std::string id)
      : jobs_(jobs), path_(std::move(path)), id_(std::move(id)) {}

  const std::string& id() const { return id_; }      // the folder's name: is_job_folder_name()
  const std::string& path() const { return path_; }  // below the volume's root
  bool is_deleted() const;                           // has the marker of Store::mark_deleted
  bool has_record() const;                           // has status.json
  // When it got its name or an entry directly in it last changed, by the clock of the file server. Nothing: it has
  // gone.
  std::optional<base::TimePoint> changed() const;
  // job.json. Nothing: it has gone. Throws CorruptFile for a file that can't be read or tells of another folder.
  std::optional<JobFile> read() const;

 private:
  bool has(std::string_view name) const;

  const Dir& jobs_;
  std::string path_;
  std::string id_;
};

// Told of a folder that can't be read, with its path below the root; false ends the walk. What lies in it is passed
// over.
using OnUnreadable = std::function<bool(const std::string& path, const VolumeError& error)>;

// Calls `visit` with every job's folder of every tenant until it returns false, in no order, in constant memory however
// many there are. What is published or removed meanwhile may be visited or not. Throws VolumeError when the folder of
// all tenants can't be read, and what `visit` throws, but for a VolumeError, which counts as the tenant's.
void scan_jobs(const Store& store, const std::function<bool(const ScannedJob&)>& visit, const OnUnreadable& unreadable);

}  // namespace vbrain::artifacts
