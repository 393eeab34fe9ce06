#include "base/heap.hpp"

#include <malloc.h>

namespace vbrain::base {
namespace {

// A fixed threshold: by default it grows to the largest block that was freed, and with it what a heap keeps.
constexpr int kOwnMapping = 256 * 1024;

}  // namespace

void share_heaps(int arenas) {
  mallopt(M_MMAP_THRESHOLD, kOwnMapping);
  mallopt(M_ARENA_MAX, arenas);
}

}  // namespace vbrain::base
