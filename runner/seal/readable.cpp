#include "runner/seal/readable.hpp"

#include <sys/stat.h>

#include "artifacts/files/access.hpp"

namespace vbrain::runner {

void make_readable(const artifacts::Dir& folder, const std::string& name) {
  const auto found = folder.status(name);
  if (!found) return;
  const mode_t needed = S_ISDIR(found->st_mode) ? S_IRWXU : S_IRUSR;
  if ((found->st_mode & needed) != needed) artifacts::restore_access_at(folder.fd(), name);
}

}  // namespace vbrain::runner
