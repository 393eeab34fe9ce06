#pragma once

#include <dirent.h>

#include <stop_token>
#include <string>

#include "base/fd.hpp"

namespace vbrain::artifacts {

// Removes a file or a tree, following no symbolic link, with at most 40 descriptors however deep the tree is: what lies
// deeper is first moved up to the top. Where the owner has taken the rights that removing needs, they are restored.
// What cannot be removed is passed over, so that all the rest goes. For one call of run().
class TreeRemover {
 public:
  // `parent` is an open folder (O_PATH is enough), `name` one component in it.
  TreeRemover(int parent, std::string name, std::stop_token stop);

  // Returns when nothing is left or `stop` was requested. Throws VolumeError at the end if something could not be
  // removed, with the path of the first such thing and its cause.
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
  int top_ = -1;  // of the tree's own folder, while it is open
  std::size_t lifted_ = 0;
  bool stopped_ = false;
  std::string failure_;  // what was to be done with which path; empty: nothing failed
  int error_ = 0;
};

}  // namespace vbrain::artifacts
