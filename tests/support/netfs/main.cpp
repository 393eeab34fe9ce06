// A pass-through file system with the manners of a network file system, for tests:
//   netfs BACKING MOUNT_POINT CONTROL_SOCKET
// Each mount is one client of the file server that BACKING stands for; several mounts of one folder are several
// clients. Prints "ready" once it is mounted. Ends, and unmounts, on SIGTERM, with the command "end", and when its
// parent ends. operations.hpp says how it differs from a local file system, control.hpp what can be told it while it
// runs.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/netfs/control.hpp"
#include "support/netfs/guardian.hpp"
#include "support/netfs/operations.hpp"
#include "support/netfs/session_loop.hpp"

namespace vbrain::netfs {
namespace {

// Each known file is a descriptor.
void raise_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit more{1 << 20, 1 << 20};
  if (setrlimit(RLIMIT_NOFILE, &more) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

fuse_session* open_session(Client& client, const std::string& name) {
  // The owner alone may use the mount of a user that is not root (fusermount3(1), allow_other).
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

// Who hangs in the mount is let go when the program ends: that closes the kernel's connection to it.
[[noreturn]] void end(const std::string& mount_point, const std::string& socket) {
  unmount(mount_point);
  ::unlink(socket.c_str());
  _exit(0);
}

int run(const std::string& backing, const std::string& mount_point, const std::string& socket) {
  umask(0);
  raise_open_files();
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
