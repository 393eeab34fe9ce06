#pragma once

#include <fuse3/fuse_lowlevel.h>

#include <optional>
#include <string>
#include <string_view>

#include "support/netfs/operations.hpp"

namespace vbrain::netfs {

Client& client_of(fuse_req_t request);

// One call under way: applies the faults, and answers. Not thread-safe.
class Request {
 public:
  // `name` is one in the folder `number`; `other` the second path of a call that has two.
  Request(fuse_req_t request, std::string_view operation, fuse_ino_t number, std::string_view name = {},
          std::optional<std::string> other = {});

  // Applies the faults, then asks whether the file is still there. True if the call has been answered with an error.
  bool refused();

  Client& client() const { return client_; }
  const NodePtr& node() const { return node_; }
  int fd() const { return node_->fd.get(); }
  // Leads to the file by its descriptor, for calls that take no O_PATH descriptor.
  std::string magic_path() const { return "/proc/self/fd/" + std::to_string(fd()); }

  void reply(int error);
  void fail(int error) { reply(error); }
  void reply_attributes();
  void reply_entry(const NodePtr& found);
  // Looks `name` up in the folder on the server.
  void reply_looked_up(const std::string& name);
  // `name` has just been made by the caller, or could not be.
  void reply_made(const std::string& name, int error);
  void reply_open(const NodePtr& opened, int fd, fuse_file_info info);
  void reply_created(const std::string& name, int fd, fuse_file_info info);
  // What was made belongs to the caller, and to the caller's group unless the folder hands its own on (setgid).
  void give_to_caller(const std::string& name) const;

 private:
  bool caller_was_killed() const;
  // The file of `name`, found on the server; the errno where it is not.
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
