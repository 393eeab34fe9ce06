#include "base/files/page_cache.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace vbrain::base {
namespace {

// Fails with EOPNOTSUPP on file systems that may wait for a server even if the page is cached.
bool reads_without_waiting(int fd, std::uint64_t offset) {
  char byte = 0;
  const iovec one{&byte, 1};
  return preadv2(fd, &one, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
}

// Without this right mincore(2) says that everything is cached.
bool may_write(int fd) {
  return syscall(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

}  // namespace

bool in_page_cache(int fd, std::uint64_t offset, std::size_t size) {
  if (size == 0) return true;
  if (!reads_without_waiting(fd, offset) || !may_write(fd)) return false;
  static const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  constexpr std::size_t kPagesAtOnce = 1024;
  std::array<unsigned char, kPagesAtOnce> present{};
  const std::uint64_t end = offset + size;
  for (std::uint64_t at = offset / kPage * kPage; at < end; at += kPagesAtOnce * kPage) {
    const std::size_t length = std::min<std::uint64_t>(end - at, kPagesAtOnce * kPage);
    // Nobody touches this memory: the mapping only names the pages to mincore(2).
    void* const pages = mmap(nullptr, length, PROT_NONE, MAP_SHARED, fd, static_cast<off_t>(at));
    if (pages == MAP_FAILED) return false;
    const bool known = mincore(pages, length, present.data()) == 0;
    munmap(pages, length);
    const auto last = present.begin() + static_cast<std::ptrdiff_t>((length + kPage - 1) / kPage);
    if (!known || !std::all_of(present.begin(), last, [](unsigned char page) { return (page & 1) != 0; })) return false;
  }
  return true;
}

}  // namespace vbrain::base
