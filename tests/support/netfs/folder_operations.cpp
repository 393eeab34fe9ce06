#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "support/netfs/request.hpp"

namespace vbrain::netfs {
namespace {

// An open folder with its list. The list is read again when the caller starts from the beginning (rewinddir(3)).
struct OpenFolder {
  std::vector<Entry> entries;
};

OpenFolder& folder_of(const fuse_file_info* info) {
  return *reinterpret_cast<OpenFolder*>(info->fh);
}

// Returns an errno, or 0.
int read_list(int folder, std::vector<Entry>& entries) {
  const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = fd < 0 ? nullptr : fdopendir(fd);
  if (stream == nullptr) return errno;
  errno = 0;
  while (const dirent* entry = readdir(stream)) entries.push_back({entry->d_name, entry->d_type, entry->d_ino});
  const int error = errno;
  closedir(stream);
  return error;
}

void opendir(fuse_req_t req, fuse_ino_t number, fuse_file_info* info) {
  Request request(req, "opendir", number);
  if (request.refused()) return;
  auto folder = std::make_unique<OpenFolder>();
  info->fh = reinterpret_cast<std::uint64_t>(folder.get());
  if (fuse_reply_open(req, info) == 0) static_cast<void>(folder.release());
}

int fill(Request& request, OpenFolder& folder) {
  Nodes& nodes = request.client().nodes;
  if (auto known = nodes.remembered_list(request.node())) {
    folder.entries = std::move(*known);
    return 0;
  }
  folder.entries.clear();
  const int error = read_list(request.fd(), folder.entries);
  if (error == 0) nodes.remember_list(request.node(), folder.entries);
  return error;
}

void readdir(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info* info) {
  Request request(req, "readdir", number);
  if (request.refused()) return;
  OpenFolder& folder = folder_of(info);
  if (offset == 0) {
    if (const int error = fill(request, folder); error != 0) return request.fail(error);
  }
  std::string bytes(size, '\0');
  std::size_t used = 0;
  for (auto at = static_cast<std::size_t>(offset); at < folder.entries.size(); ++at) {
    const Entry& entry = folder.entries[at];
    struct stat status {};
    status.st_ino = entry.inode;
    status.st_mode = static_cast<mode_t>(DTTOIF(entry.type));
    const std::size_t needed = fuse_add_direntry(req, bytes.data() + used, size - used, entry.name.c_str(), &status,
                                                 static_cast<off_t>(at + 1));
    if (needed > size - used) break;
    used += needed;
  }
  fuse_reply_buf(req, bytes.data(), used);
}

void releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  delete &folder_of(info);
  fuse_reply_err(req, 0);
}

void fsyncdir(fuse_req_t req, fuse_ino_t number, int, fuse_file_info*) {
  Request request(req, "fsyncdir", number);
  if (request.refused()) return;
  const base::Fd fd(::openat(request.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  request.reply(fd && ::fsync(fd.get()) == 0 ? 0 : errno);
}

}  // namespace

void add_folder_operations(fuse_lowlevel_ops& table) {
  table.opendir = opendir;
  table.readdir = readdir;
  table.releasedir = releasedir;
  table.fsyncdir = fsyncdir;
}

}  // namespace vbrain::netfs
