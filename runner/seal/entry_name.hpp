#pragma once

#include <string>
#include <string_view>

namespace vbrain::runner {

// A name for a message: readable, at most 120 bytes and an ellipsis.
std::string shown(std::string_view name);

// The type of a directory entry that is neither folder nor regular file, for a message: "a FIFO". `type` is DT_LNK, ….
const char* kind_of(unsigned char type);

}  // namespace vbrain::runner
