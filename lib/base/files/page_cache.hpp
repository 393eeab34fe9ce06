#pragma once

#include <cstddef>
#include <cstdint>

namespace vbrain::base {

// True if a read of these bytes of a file would be answered from memory and would not wait for a disk or a file server.
// False if it might wait, or if that cannot be known: on file systems that cannot promise it (NFS, FUSE, SMB), and for
// files that this process may not write, because Linux hides what is cached of them (mincore(2)). The pages may be
// evicted after the answer. Never blocks. Thread-safe.
bool in_page_cache(int fd, std::uint64_t offset, std::size_t size);

}  // namespace vbrain::base
