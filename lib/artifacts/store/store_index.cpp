#include "artifacts/store/store_index.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace vbrain::artifacts {

bool each_name(const Store& store, const std::string& folder, const std::function<void(std::string_view)>& take) {
  const auto opened = store.root().sub(folder);
  if (!opened) return false;
  const int copy = openat(opened->fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listed = copy < 0 ? nullptr : fdopendir(copy);
  if (listed == nullptr) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    throw VolumeError(error, "list " + folder);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(listed, closedir);
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    take(entry->d_name);
  }
  if (errno != 0) throw VolumeError(errno, "list " + folder);
  return true;
}

JobFolders::JobFolders(const Store& store, const Tenant& tenant) : jobs_(store.root().sub(layout::jobs(tenant))) {}

JobFolders::State JobFolders::state(std::string_view job_id) const {
  if (!jobs_ || !jobs_->status(job_id)) return State::kAbsent;
  const std::string marker = std::string(job_id).append("/").append(layout::kDeleted);
  return jobs_->status(marker) ? State::kDeleted : State::kPresent;
}

}  // namespace vbrain::artifacts
