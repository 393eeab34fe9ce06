#pragma once

#include <string>

#include "artifacts/files/safe_open.hpp"

namespace vbrain::runner {

// Gives the owner of a file or folder back the right to read it, if the application has removed it. Does nothing to
// other entries, and nothing if this process is not the owner.
void make_readable(const artifacts::Dir& folder, const std::string& name);

}  // namespace vbrain::runner
