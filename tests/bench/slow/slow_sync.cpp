// A library for LD_PRELOAD: each sync of a file happens twice, and the second one takes 8 ms at least, as on a disk
// that has to write something. (A second sync of a file that did not change takes no time on most file systems.)
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace {

using Sync = int (*)(int);

int twice(const char* name, int fd) {
  const auto real = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  const int result = real(fd);
  const int error = errno;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(8);
  real(fd);
  std::this_thread::sleep_until(end);
  errno = error;
  return result;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  return twice("fsync", fd);
}
int fdatasync(int fd) {
  return twice("fdatasync", fd);
}
int syncfs(int fd) noexcept {
  return twice("syncfs", fd);
}
}
