#include "artifacts/files/safe_open.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <thread>

#include "support/cpp/temp_dir.hpp"

namespace {
std::function<void()> after_unlink;
}

// Replaces the function of the C library in this program.
extern "C" int unlinkat(int dir, const char* name, int flags) noexcept {
  const auto done = static_cast<int>(syscall(SYS_unlinkat, dir, name, flags));
  const int error = errno;
  if (after_unlink) after_unlink();
  errno = error;
  return done;
}

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::count_below;
using vbrain::testing::mode_of;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

TEST(SafeOpen, ReadsRegularFiles) {
  const TempDir temp;
  write_file(temp / "a/b.txt", "hello");
  const Dir dir = Dir::open(temp.path());
  EXPECT_EQ(dir.read_file("a/b.txt", 5), "hello");
  EXPECT_EQ(dir.open_file("a/b.txt")->size, 5U);
  EXPECT_EQ(dir.open_file("a/none"), std::nullopt);
  EXPECT_EQ(dir.open_file("none/b.txt"), std::nullopt);
  EXPECT_THROW(dir.read_file("a/b.txt", 4), UnsafeFile);
}

TEST(SafeOpen, RefusesSpecialFiles) {
  const TempDir temp;
  write_file(temp / "inside/plain", "x");
  write_file(temp / "secret", "s");
  const std::string in = temp / "inside/";
  fs::create_symlink("plain", in + "link");
  fs::create_symlink("../secret", in + "up");
  fs::create_symlink("/etc/passwd", in + "absolute");
  fs::create_symlink("..", in + "folder");
  fs::create_hard_link(in + "plain", in + "hard");
  fs::create_directory(in + "dir");
  ASSERT_EQ(mkfifo((in + "fifo").c_str(), 0600), 0);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (in + "socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  const Dir dir = Dir::open(temp / "inside");
  // A FIFO without a writer must not block the thread. Otherwise this test hangs.
  for (const char* name : {"link", "up", "absolute", "folder/secret", "plain", "hard", "fifo", "socket", "dir",
                           "../secret", "/etc/passwd", "plain/x", "dir/../../secret"}) {
    EXPECT_THROW(dir.open_file(name), UnsafeFile) << name;
  }
  EXPECT_THROW(dir.open_file("/proc/self/environ"), UnsafeFile);
  EXPECT_THROW(dir.sub("folder"), UnsafeFile);
  EXPECT_THROW(dir.sub(".."), UnsafeFile);
  EXPECT_THROW(dir.create_file("folder/new"), UnsafeFile);
  EXPECT_FALSE(fs::exists(temp / "new"));
}

TEST(SafeOpen, FollowsNothingWhileAParentIsSwapped) {
  const TempDir temp;
  write_file(temp / "in/real/file", "good");
  write_file(temp / "outside/file", "SECRET");
  fs::create_symlink("../outside", temp / "in/trap");
  const Dir dir = Dir::open(temp / "in");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string real = temp / "in/real", trap = temp / "in/trap", spare = temp / "in/spare";
    while (!stop) {
      rename(real.c_str(), spare.c_str());
      rename(trap.c_str(), real.c_str());
      rename(real.c_str(), trap.c_str());
      rename(spare.c_str(), real.c_str());
    }
  });
  int good = 0, refused = 0;
  for (int i = 0; i < 20'000 || ((good == 0 || refused == 0) && i < 2'000'000); ++i) {
    try {
      if (const auto text = dir.read_file("real/file", 100)) {
        ASSERT_EQ(*text, "good");
        ++good;
      }
    } catch (const UnsafeFile&) {
      ++refused;
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GT(good, 0);
  EXPECT_GT(refused, 0);
}

TEST(SafeOpen, ModesDoNotDependOnTheUmask) {
  const TempDir temp;
  const mode_t before = umask(0077);
  const Dir dir = Dir::open(temp.path());
  dir.make("a/b");
  dir.make_new("c");
  dir.write_file_durably("a/f", "x");
  dir.create_file("g");
  umask(before);
  EXPECT_EQ(mode_of(temp / "a"), 02770U);
  EXPECT_EQ(mode_of(temp / "a/b"), 02770U);
  EXPECT_EQ(mode_of(temp / "c"), 02770U);
  EXPECT_EQ(mode_of(temp / "a/f"), 0660U);
  EXPECT_EQ(mode_of(temp / "g"), 0660U);
}

TEST(SafeOpen, WritesWholeFilesOnly) {
  const TempDir temp;
  const Dir dir = Dir::open(temp.path());
  dir.write_file_durably("f", "one");
  dir.write_file_durably("f", "two");
  EXPECT_EQ(dir.read_file("f", 10), "two");
  EXPECT_EQ(dir.list().size(), 1U);
  EXPECT_THROW(dir.write_file_durably("none/f", "x"), VolumeError);
  fs::create_directory(temp / "d");
  EXPECT_THROW(dir.write_file_durably("d", "x"), VolumeError);
  EXPECT_EQ(dir.list().size(), 2U) << "a failed write leaves nothing behind";
}

TEST(SafeOpen, MakesAndMoves) {
  const TempDir temp;
  const Dir dir = Dir::open(temp.path());
  EXPECT_TRUE(dir.make_new("a"));
  EXPECT_FALSE(dir.make_new("a"));
  EXPECT_TRUE(dir.create_file("a/f").has_value());
  EXPECT_FALSE(dir.create_file("a/f").has_value());
  dir.make("b/full");
  dir.write_file_durably("b/full/x", "kept");
  EXPECT_FALSE(dir.move("a", dir.at("b"), "full")) << "a folder with content is never replaced";
  EXPECT_EQ(dir.read_file("b/full/x", 10), "kept");
  EXPECT_TRUE(dir.move("a", dir.at("b"), "free"));
  EXPECT_TRUE(dir.status("b/free/f"));
  EXPECT_FALSE(dir.status("a"));
  for (const char* name : {"", ".", "..", "b/..", "b/"}) EXPECT_THROW(dir.make_new(name), VolumeError) << name;
}

TEST(SafeOpen, RemovesDeepTreesAndFollowsNothing) {
  const TempDir temp;
  write_file(temp / "outside/keep", "x");
  const Dir dir = Dir::open(temp.path());
  dir.make_new("tree");
  fs::create_symlink("../outside", temp / "tree/link");
  ASSERT_EQ(mkfifo((temp / "tree/fifo").c_str(), 0600), 0);
  int fd = open((temp / "tree").c_str(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 3'000; ++depth) {
    ASSERT_EQ(mkdirat(fd, "d", 0700), 0);
    const int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
    close(fd);
    fd = next;
  }
  close(fd);
  EXPECT_TRUE(dir.remove_tree("tree"));
  EXPECT_FALSE(dir.remove_tree("tree"));
  EXPECT_FALSE(fs::exists(temp / "tree"));
  EXPECT_EQ(dir.read_file("outside/keep", 10), "x");
}

TEST(SafeOpen, RemovingATreeEndsWhenTold) {
  const TempDir temp;
  for (int i = 0; i < 60; ++i) {
    write_file(temp / ("tree/" + std::to_string(i % 3) + "/deep/" + std::to_string(i)), "x");
  }
  const std::size_t all = count_below(temp.path());
  const Dir dir = Dir::open(temp.path());
  std::stop_source before;
  before.request_stop();
  EXPECT_TRUE(dir.remove_tree("tree", before.get_token()));
  EXPECT_EQ(count_below(temp.path()), all);
  std::stop_source in_the_middle;
  after_unlink = [&, calls = 0]() mutable {
    if (++calls == 30) in_the_middle.request_stop();
  };
  EXPECT_TRUE(dir.remove_tree("tree", in_the_middle.get_token()));
  after_unlink = {};
  EXPECT_LT(count_below(temp.path()), all);
  EXPECT_GT(count_below(temp.path()), all - 31);
  EXPECT_TRUE(dir.remove_tree("tree"));
  EXPECT_EQ(count_below(temp.path()), 0U);
}

TEST(SafeOpen, StatusSeesLinksThemselves) {
  const TempDir temp;
  fs::create_symlink("/etc/passwd", temp / "link");
  const Dir dir = Dir::open(temp.path());
  EXPECT_TRUE(S_ISLNK(dir.status("link")->st_mode));
  EXPECT_FALSE(dir.status("none"));
  EXPECT_FALSE(dir.status("none/x"));
}

TEST(SafeOpen, TellsAFullVolumeFromABrokenOne) {
  EXPECT_TRUE(VolumeError(ENOSPC, "x").is_full());
  EXPECT_TRUE(VolumeError(EDQUOT, "x").is_full());
  EXPECT_FALSE(VolumeError(EIO, "x").is_full());
}

}  // namespace
}  // namespace vbrain::artifacts
