#include "support/netfs/operations.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "support/netfs/request.hpp"

namespace vbrain::netfs {
namespace {

void lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "lookup", parent, name);
  if (request.refused()) return;
  if (const auto known = request.client().nodes.remembered_name(request.node(), name)) {
    if (!*known) return request.fail(ENOENT);
    return request.reply_entry(*known);
  }
  request.reply_looked_up(name);
}

void forget(fuse_req_t req, fuse_ino_t number, std::uint64_t lookups) {
  client_of(req).nodes.forget(number, lookups);
  fuse_reply_none(req);
}

void forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) {
  for (std::size_t i = 0; i < count; ++i) client_of(req).nodes.forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

void getattr(fuse_req_t req, fuse_ino_t number, fuse_file_info*) {
  Request request(req, "getattr", number);
  if (request.refused()) return;
  request.reply_attributes();
}

bool set_times(const Request& request, const struct stat& wanted, int to_set) {
  timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  if (to_set & FUSE_SET_ATTR_ATIME) times[0] = wanted.st_atim;
  if (to_set & FUSE_SET_ATTR_MTIME) times[1] = wanted.st_mtim;
  if (to_set & FUSE_SET_ATTR_ATIME_NOW) times[0].tv_nsec = UTIME_NOW;
  if (to_set & FUSE_SET_ATTR_MTIME_NOW) times[1].tv_nsec = UTIME_NOW;
  return utimensat(AT_FDCWD, request.magic_path().c_str(), times, 0) == 0;
}

bool set_attributes(const Request& request, const struct stat& wanted, int to_set) {
  const std::string path = request.magic_path();
  if (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
    const uid_t uid = to_set & FUSE_SET_ATTR_UID ? wanted.st_uid : static_cast<uid_t>(-1);
    const gid_t gid = to_set & FUSE_SET_ATTR_GID ? wanted.st_gid : static_cast<gid_t>(-1);
    if (fchownat(request.fd(), "", uid, gid, AT_EMPTY_PATH) != 0) return false;
  }
  if ((to_set & FUSE_SET_ATTR_MODE) && chmod(path.c_str(), wanted.st_mode) != 0) return false;
  if ((to_set & FUSE_SET_ATTR_SIZE) && truncate(path.c_str(), wanted.st_size) != 0) return false;
  constexpr int kTimes = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
  return (to_set & kTimes) == 0 || set_times(request, wanted, to_set);
}

void setattr(fuse_req_t req, fuse_ino_t number, struct stat* wanted, int to_set, fuse_file_info*) {
  Request request(req, "setattr", number);
  if (request.refused()) return;
  if (!set_attributes(request, *wanted, to_set)) return request.fail(errno);
  request.client().nodes.forget_attributes(request.node());
  request.reply_attributes();
}

void readlink(fuse_req_t req, fuse_ino_t number) {
  Request request(req, "readlink", number);
  if (request.refused()) return;
  char target[PATH_MAX + 1];
  const ssize_t length = readlinkat(request.fd(), "", target, sizeof target - 1);
  if (length < 0) return request.fail(errno);
  target[length] = '\0';
  fuse_reply_readlink(req, target);
}

void mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  Request request(req, "mknod", parent, name);
  if (request.refused()) return;
  request.reply_made(name, mknodat(request.fd(), name, mode, device) == 0 ? 0 : errno);
}

void mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  Request request(req, "mkdir", parent, name);
  if (request.refused()) return;
  request.reply_made(name, mkdirat(request.fd(), name, mode) == 0 ? 0 : errno);
}

void symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  Request request(req, "symlink", parent, name);
  if (request.refused()) return;
  request.reply_made(name, symlinkat(target, request.fd(), name) == 0 ? 0 : errno);
}

void link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char* name) {
  Client& client = client_of(req);
  const NodePtr source = client.nodes.at(number);
  Request request(req, "link", parent, name, client.nodes.path_of(source));
  if (request.refused()) return;
  const std::string from = "/proc/self/fd/" + std::to_string(source->fd.get());
  const int error = linkat(AT_FDCWD, from.c_str(), request.fd(), name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
  client.nodes.forget_attributes(source);
  client.nodes.forget_name(request.node(), name);
  if (error != 0) return request.fail(error);
  request.reply_looked_up(name);
}

// Called before `name` is removed or replaced. If this client has the file open, renames it to ".nfs…" and returns 0 or
// an errno. Returns nothing if it is not open.
std::optional<int> keep_if_open(Client& client, const NodePtr& parent, const char* name) {
  struct stat status {};
  if (!client.silly_rename || fstatat(parent->fd.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  const NodePtr node = client.nodes.known(status);
  if (!node || S_ISDIR(status.st_mode)) return std::nullopt;
  const Nodes::OpenState state = client.nodes.state_of(node);
  if (!state.opened) return std::nullopt;
  if (state.silly) return EBUSY;
  char silly[64];
  std::snprintf(silly, sizeof silly, ".nfs%016llx%08x", static_cast<unsigned long long>(status.st_ino),
                ++client.silly_names);
  if (renameat(parent->fd.get(), name, parent->fd.get(), silly) != 0) return errno;
  client.nodes.moved(node, parent, silly, true);
  return 0;
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "unlink", parent, name);
  if (request.refused()) return;
  std::optional<int> error = keep_if_open(request.client(), request.node(), name);
  if (!error) error = unlinkat(request.fd(), name, 0) == 0 ? 0 : errno;
  request.client().nodes.forget_name(request.node(), name);
  request.reply(*error);
}

void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "rmdir", parent, name);
  if (request.refused()) return;
  const int error = unlinkat(request.fd(), name, AT_REMOVEDIR) == 0 ? 0 : errno;
  request.client().nodes.forget_name(request.node(), name);
  request.reply(error);
}

