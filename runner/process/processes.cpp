#include "runner/process/processes.hpp"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace vbrain::runner {
namespace {

constexpr int kPassedOn[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  // "pid (name) state ppid …". The name may contain brackets and spaces: search the last bracket.
  const auto bracket = line.rfind(')');
  if (bracket == line.npos || bracket + 4 >= line.size()) return -1;
  pid_t parent = -1;
  std::from_chars(line.data() + bracket + 4, line.data() + line.size(), parent);
  return parent;
}

// Kills our direct children. Their children become ours when they die.
void kill_children() {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* entry = readdir(proc)) {
    const std::string_view name = entry->d_name;
    pid_t pid = -1;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && parent_of(pid) == getpid()) {
      kill(pid, SIGKILL);
    }
  }
  closedir(proc);
}

}  // namespace

Processes::Processes() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGCHLD);
  for (const int signal : kPassedOn) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int Processes::wait_for(pid_t main) {
  for (;;) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended == main) return status;
    }
    // ECHILD cannot happen, since only this function reaps. It must not wait forever if it does.
    if (ended < 0 && errno == ECHILD) return 0x7F00;
    int signal = 0;
    do {
      signal = sigwaitinfo(&signals_, nullptr);
    } while (signal < 0 && errno == EINTR);
    // `main` is not reaped yet, so no other process has its PID.
    if (signal > 0 && signal != SIGCHLD) kill(-main, signal);
  }
}

bool Processes::kill_rest(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    // From PID 1, kill(2) reaches every process of the container in one step, even if one forks all the time.
    if (getpid() == 1) {
      kill(-1, SIGKILL);
    } else {
      kill_children();
    }
    pid_t ended = 0;
    while ((ended = waitpid(-1, nullptr, WNOHANG)) > 0) continue;
    if (ended < 0 && errno == ECHILD) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    const timespec moment{0, 20'000'000};
    sigtimedwait(&child, nullptr, &moment);
  }
}

}  // namespace vbrain::runner
