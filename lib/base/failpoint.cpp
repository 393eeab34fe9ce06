#include "base/failpoint.hpp"

#ifndef VBRAIN_FAILPOINTS

namespace vbrain::base {

void failpoint(std::string_view /*name*/) noexcept {}

}  // namespace vbrain::base

#else

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace vbrain::base {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The thread that removes the file ends the program; of several threads only one can remove it.
bool takes_file(std::string_view name) {
  const std::string_view folder = environment("FAILPOINTS");
  if (folder.empty()) return false;
  std::array<char, 4096> path{};
  const int length = std::snprintf(path.data(), path.size(), "%.*s/%.*s", static_cast<int>(folder.size()),
                                   folder.data(), static_cast<int>(name.size()), name.data());
  return length > 0 && static_cast<std::size_t>(length) < path.size() && unlink(path.data()) == 0;
}

}  // namespace

void failpoint(std::string_view name) noexcept {
  const bool first_attempt = environment("FAILPOINT") == name && environment("VBRAIN_JOB_ATTEMPT") == "1";
  if (!first_attempt && !takes_file(name)) return;
  kill(getpid(), SIGKILL);
  // The kernel ignores SIGKILL that the first process of a container sends itself. Its exit ends the others as well.
  _exit(128 + SIGKILL);
}

}  // namespace vbrain::base

#endif
