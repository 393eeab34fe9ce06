#pragma once

#include <fuse3/fuse_lowlevel.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files/fd.hpp"

namespace vbrain::netfs {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Entry {
  std::string name;
  unsigned char type;  // DT_REG, DT_DIR, …
  ino_t inode;
};

// A file or folder that the kernel knows. Corresponds to a file handle of an NFS client. The mutex of Nodes guards all
// members except `fd`.
struct Node {
  base::Fd fd;  // O_PATH; still refers to the file after a rename or removal
  std::pair<dev_t, ino_t> key;
  bool is_folder = false;
  std::uint64_t lookups = 0;     // lookup count of the FUSE protocol
  int opened = 0;                // open descriptors in this client
  bool silly = false;            // removed while open; has the name ".nfs…" until it is closed
  std::shared_ptr<Node> parent;  // `parent` and `name`: the last known path; the root has no parent
  std::string name;

  // The cache of this client: answers of the server (see Memory).
  struct Answer {
    std::shared_ptr<Node> node;  // null: the server has no such name
    SteadyTime asked;
  };
  std::map<std::string, Answer, std::less<>> names;
  std::optional<std::pair<struct stat, SteadyTime>> attributes;
  std::optional<std::pair<std::vector<Entry>, SteadyTime>> list;
};

using NodePtr = std::shared_ptr<Node>;

// How long the client uses cached answers without asking the server, like the mount options actimeo and lookupcache of
// NFS. 0: it always asks.
struct Memory {
  std::chrono::milliseconds names{0};
  std::chrono::milliseconds attributes{0};
  std::chrono::milliseconds lists{0};
};

// All nodes. Thread-safe.
class Nodes {
 public:
  explicit Nodes(base::Fd root);

  // The node of a FUSE node id.
  NodePtr at(fuse_ino_t number);
  static fuse_ino_t number_of(const NodePtr& node);
  // The path of the node, or of a name in it, from "/".
  std::string path_of(const NodePtr& node, std::string_view name = {});

  // The node of a file that was found as `name` in `parent`: the known one, or a new one that takes the descriptor.
  NodePtr found(base::Fd fd, const struct stat& status, const NodePtr& parent, const std::string& name);
  // The known node of that file, or none.
  NodePtr known(const struct stat& status);
  // Increments the lookup count. Returns the node for the answer, which may be another node of the same file.
  NodePtr told(const NodePtr& node);
  void forget(fuse_ino_t number, std::uint64_t lookups);
  // Files that the kernel may forget, as (folder, name). Empty unless more than `limit` nodes are known. Each node is
  // an open descriptor.
  std::vector<std::pair<fuse_ino_t, std::string>> surplus(std::size_t limit);

  void opened(const NodePtr& node);
  // If the file was removed while open, and this was its last descriptor: its folder and its name ".nfs…".
  std::optional<std::pair<NodePtr, std::string>> closed(const NodePtr& node);
  struct OpenState {
    bool opened = false;
    bool silly = false;
  };
  OpenState state_of(const NodePtr& node);
  void moved(const NodePtr& node, const NodePtr& parent, const std::string& name, bool silly);

  void set_memory(const Memory& memory);
  Memory memory();
  // Empties the cache.
  void refresh();
  void remember_name(const NodePtr& parent, const std::string& name, const NodePtr& node);
  // The cached answer if it is still valid: a node, or null if the server has no such name.
  std::optional<NodePtr> remembered_name(const NodePtr& parent, std::string_view name);
  void remember_attributes(const NodePtr& node, const struct stat& status);
  std::optional<struct stat> remembered_attributes(const NodePtr& node);
  void remember_list(const NodePtr& node, const std::vector<Entry>& list);
  std::optional<std::vector<Entry>> remembered_list(const NodePtr& node);
  // For a change by this client, and for open(2).
  void forget_attributes(const NodePtr& node);
  // After ESTALE: drops the attributes and the name from the cache.
  void found_stale(const NodePtr& node);
  // For a change of the name by this client.
  void forget_name(const NodePtr& parent, const std::string& name);

 private:
  std::string path_locked(const Node* node) const;

  std::mutex mutex_;
  NodePtr root_;
  std::map<std::pair<dev_t, ino_t>, NodePtr> nodes_;
  std::map<fuse_ino_t, NodePtr> numbers_;
  Memory memory_;
};

}  // namespace vbrain::netfs
