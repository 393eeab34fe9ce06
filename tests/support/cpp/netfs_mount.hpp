#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/files/fd.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::testing {

// A mount of the file system in netfs/, which behaves like NFS. The folder `backing` plays the file server, and each
// mount of it is one client. Unmounts when the object or this process ends. Thread-safe after construction.
class NetFs {
 public:
  // The reason why this machine can't mount it; empty if it can.
  static std::string lacks() {
    if (access("/dev/fuse", R_OK | W_OK) != 0) return "needs FUSE: /dev/fuse is absent or not ours";
    if (geteuid() == 0) return may_mount() ? "" : "needs FUSE: root may not mount here";
    return access("/usr/bin/fusermount3", X_OK) == 0 ? "" : "needs FUSE: there is no fusermount3";
  }

  explicit NetFs(const std::string& backing) : folder_(std::filesystem::temp_directory_path().string()) {
    std::filesystem::create_directory(path());
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    const base::Fd from(ready[0]);
    base::Fd to(ready[1]);
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "netfs";
    const std::string mount_point = path();
    const std::string socket = folder_ / "socket";
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to.get(), STDOUT_FILENO);
      execl(program.c_str(), "netfs", backing.c_str(), mount_point.c_str(), socket.c_str(), nullptr);
      _exit(127);
    }
    to = base::Fd();
    char letter = 0;
    if (pid_ < 0 || read(from.get(), &letter, 1) != 1) throw std::runtime_error("cannot mount: see what netfs said");
  }

  ~NetFs() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  NetFs(const NetFs&) = delete;
  NetFs& operator=(const NetFs&) = delete;

  std::string path() const { return folder_ / "mount"; }

  // Sends one command of netfs/control.hpp and returns the value of the answer. Throws std::runtime_error if the
  // command is refused.
  std::string command(const std::string& line) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string socket_path = folder_ / "socket";
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
    const base::Fd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const std::string sent = line + "\n";
    if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        send(connection.get(), sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size())) {
      throw std::runtime_error("netfs does not listen");
    }
    std::string answer;
    char block[256];
    for (ssize_t got; (got = read(connection.get(), block, sizeof block)) > 0;) {
      answer.append(block, static_cast<std::size_t>(got));
    }
    if (!answer.starts_with("ok")) throw std::runtime_error(line + ": " + answer);
    return answer.size() <= 4 ? "" : answer.substr(3, answer.size() - 4);
  }

  // Adds a rule (parse_rule in netfs/faults.hpp), and returns its number. The rule applies from then on.
  int add(const std::string& rule) const { return std::stoi(command("add " + rule)); }
  void remove(int rule) const { command("remove " + std::to_string(rule)); }
  int hits(int rule) const { return std::stoi(command("hits " + std::to_string(rule))); }
  // Removes all rules.
  void clear() const { command("clear"); }

  // Waits at most 20 s until this number of calls hangs. False if it does not happen.
  bool wait_for_hanging(int calls) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::stoi(command("waiting")) < calls) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

 private:
  // In a container, root often has no permission to mount.
  static bool may_mount() {
    const pid_t pid = fork();
    if (pid == 0) _exit(unshare(CLONE_NEWNS) == 0 ? 0 : 1);
    int status = 1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
  }

  TempDir folder_;
  pid_t pid_ = -1;
};

}  // namespace vbrain::testing
