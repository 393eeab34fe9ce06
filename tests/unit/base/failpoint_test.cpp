#include "base/failpoint.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace vbrain::base {
namespace {

class Failpoint : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "failpoint-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(Failpoint, EndsTheProgramOnceWhereAFileArmsIt) {
  std::ofstream(folder_ / "here").put('x');
  const auto pass = [&] {
    setenv("FAILPOINTS", folder_.c_str(), 1);
    failpoint("elsewhere");
    failpoint("here");
    std::_Exit(0);
  };
  EXPECT_EXIT(pass(), testing::KilledBySignal(SIGKILL), "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "here"));
  EXPECT_EXIT(pass(), testing::ExitedWithCode(0), "");
}

TEST_F(Failpoint, EndsTheFirstAttemptWhereTheEnvironmentArmsIt) {
  const auto pass = [](const char* attempt) {
    setenv("FAILPOINT", "here", 1);
    setenv("VBRAIN_JOB_ATTEMPT", attempt, 1);
    failpoint("elsewhere");
    failpoint("here");
    std::_Exit(0);
  };
  EXPECT_EXIT(pass("1"), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(pass("2"), testing::ExitedWithCode(0), "");
}

TEST_F(Failpoint, DoesNothingUnarmed) {
  failpoint("here");
  SUCCEED();
}

}  // namespace
}  // namespace vbrain::base
