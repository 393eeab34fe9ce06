#include "runner/process/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/files/io.hpp"
#include "runner/process/landlock.hpp"
#include "runner/process/program.hpp"

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

// As execvp(3), but only text is given to /bin/sh. Returns only if it fails: errno.
int execute(const std::vector<std::string>& candidates, std::vector<char*> arguments) {
  int worst = ENOENT;
  for (const std::string& path : candidates) {
    execv(path.c_str(), arguments.data());
    const int error = errno;
    if (error == ENOEXEC && is_for_shell(read_head(path))) {
      arguments[0] = const_cast<char*>(path.c_str());
      arguments.insert(arguments.begin(), const_cast<char*>("/bin/sh"));
      execv("/bin/sh", arguments.data());
      return ENOEXEC;
    }
    // Another folder of PATH may have a file that can be started.
    if (error != ENOENT && error != ENOTDIR && error != EACCES) return error;
    if (error == EACCES) worst = EACCES;
  }
  return worst;
}

// Runs in the child, between fork and exec. Returns only if it fails: errno.
int become(const ChildSpec& spec, const std::vector<char*>& arguments, int out, int err) {
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
  return execute(find_candidates(spec.command[0]), arguments);
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
    const int error = become(spec, arguments, out.write.get(), err.write.get());
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
