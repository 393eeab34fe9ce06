// Removing files of an application, with the users that programs have in a pod.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <filesystem>
#include <functional>

#include "artifacts/files/access.hpp"
#include "artifacts/files/safe_open.hpp"
#include "support/cpp/pod_user.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using vbrain::testing::count_below;
using vbrain::testing::kOtherUser;
using vbrain::testing::kVolumeGroup;
using vbrain::testing::mode_of;
using vbrain::testing::PodUser;
using vbrain::testing::TempDir;

// A folder of the volume's group, like the servers create it.
class TreeRemoverTest : public ::testing::Test {
 protected:
  TreeRemoverTest() {
    if (PodUser::differs()) {
      EXPECT_EQ(chown(temp_.path().c_str(), vbrain::testing::kPodUser, kVolumeGroup), 0);
    }
    EXPECT_EQ(chmod(temp_.path().c_str(), 02770), 0);
  }
  std::string tree(const std::string& name = "") const { return temp_ / ("tree/" + name); }
  void make_tree() {
    const Dir dir = Dir::open(temp_.path());
    dir.make("tree/logs/deep");
    for (const char* name : {"tree/claim", "tree/logs/stdout.log", "tree/logs/deep/f"}) dir.create_file(name);
  }
  // What could not be removed; empty: everything is removed.
  std::string remove() {
    try {
      Dir::open(temp_.path()).remove_tree("tree");
      return "";
    } catch (const VolumeError& error) {
      return error.what();
    }
  }

  TempDir temp_;
};

void shut(const std::string& path) {
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
}

TEST_F(TreeRemoverTest, RemovesFoldersWithoutRights) {
  using Path = std::function<std::string(const char*)>;
  const std::vector<std::pair<const char*, std::function<void(const Path&)>>> tricks = {
      {"the tree's own folder", [](const Path& at) { shut(at("")); }},
      {"a folder", [](const Path& at) { shut(at("logs")); }},
      {"folders in each other",
       [](const Path& at) {
         shut(at("logs/deep"));
         shut(at("logs"));
         shut(at(""));
       }},
      {"files", [](const Path& at) { shut(at("logs/stdout.log")); }},
      {"only reading is allowed", [](const Path& at) { ASSERT_EQ(chmod(at("logs").c_str(), 0500), 0); }},
      {"only searching is allowed", [](const Path& at) { ASSERT_EQ(chmod(at("logs").c_str(), 0100), 0); }},
      {"special files",
       [](const Path& at) {
         ASSERT_EQ(mkfifo(at("logs/fifo").c_str(), 0), 0);
         fs::create_symlink("/etc", at("logs/link"));
         fs::create_hard_link(at("claim"), at("logs/hard"));
         const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
         sockaddr_un address{};
         address.sun_family = AF_UNIX;
         std::snprintf(address.sun_path, sizeof address.sun_path, "%s", at("s").c_str());
         EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
         close(fd);
       }},
      {"names that are no text",
       [](const Path& at) {
         for (const std::string name : {"new\nline", "\xff\xfe", "-rf", " ", "*"}) {
           std::ofstream(at("logs/") + name) << "x";
         }
         std::ofstream(at("logs/") + std::string(255, 'n')) << "x";
       }},
  };
  for (const auto& [what, play] : tricks) {
    const PodUser user;
    make_tree();
    play([&](const char* name) { return tree(name); });
    EXPECT_EQ(remove(), "") << what;
    EXPECT_EQ(count_below(temp_.path()), 0U) << what;
  }
}

TEST_F(TreeRemoverTest, RemovesADeepTreeOfFoldersWithoutRights) {
  const PodUser user;
  make_tree();
  int fd = open(tree().c_str(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 200; ++depth) {
    ASSERT_EQ(mkdirat(fd, "d", 0700), 0);
    const int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(fchmod(fd, 0), 0);
    close(fd);
    fd = next;
  }
  close(fd);
  EXPECT_EQ(remove(), "");
  EXPECT_EQ(count_below(temp_.path()), 0U);
}

TEST_F(TreeRemoverTest, EntriesThatCannotBeRemovedDoNotStopTheOthers) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  {
    const PodUser user;
    make_tree();
  }
  {
    const PodUser application(kOtherUser);
    for (int i = 0; i < 50; ++i) {
      const std::string folder = tree("logs/own-" + std::to_string(i));
      fs::create_directory(folder);
      std::ofstream(folder + "/f") << "x";
      shut(folder);
    }
  }
  {
    const PodUser user;
    EXPECT_THAT(remove(), HasSubstr("open folder tree/logs/own-"));
    EXPECT_THAT(remove(), HasSubstr("Permission denied")) << "again";
  }
  EXPECT_FALSE(fs::exists(tree("claim")));
  EXPECT_FALSE(fs::exists(tree("logs/deep")));
  EXPECT_EQ(count_below(tree()), 1U + 50U * 2U) << "all else has gone";
  const PodUser application(kOtherUser);
  EXPECT_EQ(remove(), "") << "the owner can";
}

