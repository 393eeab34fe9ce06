#pragma once

namespace vbrain::runner {

// True for an open file on a network file system: other machines see what is written only after it is sent to the
// server, by fdatasync(2).
bool is_on_shared_file_system(int fd);

}  // namespace vbrain::runner
