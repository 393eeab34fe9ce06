#pragma once

#include <dirent.h>

#include <stop_token>
#include <string>

#include "base/files/fd.hpp"

namespace vbrain::artifacts {

// Removes a file or a tree without following symbolic links. It uses at most 40 descriptors for a tree of any depth:
// deeper entries are first moved to the top. If the owner has removed rights that are needed, they are restored.
// Entries that can't be removed are skipped, so that the rest is removed. For one call of run().
class TreeRemover {
 public:
  // `parent` is an open folder (O_PATH is enough), `name` one component in it.
  TreeRemover(int parent, std::string name, std::stop_token stop);

  // Returns when nothing is left or `stop` was requested. At the end it throws a VolumeError if something could not be
  // removed, with the path and cause of the first failure.
  void run();

 private:
  // True: the name is gone. False: something is left, see failure_ and stopped_.
  bool remove(int dir, const std::string& name, const std::string& path, int depth);
  bool remove_folder(int dir, const std::string& name, const std::string& path, int depth);
  bool lift(int dir, const std::string& name, const std::string& path);
  bool empty(DIR* stream, const std::string& path, int depth);
  bool failed(const char* operation, const std::string& path, int error);

  const int parent_;
  const std::string name_;
  const std::stop_token stop_;
  int top_ = -1;  // of the tree's own folder while it is open
  std::size_t lifted_ = 0;
  bool stopped_ = false;
  std::string failure_;  // the failed operation and its path; empty: nothing failed
  int error_ = 0;
};

}  // namespace vbrain::artifacts
