#include "runner/seal/output_links.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

namespace vbrain::runner {
namespace {

// The path of an open file as the kernel knows it, without links.
std::string real_path(int fd) {
  std::array<char, PATH_MAX> path{};
  const std::string entry = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(entry.c_str(), path.data(), path.size());
  if (size < 0) throw artifacts::VolumeError(errno, "read " + entry);
  return {path.data(), static_cast<std::size_t>(size)};
}

}  // namespace

Result<LinkTarget, std::string> follow_link(const artifacts::Dir& output, const std::string& path) {
  // O_PATH opens nothing: a FIFO or a device is not touched.
  const artifacts::Fd target(openat(output.fd(), path.c_str(), O_PATH | O_CLOEXEC));
  if (!target) {
    if (errno == ENOENT || errno == ENOTDIR) return Unexpected<std::string>("a symbolic link to nothing");
    if (errno == ELOOP) return Unexpected<std::string>("a symbolic link that leads to itself");
    return Unexpected<std::string>("a symbolic link: " + std::generic_category().message(errno));
  }
  struct stat found {};
  if (fstat(target.get(), &found) != 0) throw artifacts::VolumeError(errno, "stat a link's target");
  const std::string root = real_path(output.fd());
  const std::string real = real_path(target.get());
  if (real != root && !real.starts_with(root + "/")) {
    return Unexpected<std::string>("a symbolic link to something outside the output");
  }
  if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) {
    return Unexpected<std::string>("a symbolic link to something else than a file or folder");
  }
  return LinkTarget{real == root ? "" : real.substr(root.size() + 1), S_ISDIR(found.st_mode)};
}

bool contains(const std::string& folder, const std::string& path) {
  return folder.empty() || path == folder || path.starts_with(folder + "/");
}

}  // namespace vbrain::runner
