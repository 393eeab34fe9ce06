#pragma once

#include <string>
#include <string_view>

namespace vbrain::runner {

// A name for a message: readable, at most 120 bytes and an ellipsis.
std::string shown(std::string_view name);

// The kind of a directory entry that is no folder and no regular file, for a message: "a FIFO". `type` is DT_LNK, ….
const char* kind_of(unsigned char type);

// Whether every reader of an archive takes this component of a name alike: UTF-8 without control characters and
// backslashes. What only some systems dislike is the application's business.
bool is_portable(std::string_view name);

}  // namespace vbrain::runner
