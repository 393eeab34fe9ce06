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

#include "base/fd.hpp"

namespace vbrain::netfs {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Entry {
  std::string name;
  unsigned char type;  // DT_REG, DT_DIR, …
  ino_t inode;
};

// A file or folder that the kernel knows: what an NFS client keeps with a file handle. All but `fd` is guarded by the
// mutex of Nodes.
struct Node {
  base::Fd fd;  // O_PATH: stays with the file whatever happens to its name
  std::pair<dev_t, ino_t> key;
  std::uint64_t lookups = 0;     // how often the kernel has been told of it and has not forgotten it
  int opened = 0;                // descriptors that this client has open for reading or writing
  bool silly = false;            // removed while open: it has the name ".nfs…" until the last one is closed
  std::shared_ptr<Node> parent;  // with `name`, the path by which it was found last; none for the root
  std::string name;

  // Answers of the server that are repeated while they are young (see Memory).
  struct Answer {
    std::shared_ptr<Node> node;  // none: there is no such name
    SteadyTime asked;
  };
  std::map<std::string, Answer, std::less<>> names;
  std::optional<std::pair<struct stat, SteadyTime>> attributes;
  std::optional<std::pair<std::vector<Entry>, SteadyTime>> list;
};

using NodePtr = std::shared_ptr<Node>;

// How long answers are repeated without asking again; what an NFS client does for acregmin… and lookupcache. Zero asks
// always.
struct Memory {
  std::chrono::milliseconds names{0};
  std::chrono::milliseconds attributes{0};
  std::chrono::milliseconds lists{0};
};

// All nodes. Thread-safe.
class Nodes {
 public:
  explicit Nodes(base::Fd root);

  // The node of a number that the kernel was told.
  NodePtr at(fuse_ino_t number);
  static fuse_ino_t number_of(const NodePtr& node);
  // From "/": the node's path, or that of a name in it.
  std::string path_of(const NodePtr& node, std::string_view name = {});

  // Takes the descriptor of something found below `parent`; gives the node it belongs to, which may be an older one.
  NodePtr found(base::Fd fd, const struct stat& status, const NodePtr& parent, const std::string& name);
  // The known node of that file, if there is one.
  NodePtr known(const struct stat& status);
  // Counts that the kernel is told of the node; gives the one to tell, which may be another of the same file.
  NodePtr told(const NodePtr& node);
  void forget(fuse_ino_t number, std::uint64_t lookups);

  void opened(const NodePtr& node);
  // If this was the last descriptor of a file that was removed while open: its parent and name, for removal.
  std::optional<std::pair<NodePtr, std::string>> closed(const NodePtr& node);
  struct OpenState {
    bool opened = false;
    bool silly = false;
  };
  OpenState state_of(const NodePtr& node);
  void moved(const NodePtr& node, const NodePtr& parent, const std::string& name, bool silly);

  void set_memory(const Memory& memory);
  Memory memory();
  // Forgets all answers.
  void refresh();
  void remember_name(const NodePtr& parent, const std::string& name, const NodePtr& node);
  // An answer that is young enough to be repeated; what it holds is none where the name is said not to be there.
  std::optional<NodePtr> remembered_name(const NodePtr& parent, std::string_view name);
  void remember_attributes(const NodePtr& node, const struct stat& status);
  std::optional<struct stat> remembered_attributes(const NodePtr& node);
  void remember_list(const NodePtr& node, const std::vector<Entry>& list);
  std::optional<std::vector<Entry>> remembered_list(const NodePtr& node);
  // This client has changed the file, or opens it: its attributes are asked for again.
  void forget_attributes(const NodePtr& node);
  // The server has answered ESTALE: attributes and name are asked for again.
  void found_stale(const NodePtr& node);
  // This client has changed the name: the folder and the name are looked at again.
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
