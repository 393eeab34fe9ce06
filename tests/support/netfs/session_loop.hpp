#pragma once

#include <fuse3/fuse_lowlevel.h>

namespace vbrain::netfs {

// Serves requests until the session ends. Not libfuse's own loop, for two reasons: calls that hang must not keep others
// waiting, so a thread is added whenever all are busy; and what closes a file is served in the order in which it came,
// so that a file is closed for us, too, before its folder is removed. Returns 0 or an errno.
int serve(fuse_session* session);

}  // namespace vbrain::netfs
