#include "base/files/page_cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>

#include "base/files/fd.hpp"
#include "base/files/io.hpp"
#include "support/cpp/pod_user.hpp"

namespace vbrain::base {
namespace {

class PageCacheTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kSize = 5'000'000;

  void SetUp() override {
    path_ = ::testing::TempDir() + "/page_cache_test." + std::to_string(::getpid());
    file_ = Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_TRUE(write_full(file_.get(), std::string(kSize, 'x')));
    char byte = 0;
    const iovec one{&byte, 1};
    if (preadv2(file_.get(), &one, 1, 0, RWF_NOWAIT) != 1) GTEST_SKIP() << "this file system does not say it";
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  std::string path_;
  Fd file_;
};

TEST_F(PageCacheTest, KnowsWhatWasJustWritten) {
  EXPECT_TRUE(in_page_cache(file_.get(), 0, kSize));
  EXPECT_TRUE(in_page_cache(file_.get(), kSize - 1, 1));
  EXPECT_TRUE(in_page_cache(file_.get(), 4097, 1'000'000));
  EXPECT_TRUE(in_page_cache(file_.get(), 0, 0));
}

TEST_F(PageCacheTest, KnowsNothingBehindTheEnd) {
  EXPECT_FALSE(in_page_cache(file_.get(), kSize, 1));
  EXPECT_FALSE(in_page_cache(file_.get(), 0, 2 * kSize));
}

TEST_F(PageCacheTest, OnePageThatIsMissingIsEnough) {
  ASSERT_EQ(fsync(file_.get()), 0);
  ASSERT_EQ(posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  if (in_page_cache(file_.get(), 0, kSize)) GTEST_SKIP() << "this file system evicts nothing";
  ASSERT_EQ(posix_fadvise(file_.get(), 0, 0, POSIX_FADV_RANDOM), 0);
  std::string page(4096, '\0');
  ASSERT_EQ(read_full_at(file_.get(), page, 0), 4096);
  EXPECT_TRUE(in_page_cache(file_.get(), 0, 4096));
  EXPECT_FALSE(in_page_cache(file_.get(), 0, kSize)) << "the first page is there, the others are not";
}

TEST_F(PageCacheTest, SaysNoForAFileThatMayNotBeWritten) {
  ASSERT_EQ(fchmod(file_.get(), 0400), 0);
  const Fd reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  // Root may write everything.
  const vbrain::testing::PodUser user;
  EXPECT_FALSE(in_page_cache(reader.get(), 0, kSize));
}

TEST_F(PageCacheTest, SaysNoForWhatIsNoFile) {
  EXPECT_FALSE(in_page_cache(-1, 0, 1));
}

}  // namespace
}  // namespace vbrain::base
