#pragma once

namespace vbrain::base {

// Makes the allocator of the C library (glibc, mallopt(3)) give memory back that a burst took: large blocks are
// mappings of their own, and the threads share `arenas` heaps. By default there are up to eight heaps per processor,
// and each keeps what its busiest moment took. Call it first in main(), before there are other threads.
void share_heaps(int arenas);

}  // namespace vbrain::base
