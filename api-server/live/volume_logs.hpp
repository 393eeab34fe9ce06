#pragma once

#include <optional>
#include <string>

#include "api-server/live/log_text.hpp"
#include "base/tenant.hpp"

namespace vbrain::artifacts {
class Store;
struct OpenFile;
}  // namespace vbrain::artifacts

namespace vbrain::api {

// The log files on the volume. Each call opens the file anew, so that it sees what another machine has written (NFS:
// close-to-open consistency). A file that is no regular one counts as absent. Blocks. Throws VolumeError.
class VolumeLogs final : public LogFiles {
 public:
  // The referenced objects must outlive this. `file`: LogWish::file.
  VolumeLogs(const artifacts::Store& volume, const base::Tenant& tenant, const std::string& job_id,
             const std::string& file)
      : volume_(volume), tenant_(tenant), job_id_(job_id), file_(file) {}

  std::uint64_t size(int attempt, LogStream which) override;
  std::string read(int attempt, LogStream which, std::uint64_t from, std::size_t most) override;

 private:
  std::optional<artifacts::OpenFile> open(int attempt, LogStream which) const;

  const artifacts::Store& volume_;
  const base::Tenant& tenant_;
  const std::string& job_id_;
  const std::string& file_;
};

}  // namespace vbrain::api
