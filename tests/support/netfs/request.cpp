#include "support/netfs/request.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <fstream>

namespace vbrain::netfs {
namespace {

// The value of a line of /proc/<pid>/status; empty if the process has ended.
std::string status_line(pid_t pid, std::string_view name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return line.substr(name.size());
  }
  return {};
}

// FUSE gives the id of the thread.
pid_t process_of(pid_t thread) {
  const std::string text = thread == 0 ? "" : status_line(thread, "Tgid:");
  return text.empty() ? thread : static_cast<pid_t>(std::stol(text));
}

bool has_pending_kill(pid_t thread) {
  for (const char* name : {"SigPnd:", "ShdPnd:"}) {
    const std::string text = status_line(thread, name);
    if (text.empty() || (std::stoull(text, nullptr, 16) >> (SIGKILL - 1)) & 1U) return true;
  }
  return false;
}

// Whether the file or folder has no name any more.
bool is_removed(int fd, const struct stat& status) {
  if (status.st_nlink == 0) return true;
  if (!S_ISDIR(status.st_mode) || status.st_nlink > 1) return false;
  // Some file systems do not count links of folders. /proc then shows whether the folder was removed.
  char target[PATH_MAX];
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
  return length > 0 && std::string_view(target, static_cast<std::size_t>(length)).ends_with(" (deleted)");
}

}  // namespace

Client& client_of(fuse_req_t request) {
  return *static_cast<Client*>(fuse_req_userdata(request));
}

Request::Request(fuse_req_t request, std::string_view operation, fuse_ino_t number, std::string_view name,
                 std::optional<std::string> other)
    : request_(request), client_(client_of(request)), node_(client_.nodes.at(number)), on_name_(!name.empty()) {
  call_ = {operation, client_.nodes.path_of(node_, name), std::move(other), process_of(fuse_req_ctx(request)->pid)};
}

bool Request::caller_was_killed() const {
  const pid_t thread = fuse_req_ctx(request_)->pid;
  return thread != 0 && has_pending_kill(thread);
}

bool Request::refused() {
  int error = client_.faults.apply(call_, [this] { return caller_was_killed(); });
  struct stat status {};
  const bool from_memory = error == 0 && call_.operation == "getattr" && client_.nodes.remembered_attributes(node_);
  if (error == 0 && !from_memory) {
    if (fstatat(fd(), "", &status, AT_EMPTY_PATH) != 0) error = errno;
    if (error == 0 && is_removed(fd(), status)) error = ESTALE;
  }
  if (error == 0) return false;
  reply(error);
  return true;
}

void Request::reply(int error) {
  if (error == ESTALE) client_.nodes.found_stale(node_);
  fuse_reply_err(request_, error);
}

void Request::reply_attributes() {
  auto status = client_.nodes.remembered_attributes(node_);
  if (!status) {
    status.emplace();
    if (fstatat(fd(), "", &*status, AT_EMPTY_PATH) != 0) return fail(errno);
    client_.nodes.remember_attributes(node_, *status);
  }
  fuse_reply_attr(request_, &*status, 0);
}

void Request::reply_entry(const NodePtr& found) {
  const NodePtr node = client_.nodes.told(found);
  fuse_entry_param entry{};
  entry.ino = Nodes::number_of(node);
  if (const auto known = client_.nodes.remembered_attributes(node)) {
    entry.attr = *known;
  } else if (fstatat(node->fd.get(), "", &entry.attr, AT_EMPTY_PATH) == 0) {
    client_.nodes.remember_attributes(node, entry.attr);
  }
  if (fuse_reply_entry(request_, &entry) != 0) client_.nodes.forget(entry.ino, 1);
}

int Request::find(const std::string& name, NodePtr& found, struct stat& status) const {
  base::Fd file(openat(fd(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return errno;
  if (fstatat(file.get(), "", &status, AT_EMPTY_PATH) != 0) return errno;
  found = client_.nodes.found(std::move(file), status, node_, name);
  return 0;
}

void Request::reply_looked_up(const std::string& name) {
  NodePtr found;
  struct stat status {};
  const int error = find(name, found, status);
  if (error == 0 || error == ENOENT) client_.nodes.remember_name(node_, name, found);
  if (error != 0) return fail(error);
  reply_entry(found);
}

void Request::give_to_caller(const std::string& name) const {
  if (geteuid() != 0) return;
  struct stat folder {};
  if (fstatat(fd(), "", &folder, AT_EMPTY_PATH) != 0) return;
  const fuse_ctx* caller = fuse_req_ctx(request_);
  const gid_t group = folder.st_mode & S_ISGID ? static_cast<gid_t>(-1) : caller->gid;
  if (fchownat(fd(), name.c_str(), caller->uid, group, AT_SYMLINK_NOFOLLOW) != 0) perror("netfs: chown");
}

void Request::reply_made(const std::string& name, int error) {
  client_.nodes.forget_name(node_, name);
  if (error != 0) return fail(error);
  give_to_caller(name);
  reply_looked_up(name);
}

void Request::reply_open(const NodePtr& opened, int fd, fuse_file_info info) {
  info.fh = static_cast<std::uint64_t>(fd);
  client_.nodes.opened(opened);
  if (fuse_reply_open(request_, &info) == 0) return;
  // The caller was interrupted. There will be no RELEASE.
  client_.nodes.closed(opened);
  ::close(fd);
}

void Request::reply_created(const std::string& name, int fd, fuse_file_info info) {
  NodePtr found;
  fuse_entry_param entry{};
  if (const int error = find(name, found, entry.attr); error != 0) {
    ::close(fd);
    return fail(error);
  }
  client_.nodes.remember_name(node_, name, found);
  found = client_.nodes.told(found);
  entry.ino = Nodes::number_of(found);
  info.fh = static_cast<std::uint64_t>(fd);
  client_.nodes.opened(found);
  if (fuse_reply_create(request_, &entry, &info) == 0) return;
  client_.nodes.closed(found);
  client_.nodes.forget(entry.ino, 1);
  ::close(fd);
}

}  // namespace vbrain::netfs
