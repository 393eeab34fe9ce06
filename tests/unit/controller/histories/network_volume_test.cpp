// The controller on a volume that behaves like NFS: whatever call to it fails once, the job ends as it should.
#include "support/cpp/network_volume.hpp"

#include <cstdlib>

#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

using testing::World;

// Volumes of worlds that are made in its tests lie on the first machine's mount.
class NetworkJob : public vbrain::testing::NetworkVolume {
 protected:
  void SetUp() override {
    NetworkVolume::SetUp();
    if (!IsSkipped()) setenv("VBRAIN_TEST_VOLUMES", one_->path().c_str(), 1);
  }
  void TearDown() override { unsetenv("VBRAIN_TEST_VOLUMES"); }

  // Runs one job from start to end with the n-th call to the volume failing. False if there are not so many calls.
  bool ends_well(const std::string& error, int n) {
    World world;
    world.add_application();
    world.add_job();
    const int rule = one_->add("error=" + error + " * * times=1 skip=" + std::to_string(n));
    try {
      EXPECT_TRUE(world.run()) << error << " at call " << n;
    } catch (const artifacts::VolumeError&) {
      // The call was one of the world's own kubelet or runner. They try again.
    }
    const bool struck = one_->hits(rule) > 0;
    one_->clear();
    EXPECT_TRUE(world.run());
    EXPECT_EQ(world.status()["phase"], "Finished") << error << " at call " << n;
    EXPECT_EQ(world.starts_in_all(), 1) << error << " at call " << n;
    EXPECT_TRUE(world.has_status_file()) << error << " at call " << n;
    EXPECT_TRUE(world.violations().empty()) << error << " at call " << n;
    return struck;
  }
};

TEST_F(NetworkJob, EndsWellWhateverCallToTheVolumeFailsOnce) {
  // Steps that share no divisor, so that in the end most calls have failed in one way or another.
  const struct {
    const char* error;
    int step;
  } cases[] = {{"ESTALE", 7}, {"EIO", 11}, {"EBUSY", 13}, {"ENOSPC", 17}};
  for (const auto& it : cases) {
    for (int n = 0; ends_well(it.error, n); n += it.step) {
    }
  }
}

TEST_F(NetworkJob, IsDeletedWhileAnotherMachineReadsItsFiles) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  const std::string folder = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(world.job_folder().fd()));
  const std::string below = folder.substr(one_->path().size());
  const int reader = open((other_->path() + below + "/job.json").c_str(), O_RDONLY);
  ASSERT_GE(reader, 0);
  world.delete_job();
  EXPECT_TRUE(world.run());
  EXPECT_FALSE(world.has_folder());
  EXPECT_FALSE(world.has_trash());
  EXPECT_TRUE(world.job().is_null());
  close(reader);
}

// The file that is still open gets another name, so that its folder cannot be removed yet.
TEST_F(NetworkJob, IsDeletedWhileThisMachineReadsItsFiles) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_TRUE(world.run());
  const int reader = openat(world.job_folder().fd(), "job.json", O_RDONLY);
  ASSERT_GE(reader, 0);
  world.delete_job();
  EXPECT_TRUE(world.run());
  EXPECT_FALSE(world.has_folder());
  EXPECT_TRUE(world.job().is_null()) << "the files follow; the resource does not wait for them";
  close(reader);
}

}  // namespace
}  // namespace vbrain::controller
