#include "base/files/fd.hpp"

#include <unistd.h>

namespace vbrain::base {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace vbrain::base
