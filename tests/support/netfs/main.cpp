// A pass-through file system that behaves like NFS, for tests:
//   netfs BACKING MOUNT_POINT CONTROL_SOCKET
// BACKING plays the file server. Each mount is one client; several mounts of one BACKING are several clients. Prints
// "ready" when it is mounted. Unmounts and ends on SIGTERM, on the command "end", and when its parent ends.
// operations.hpp describes the differences from a local file system, control.hpp the commands.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/netfs/control.hpp"
#include "support/netfs/guardian.hpp"
#include "support/netfs/operations.hpp"
#include "support/netfs/session_loop.hpp"

namespace vbrain::netfs {
namespace {

// Raises the limit of open files as far as allowed, and returns it.
std::size_t raise_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// Each file that the kernel knows is an open descriptor here. When there are too many, asks the kernel to forget some.
// Runs on a thread of its own, because the kernel may wait for the lock of a folder that another call holds.
[[noreturn]] void forget_surplus(fuse_session* session, Client& client, std::size_t limit) {
  while (true) {
    for (const auto& [folder, name] : client.nodes.surplus(limit)) {
      fuse_lowlevel_notify_inval_entry(session, folder, name.c_str(), name.size());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

fuse_session* open_session(Client& client, const std::string& name) {
  // Only root may give other users access to the mount (allow_other, fusermount3(1)).
  std::string options = "default_permissions,fsname=netfs,subtype=vbrain";
  if (geteuid() == 0) options += ",allow_other,dev,suid";
  std::string words[] = {name, "-o", options};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data()};
  fuse_args args = FUSE_ARGS_INIT(3, arguments);
  fuse_session* session = fuse_session_new(&args, &operations(), sizeof(fuse_lowlevel_ops), &client);
  fuse_opt_free_args(&args);
  if (session == nullptr) throw std::runtime_error("libfuse makes no session");
  return session;
}

// The end of the program closes the FUSE connection. Calls that hang fail then.
[[noreturn]] void end(const std::string& mount_point, const std::string& socket) {
  static std::mutex once;  // stays locked: another thread that gets here waits for the end of the program
  once.lock();
  unmount(mount_point);
  ::unlink(socket.c_str());
  _exit(0);
}

int run(const std::string& backing, const std::string& mount_point, const std::string& socket) {
  umask(0);
  const std::size_t open_files = raise_open_files();
  base::Fd root(open(backing.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) throw std::runtime_error("cannot open the folder " + backing);
  auto& client = *new Client(std::move(root));  // threads use it until the program ends
  start_guardian(mount_point);

  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ends, signal);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  fuse_session* session = open_session(client, "netfs");
  if (fuse_session_mount(session, mount_point.c_str()) != 0) throw std::runtime_error("cannot mount " + mount_point);
  std::thread([&] {
    int signal = 0;
    sigwait(&ends, &signal);
    end(mount_point, socket);
  }).detach();
  const int listener = listen_control(socket);
  std::thread([&, listener] { serve_control(listener, client, [&] { end(mount_point, socket); }); }).detach();
  std::thread([&, session] { forget_surplus(session, client, open_files / 4); }).detach();
  std::puts("ready");
  std::fflush(stdout);
  const int error = serve(session);
  if (error != 0) std::fprintf(stderr, "netfs: the session ended with error %d\n", error);
  end(mount_point, socket);
}

}  // namespace
}  // namespace vbrain::netfs

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: netfs BACKING MOUNT_POINT CONTROL_SOCKET\n", stderr);
    return 2;
  }
  try {
    return vbrain::netfs::run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "netfs: %s\n", error.what());
    return 1;
  }
}
