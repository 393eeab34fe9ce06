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

#include "base/fd.hpp"
#include "support/temp_dir.hpp"

namespace vbrain::testing {

// A mount of the pass-through file system of netfs/, which behaves as a network file system does: one client of the
// file server that a folder stands for. Several mounts of one folder are several clients. Ends with the object, and
// with this process. Thread-safe once made.
class NetFs {
 public:
  // Why this machine cannot mount one; empty if it can.
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

  // Carries out one command of netfs/control.hpp; gives the value of its answer. Throws std::runtime_error if it is
  // refused.
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

  // Adds a rule (parse_rule in netfs/faults.hpp), which is in force when this returns; its number.
  int add(const std::string& rule) const { return std::stoi(command("add " + rule)); }
  void remove(int rule) const { command("remove " + std::to_string(rule)); }
  int hits(int rule) const { return std::stoi(command("hits " + std::to_string(rule))); }
  // Ends all faults.
  void clear() const { command("clear"); }

  // Waits until so many calls hang, for at most 20 s; false if they do not.
  bool wait_for_hanging(int calls) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::stoi(command("waiting")) < calls) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

 private:
  // Root of a container often may not.
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