bool same_file(int a, const char* a_name, int b, const char* b_name) {
  struct stat first {
  }, second{};
  return fstatat(a, a_name, &first, AT_SYMLINK_NOFOLLOW) == 0 &&
         fstatat(b, b_name, &second, AT_SYMLINK_NOFOLLOW) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

void rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
            unsigned flags) {
  Client& client = client_of(req);
  const NodePtr target = client.nodes.at(new_parent);
  Request request(req, "rename", parent, name, client.nodes.path_of(target, new_name));
  if (request.refused()) return;
  if (flags != 0) return request.fail(EINVAL);
  struct stat status {};
  const bool exists = fstatat(request.fd(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists && !same_file(request.fd(), name, target->fd.get(), new_name)) {
    const auto kept = keep_if_open(client, target, new_name);
    if (kept.value_or(0) != 0) return request.fail(*kept);
  }
  const int error = renameat(request.fd(), name, target->fd.get(), new_name) == 0 ? 0 : errno;
  const NodePtr moved = exists ? client.nodes.known(status) : nullptr;
  if (error == 0 && moved) client.nodes.moved(moved, target, new_name, false);
  client.nodes.forget_name(request.node(), name);
  client.nodes.forget_name(target, new_name);
  request.reply(error);
}

// Without O_APPEND: the kernel passes the offset of each write.
int backing_flags(const fuse_file_info& info) {
  return (info.flags & ~(O_APPEND | O_NOFOLLOW | O_DIRECT)) | O_CLOEXEC;
}

void open(fuse_req_t req, fuse_ino_t number, fuse_file_info* info) {
  Request request(req, "open", number);
  if (request.refused()) return;
  // Close-to-open consistency (nfs(5)): open(2) sees all that was written before another client closed the file.
  request.client().nodes.forget_attributes(request.node());
  const int fd = ::open(request.magic_path().c_str(), backing_flags(*info));
  if (fd < 0) return request.fail(errno);
  request.reply_open(request.node(), fd, *info);
}

void create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
  Request request(req, "create", parent, name);
  if (request.refused()) return;
  // First with O_EXCL, to know whether the file is new. Only a new file is given to the caller.
  int fd = openat(request.fd(), name, backing_flags(*info) | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (fd >= 0) {
    request.give_to_caller(name);
  } else if (errno == EEXIST && (info->flags & O_EXCL) == 0) {
    fd = openat(request.fd(), name, backing_flags(*info) | O_NOFOLLOW);
  }
  const int error = errno;
  request.client().nodes.forget_name(request.node(), name);
  if (fd < 0) return request.fail(error);
  request.reply_created(name, fd, *info);
}

void read(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info* info) {
  Request request(req, "read", number);
  if (request.refused()) return;
  std::string bytes(size, '\0');
  const ssize_t got = pread(static_cast<int>(info->fh), bytes.data(), size, offset);
  if (got < 0) return request.fail(errno);
  fuse_reply_buf(req, bytes.data(), static_cast<std::size_t>(got));
}

void write(fuse_req_t req, fuse_ino_t number, const char* bytes, std::size_t size, off_t offset, fuse_file_info* info) {
  Request request(req, "write", number);
  if (request.refused()) return;
  const ssize_t written = pwrite(static_cast<int>(info->fh), bytes, size, offset);
  if (written < 0) return request.fail(errno);
  request.client().nodes.forget_attributes(request.node());
  fuse_reply_write(req, static_cast<std::size_t>(written));
}

void flush(fuse_req_t req, fuse_ino_t number, fuse_file_info*) {
  Request request(req, "flush", number);
  if (request.refused()) return;
  request.reply(0);
}

void release(fuse_req_t req, fuse_ino_t number, fuse_file_info* info) {
  Client& client = client_of(req);
  close(static_cast<int>(info->fh));
  if (const auto silly = client.nodes.closed(client.nodes.at(number))) {
    unlinkat(silly->first->fd.get(), silly->second.c_str(), 0);
    client.nodes.forget_name(silly->first, silly->second);
  }
  fuse_reply_err(req, 0);
}

void fsync(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* info) {
  Request request(req, "fsync", number);
  if (request.refused()) return;
  const int fd = static_cast<int>(info->fh);
  request.reply((data_only ? fdatasync(fd) : ::fsync(fd)) == 0 ? 0 : errno);
}

void statfs(fuse_req_t req, fuse_ino_t number) {
  Request request(req, "statfs", number);
  if (request.refused()) return;
  struct statvfs status {};
  if (fstatvfs(request.fd(), &status) != 0) return request.fail(errno);
  fuse_reply_statfs(req, &status);
}

void init(void*, fuse_conn_info* connection) {
  // So that RELEASE does not wait for other background requests: the caller may remove the folder of the file next.
  connection->max_background = 4096;
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_SPLICE_READ | FUSE_CAP_READDIRPLUS);
}

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops table{};
  table.init = init;
  table.lookup = lookup;
  table.forget = forget;
  table.forget_multi = forget_multi;
  table.getattr = getattr;
  table.setattr = setattr;
  table.readlink = readlink;
  table.mknod = mknod;
  table.mkdir = mkdir;
  table.unlink = unlink;
  table.rmdir = rmdir;
  table.symlink = symlink;
  table.rename = rename;
  table.link = link;
  table.open = open;
  table.create = create;
  table.read = read;
  table.write = write;
  table.flush = flush;
  table.release = release;
  table.fsync = fsync;
  table.statfs = statfs;
  add_folder_operations(table);
  return table;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
  static const fuse_lowlevel_ops table = make_operations();
  return table;
}

}  // namespace vbrain::netfs
