#include "support/netfs/guardian.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/files/fd.hpp"

namespace vbrain::netfs {
namespace {

// Readable when the process has ended (pidfd_open(2)).
base::Fd watch(pid_t pid) {
  return base::Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

[[noreturn]] void guard(const base::Fd& parent, const base::Fd& program, const std::string& mount_point) {
  setsid();
  // Close the inherited output: a reader of it must not wait for this process.
  const int null = open("/dev/null", O_RDWR);
  for (int standard = 0; standard <= 2; ++standard) dup2(null, standard);
  std::array<pollfd, 2> ends{{{parent.get(), POLLIN, 0}, {program.get(), POLLIN, 0}}};
  while (poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {
  }
  syscall(SYS_pidfd_send_signal, program.get(), SIGKILL, nullptr, 0);
  unmount(mount_point);
  _exit(0);
}

}  // namespace

void start_guardian(const std::string& mount_point) {
  const base::Fd parent = watch(getppid());
  const base::Fd program = watch(getpid());
  if (!parent || !program) throw std::system_error(errno, std::generic_category(), "pidfd_open");
  const pid_t pid = fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) guard(parent, program, mount_point);
}

void unmount(const std::string& mount_point) {
  if (umount2(mount_point.c_str(), MNT_DETACH) == 0 || errno != EPERM) return;
  const pid_t pid = fork();
  if (pid == 0) {
    execlp("fusermount3", "fusermount3", "-u", "-z", "-q", mount_point.c_str(), nullptr);
    _exit(127);
  }
  if (pid > 0) waitpid(pid, nullptr, 0);
}

}  // namespace vbrain::netfs
