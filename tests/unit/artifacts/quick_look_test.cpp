#include "artifacts/files/quick_look.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;

class QuickLookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / ("quick_look_test." + std::to_string(::getpid()));
    fs::create_directories(root_ / "a" / "b");
    std::ofstream(root_ / "a" / "file") << "text";
    fs::create_symlink("a", root_ / "link");
    dir_.emplace(Dir::open(root_.string()));
    quick_.emplace(*dir_);
    if (!quick_->status("a")) GTEST_SKIP() << "this file system may have to ask a server";
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  fs::path root_;
  std::optional<Dir> dir_;
  std::optional<QuickLook> quick_;
};

TEST_F(QuickLookTest, SeesWhatTheVolumeHas) {
  for (const char* path : {"a", "a/b", "a/file"}) {
    static_cast<void>(dir_->status(path));  // its names are in memory now
    const auto quick = quick_->status(path);
    ASSERT_TRUE(quick) << path;
    EXPECT_EQ(quick->st_ino, dir_->status(path)->st_ino) << path;
  }
  EXPECT_FALSE(quick_->status("absent"));
  EXPECT_FALSE(quick_->status("a/absent/b"));
}

TEST_F(QuickLookTest, SeesARemovalAndAChangeAtOnce) {
  const auto before = quick_->status("a");
  ASSERT_TRUE(before);
  fs::rename(root_ / "a", root_ / "other");
  EXPECT_FALSE(quick_->status("a"));
  fs::create_directory(root_ / "a");
  const auto after = quick_->status("a");
  EXPECT_TRUE(!after || after->st_ino != before->st_ino);
}

TEST_F(QuickLookTest, LeavesNoFolder) {
  EXPECT_FALSE(quick_->status("link/file"));
  EXPECT_FALSE(quick_->status("../"));
  EXPECT_FALSE(quick_->status(root_.string()));
  EXPECT_FALSE(quick_->status(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace vbrain::artifacts