// A folder at the bottom of a deep tree; the folders above it are moved to the top repeatedly.
TEST_F(TreeRemoverTest, RemovesDeepEntriesAlthoughAnotherEntryStays) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  {
    const PodUser user;
    make_tree();
    std::string deep = tree("logs");
    for (int i = 0; i < 100; ++i) deep += "/d";
    fs::create_directories(deep);
    fs::remove(tree("claim"));
    ASSERT_EQ(chmod(tree("logs/d").c_str(), 02770), 0);
  }
  {
    const PodUser application(kOtherUser);
    fs::create_directory(tree("logs/d/own"));
    std::ofstream(tree("logs/d/own/f")) << "x";
    shut(tree("logs/d/own"));
  }
  {
    const PodUser user;
    EXPECT_THAT(remove(), HasSubstr("tree/logs/d/own"));
  }
  EXPECT_EQ(count_below(tree()), 4U) << "logs/d/own/f and its folders";
}

TEST_F(TreeRemoverTest, TheOwnerRemovesAFolderWithAStickyBit) {
  const PodUser user;
  make_tree();
  ASSERT_EQ(chmod(tree("logs").c_str(), 03770), 0);
  EXPECT_EQ(remove(), "");
}

TEST_F(TreeRemoverTest, ReportsTheCauseAsPrintableText) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  {
    const PodUser application(kOtherUser);
    fs::create_directories(tree("a\n\xff"));
    std::ofstream(tree("a\n\xff/f")) << "x";
    ASSERT_EQ(chmod(tree("a\n\xff").c_str(), 0500), 0);
    ASSERT_EQ(chmod(tree().c_str(), 02770), 0);
  }
  const PodUser user;
  EXPECT_EQ(remove(), "open folder tree/a \xef\xbf\xbd: Permission denied");
}

TEST_F(TreeRemoverTest, AccessIsRestoredWithoutAnyRightOnTheEntry) {
  const PodUser user;
  make_tree();
  const Dir dir = Dir::open(temp_.path());
  shut(tree("logs"));
  shut(tree("claim"));
  const Dir folder = dir.at("tree");
  EXPECT_EQ(restore_access_at(folder.fd(), "logs"), 0);
  EXPECT_EQ(restore_access_at(folder.fd(), "claim"), 0);
  EXPECT_EQ(mode_of(tree("logs")), 02770U);
  EXPECT_EQ(mode_of(tree("claim")), 0660U);
  EXPECT_EQ(restore_access_at(folder.fd(), "none"), ENOENT);
  fs::create_symlink("claim", tree("link"));
  shut(tree("claim"));
  EXPECT_EQ(restore_access_at(folder.fd(), "link"), 0);
  EXPECT_EQ(mode_of(tree("claim")), 0U) << "no link is followed";
}

TEST_F(TreeRemoverTest, AccessListsAreRemoved) {
  const PodUser user;
  make_tree();
  // user::rwx group::--- mask::rwx other::---, as acl_to_xattr(3) writes it: the group has no rights, even after chmod.
  const unsigned char list[] = {2,  0, 0, 0,                       // version
                                1,  0, 7, 0, 255, 255, 255, 255,   // the owner
                                4,  0, 0, 0, 255, 255, 255, 255,   // the group
                                16, 0, 7, 0, 255, 255, 255, 255,   // the mask
                                32, 0, 0, 0, 255, 255, 255, 255};  // others
  // Some file systems support no lists at all, or none without a named entry.
  if (setxattr(tree("logs").c_str(), "system.posix_acl_access", list, sizeof list, 0) != 0 ||
      setxattr(tree("logs").c_str(), "system.posix_acl_default", list, sizeof list, 0) != 0) {
    GTEST_SKIP() << "no access control lists here";
  }
  const Dir logs = Dir::open(tree("logs"));
  EXPECT_EQ(restore_access(logs.fd()), 0);
  EXPECT_LT(getxattr(tree("logs").c_str(), "system.posix_acl_access", nullptr, 0), 0);
  EXPECT_LT(getxattr(tree("logs").c_str(), "system.posix_acl_default", nullptr, 0), 0);
  EXPECT_EQ(mode_of(tree("logs")), 02770U);
}

TEST_F(TreeRemoverTest, TheGroupIsRestored) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs two groups";
  const PodUser user;
  make_tree();
  ASSERT_EQ(chown(tree("logs").c_str(), static_cast<uid_t>(-1), vbrain::testing::kPodUser), 0);
  const Dir logs = Dir::open(tree("logs"));
  EXPECT_EQ(restore_access(logs.fd(), kVolumeGroup), 0);
  struct stat found {};
  ASSERT_EQ(stat(tree("logs").c_str(), &found), 0);
  EXPECT_EQ(found.st_gid, kVolumeGroup);
  EXPECT_EQ(mode_of(tree("logs")), 02770U);
}

}  // namespace
}  // namespace vbrain::artifacts
