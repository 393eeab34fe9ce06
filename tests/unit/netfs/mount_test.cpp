#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <future>

#include "support/cpp/network_volume.hpp"

namespace vbrain::testing {
namespace {

namespace fs = std::filesystem;

int errno_of(int result) {
  return result == 0 ? 0 : errno;
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

std::string name_in(const std::string& folder) {
  const auto first = fs::directory_iterator(folder);
  return first == fs::directory_iterator() ? "" : first->path().filename().string();
}

using Mounts = NetworkVolume;

TEST_F(Mounts, WhatOneClientWritesTheOtherReads) {
  write_file(one("folder/file"), "text");
  EXPECT_EQ(read_file(other("folder/file")), "text");
  fs::rename(other("folder/file"), other("moved"));
  EXPECT_FALSE(exists(one("folder/file")));
  EXPECT_EQ(read_file(one("moved")), "text");
  struct stat status {};
  ASSERT_EQ(stat(one("moved").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, geteuid());
}

TEST_F(Mounts, AFileThatIsRemovedWhileOpenKeepsItsFolder) {
  write_file(one("folder/file"), "text");
  const int fd = open(one("folder/file").c_str(), O_RDONLY);
  ASSERT_EQ(unlink(one("folder/file").c_str()), 0);
  const std::string left = name_in(one("folder"));
  EXPECT_TRUE(left.starts_with(".nfs")) << left;
  EXPECT_EQ(errno_of(rmdir(one("folder").c_str())), ENOTEMPTY);
  EXPECT_EQ(errno_of(unlink(one("folder/" + left).c_str())), EBUSY);
  EXPECT_EQ(read_fd(fd), "text");
  close(fd);
  EXPECT_EQ(errno_of(rmdir(one("folder").c_str())), 0);
}

TEST_F(Mounts, AFileThatIsReplacedWhileOpenStaysUntilItIsClosed) {
  write_file(one("file"), "old");
  write_file(one("new"), "new");
  const int fd = open(one("file").c_str(), O_RDONLY);
  fs::rename(one("new"), one("file"));
  EXPECT_EQ(read_fd(fd), "old");
  EXPECT_EQ(read_file(one("file")), "new");
  EXPECT_EQ(count_below(server_.path()), 2U);
  close(fd);
  fs::remove(one("file"));
  EXPECT_EQ(count_below(server_.path()), 0U);
}

TEST_F(Mounts, WhatAnotherClientHasRemovedIsStale) {
  write_file(one("folder/file"), "text");
  const int fd = open(one("folder/file").c_str(), O_RDONLY | O_DIRECT);
  const int folder = open(one("folder").c_str(), O_RDONLY | O_DIRECTORY);
  fs::remove_all(other("folder"));
  fs::create_directory(other("folder"));
  struct stat status {};
  EXPECT_EQ(errno_of(fstat(fd, &status)), ESTALE);
  EXPECT_EQ(errno_of(fstat(folder, &status)), ESTALE);
  EXPECT_EQ(errno_of(mkdirat(folder, "new", 0700)), ESTALE);
  EXPECT_EQ(errno_of(stat(one("folder").c_str(), &status)), 0) << "the path leads to the new folder";
  close(fd);
  close(folder);
}

TEST_F(Mounts, AnswersAreRepeatedFromMemory) {
  write_file(one("was"), "text");
  EXPECT_FALSE(exists(other("later")));
  other_->command(kRemembersAll);
  EXPECT_TRUE(exists(other("was")));
  EXPECT_FALSE(exists(other("later")));
  EXPECT_EQ(count_below(other("")), 1U);
  write_file(one("later"), "text");
  std::ofstream(one("was")) << "longer text";
  EXPECT_FALSE(exists(other("later")));
  EXPECT_EQ(count_below(other("")), 1U);
  EXPECT_EQ(fs::file_size(other("was")), 4U);
  EXPECT_EQ(read_file(other("was")), "longer text") << "who opens a file asks the server";
  other_->command("refresh");
  EXPECT_TRUE(exists(other("later")));
  EXPECT_EQ(count_below(other("")), 2U);
}

TEST_F(Mounts, AStaleNameIsLookedUpAgain) {
  write_file(one("file"), "old");
  other_->command("memory names=3600000 attributes=3600000");
  EXPECT_TRUE(exists(other("file")));
  fs::remove(one("file"));
  EXPECT_TRUE(exists(other("file"))) << "not asked again";
  EXPECT_THROW(read_file(other("file")), std::runtime_error);
  EXPECT_FALSE(exists(other("file")));
}

TEST_F(Mounts, ExclusiveMeansExclusiveWhateverTheMemory) {
  EXPECT_FALSE(exists(other("claim")));
  other_->command("memory names=3600000");
  EXPECT_FALSE(exists(other("claim")));
  write_file(one("claim"), "one");
  EXPECT_EQ(open(other("claim").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600), -1);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(Mounts, LacksWhatNfsLacks) {
  EXPECT_EQ(open(one_->path().c_str(), O_TMPFILE | O_RDWR, 0600), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  write_file(one("a"), "text");
  EXPECT_EQ(errno_of(renameat2(AT_FDCWD, one("a").c_str(), AT_FDCWD, one("b").c_str(), RENAME_NOREPLACE)), EINVAL);
}

TEST_F(Mounts, CallsFailAsTold) {
  one_->add("error=ENOSPC write */full times=1");
  const int fd = open(one("full").c_str(), O_CREAT | O_WRONLY, 0600);
  EXPECT_EQ(write(fd, "x", 1), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(write(fd, "x", 1), 1);
  one_->add("error=EDQUOT flush */full");
  EXPECT_EQ(errno_of(close(fd)), EDQUOT);
}

TEST_F(Mounts, HangForOneClientAlone) {
  write_file(one("file"), "text");
  one_->add("hang * /file");
  auto hanging = std::async(std::launch::async, [this] { return read_file(one("file")); });
  ASSERT_TRUE(one_->wait_for_hanging(1));
  EXPECT_EQ(read_file(other("file")), "text");
  write_file(one("elsewhere"), "x");
  one_->clear();
  EXPECT_EQ(hanging.get(), "text");
}

TEST_F(Mounts, AKilledProcessIsLetGo) {
  write_file(one("file"), "text");
  one_->add("hang open /file");
  const pid_t pid = fork();
  if (pid == 0) {
    open(one("file").c_str(), O_RDONLY);
    _exit(0);
  }
  ASSERT_TRUE(one_->wait_for_hanging(1));
  kill(pid, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status));
}

// The test's process is killed, and so are all processes that hang in its mount.
TEST_F(Mounts, EndWithTheProcessThatMadeThem) {
  int path[2];
  ASSERT_EQ(pipe2(path, O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    const NetFs mount(server_.path());
    mount.add("hang mkdir *");
    const std::string where = mount.path();
    if (write(path[1], where.data(), where.size()) < 0) _exit(1);
    mkdir((where + "/never").c_str(), 0700);
    _exit(0);
  }
  close(path[1]);
  char where[256] = {};
  ASSERT_GT(read(path[0], where, sizeof where - 1), 0);
  kill(pid, SIGKILL);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  const auto is_mounted = [&] { return read_file("/proc/self/mounts").find(where) != std::string::npos; };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (is_mounted() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_FALSE(is_mounted());
  fs::remove_all(fs::path(where).parent_path());
}

}  // namespace
}  // namespace vbrain::testing
