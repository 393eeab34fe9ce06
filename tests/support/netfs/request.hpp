#pragma once

#include <fuse3/fuse_lowlevel.h>

#include <optional>
#include <string>
#include <string_view>

#include "support/netfs/operations.hpp"

namespace vbrain::netfs {

Client& client_of(fuse_req_t request);

// One call: applies the faults, and answers. Not thread-safe.
class Request {
 public:
  // For a call on `name` in the folder `number`, or on `number` itself. `other` is the second path of a rename or link.
  Request(fuse_req_t request, std::string_view operation, fuse_ino_t number, std::string_view name = {},
          std::optional<std::string> other = {});

  // Applies the faults, and checks that the file still exists. True if it has answered with an error.
  bool refused();

  Client& client() const { return client_; }
  const NodePtr& node() const { return node_; }
  int fd() const { return node_->fd.get(); }
  // A path to the file's descriptor, for calls that do not accept an O_PATH descriptor.
  std::string magic_path() const { return "/proc/self/fd/" + std::to_string(fd()); }

  void reply(int error);
  void fail(int error) { reply(error); }
  void reply_attributes();
  void reply_entry(const NodePtr& found);
  // Looks `name` up on the server.
  void reply_looked_up(const std::string& name);
  // After `name` was created, or failed to be with `error`.
  void reply_made(const std::string& name, int error);
  void reply_open(const NodePtr& opened, int fd, fuse_file_info info);
  void reply_created(const std::string& name, int fd, fuse_file_info info);
  // Sets owner and group of a new file. In a folder with setgid the group stays as it is.
  void give_to_caller(const std::string& name) const;

 private:
  bool caller_was_killed() const;
  // Looks `name` up on the server. Returns 0 or an errno.
  int find(const std::string& name, NodePtr& found, struct stat& status) const;

  fuse_req_t request_;
  Client& client_;
  NodePtr node_;
  Call call_;
  bool on_name_;
};

// opendir, readdir, releasedir, fsyncdir.
void add_folder_operations(fuse_lowlevel_ops& table);

}  // namespace vbrain::netfs
