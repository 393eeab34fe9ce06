#pragma once

#include <fuse3/fuse_lowlevel.h>

namespace vbrain::netfs {

// Serves requests until the session ends. Returns 0 or an errno. It replaces libfuse's own loop for two reasons. A call
// that hangs must not block others: a thread is added whenever all are busy. And RELEASE is served in the order of
// arrival: a caller that closes a file and then removes its folder must not get ENOTEMPTY.
int serve(fuse_session* session);

}  // namespace vbrain::netfs
