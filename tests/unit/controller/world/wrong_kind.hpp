#pragma once

#include <cerrno>

#include "artifacts/files/safe_open.hpp"

namespace vbrain::controller::testing {

// Whether something that is not a file or folder of vBrain is in the place of one. Such an error lasts; others may
// pass.
inline bool is_wrong_kind(const artifacts::VolumeError& error) {
  if (dynamic_cast<const artifacts::UnsafeFile*>(&error) != nullptr) return true;
  const int code = error.code().value();
  return code == ENOTDIR || code == EISDIR || code == ELOOP || code == ENOENT || code == EEXIST || code == ENXIO;
}

}  // namespace vbrain::controller::testing
