#include "runner/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/io.hpp"
#include "runner/landlock.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Fd;

struct Pipe {
  Fd read;
  Fd write;
};

bool make_pipe(Pipe& pipe) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe = {Fd(ends[0]), Fd(ends[1])};
  return true;
}

// Runs in the child, between fork and exec. Returns only if it fails: errno.
int become(const ChildSpec& spec, char* const* arguments, int out, int err) {
  setpgid(0, 0);
  if (const int null = open("/dev/null", O_RDONLY); null > 0) {
    dup2(null, STDIN_FILENO);
    close(null);
  }
  if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) return errno;
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(spec.umask);
  if (spec.ruleset >= 0 && !enter_ruleset(spec.ruleset)) return errno;
  execvp(arguments[0], arguments);
  return errno;
}

}  // namespace

Result<Child, int> start_child(const ChildSpec& spec) {
  Pipe out, err, trouble;
  if (!make_pipe(out) || !make_pipe(err) || !make_pipe(trouble)) return Unexpected<int>(errno);
  std::vector<char*> arguments;
  for (const std::string& word : spec.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return Unexpected<int>(errno);
  if (pid == 0) {
    const int error = become(spec, arguments.data(), out.write.get(), err.write.get());
    static_cast<void>(!write(trouble.write.get(), &error, sizeof error));
    _exit(127);
  }
  // Both processes do it, so that the group exists before a signal is sent to it. It fails here after the child's exec.
  setpgid(pid, pid);
  trouble.write = Fd();
  int error = 0;
  // The pipe closes and nothing comes when exec succeeds.
  const ssize_t got = base::read_full(trouble.read.get(), {reinterpret_cast<char*>(&error), sizeof error});
  if (got == static_cast<ssize_t>(sizeof error)) {
    waitpid(pid, nullptr, 0);
    return Unexpected<int>(error);
  }
  return Child{pid, std::move(out.read), std::move(err.read)};
}

}  // namespace vbrain::runner
