// What an operator reads if the volume has the wrong group or mode.
#include "artifacts/files/access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "artifacts/store/store.hpp"
#include "support/cpp/pod_user.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const VolumeError& error) {
    return error.what();
  }
  return "none";
}

// As root the folders belong to root, else to this user: then the mode alone denies.
TEST(Access, ADeniedFolderIsNamedWithItsOwnerAndTheRemedy) {
  const vbrain::testing::TempDir temp;
  fs::permissions(temp.path(), fs::perms(0755));
  const bool is_root = vbrain::testing::PodUser::differs();
  const auto prepare = [&](const char* name, unsigned mode) {
    fs::create_directories(temp / name);
    fs::permissions(temp / name, fs::perms(mode));
  };
  prepare("shut", 0);
  prepare("listed", is_root ? 0755 : 0555);
  vbrain::testing::write_file(temp / "source/runner", "x");
  fs::permissions(temp / "source", fs::perms(0755));
  fs::permissions(temp / "source/runner", fs::perms(0755));
  const vbrain::testing::PodUser user;
  const auto tells = [&](const std::string& name, const std::string& mode, const std::string& begin) {
    return AllOf(
        StartsWith(begin + ": folder " + temp.path() + "/" + name + " belongs to user "),
        HasSubstr(" and has mode " + mode + ", and this process is user "),
        EndsWith("; give the folder the group volume.gid of the chart and mode 2770 (chgrp, chmod): Permission "
                 "denied"));
  };
  const std::string mode = is_root ? "0755" : "0555";
  EXPECT_THAT(failure_of([&] { Store(temp / "shut"); }), tells("shut", "0000", "open folder " + temp.path() + "/shut"));
  const Store store(temp / "listed");
  EXPECT_THAT(failure_of([&] { store.install_runner(temp / "source", "v"); }),
              tells("listed", mode, "make folder bin"));
  EXPECT_THAT(failure_of([&] { store.probe(); }), HasSubstr(": folder " + temp.path() + "/listed belongs to user "));
}

TEST(Access, OtherFailuresAreToldAsTheyAre) {
  const vbrain::testing::TempDir temp;
  EXPECT_EQ(failure_of([&] { Store(temp / "none"); }),
            "open folder " + temp.path() + "/none: No such file or directory");
  EXPECT_EQ(explain_denial(temp.path()), "") << "nothing is denied";
}

// A hard link stands for a file system that takes both names for the same file.
TEST(Access, AFileSystemThatIgnoresCaseIsSeen) {
  const vbrain::testing::TempDir temp;
  const Dir folder = Dir::open(temp.path());
  folder.create_file(".probe-a1");
  EXPECT_FALSE(ignores_case(folder, ".probe-a1"));
  folder.create_file(".PROBE-A1");
  EXPECT_FALSE(ignores_case(folder, ".probe-a1")) << "another file";
  fs::remove(temp / ".PROBE-A1");
  fs::create_hard_link(temp / ".probe-a1", temp / ".PROBE-A1");
  EXPECT_TRUE(ignores_case(folder, ".probe-a1"));
}

}  // namespace
}  // namespace vbrain::artifacts
