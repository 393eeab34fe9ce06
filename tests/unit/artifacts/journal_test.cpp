#include "artifacts/store/journal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/files/fd.hpp"

namespace vbrain::artifacts {
namespace {

TEST(Journal, NothingIsSaidOfOtherFileSystems) {
  for (const char* folder : {"/dev/shm", "/proc", "/sys"}) {
    const base::Fd fd(::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) {
      EXPECT_FALSE(has_ordered_journal(fd.get())) << folder;
    }
  }
  EXPECT_FALSE(has_ordered_journal(-1));
}

}  // namespace
}  // namespace vbrain::artifacts
