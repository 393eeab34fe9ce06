#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "support/cpp/netfs_mount.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::testing {

// A volume on a file server, and two machines that have mounted it. Skips its tests where nothing can be mounted.
class NetworkVolume : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetFs::lacks(); !why.empty()) GTEST_SKIP() << why;
    one_.emplace(server_.path());
    other_.emplace(server_.path());
  }

  std::string one(const std::string& below) const { return one_->path() + "/" + below; }
  std::string other(const std::string& below) const { return other_->path() + "/" + below; }

  // The folder of the file server itself: nothing that is done to the mounts concerns it.
  TempDir server_{std::filesystem::temp_directory_path().string()};
  std::optional<NetFs> one_;
  std::optional<NetFs> other_;
};

// How long a mount repeats what it was told, in the tests that say when it asks again: for ever.
inline const std::string kRemembersAll = "memory names=3600000 attributes=3600000 lists=3600000";

}  // namespace vbrain::testing
