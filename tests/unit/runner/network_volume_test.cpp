// The built runner with its attempt on a volume that behaves like NFS.
#include "support/cpp/network_volume.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Outcome;
using ::testing::HasSubstr;
using vbrain::testing::eventually;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::text_so_far;

// Sandboxes that are made in its tests lie on the first machine's mount.
class NetworkRunner : public vbrain::testing::NetworkVolume {
 protected:
  void SetUp() override {
    NetworkVolume::SetUp();
    if (!IsSkipped()) setenv("VBRAIN_TEST_VOLUMES", one_->path().c_str(), 1);
  }
  void TearDown() override { unsetenv("VBRAIN_TEST_VOLUMES"); }

  // A file of the attempt as the other machine sees it.
  std::string seen(const Sandbox& box, const std::string& name) const {
    return other_->path() + box.attempt(name).substr(one_->path().size());
  }

  // Starts an application that runs `script` once the file `go_` is removed, and waits until it runs.
  Sandbox::Process start_and_wait(const Sandbox& box, const std::string& script) {
    vbrain::testing::write_file(go_, "");
    auto process = box.start({"/bin/sh", "-c", "echo begun; while [ -e $GO ]; do :; done; " + script}, {{"GO", go_}});
    EXPECT_TRUE(eventually([&] { return text_so_far(box.attempt("logs/stdout.log")) == "begun\n"; }));
    return process;
  }

  vbrain::testing::TempDir outside_{std::filesystem::temp_directory_path().string()};
  const std::string go_ = outside_ / "go";
};

TEST_F(NetworkRunner, LogsAreReadByAnotherMachineWhileTheyGrow) {
  const Sandbox box;
  auto process = box.start({"/bin/sh", "-c", "echo first; exec sleep 1000"});
  ASSERT_TRUE(eventually([&] { return text_so_far(seen(box, "logs/stdout.log")) == "first\n"; }));
  kill(process.pid(), SIGTERM);
  process.wait();
  EXPECT_EQ(read_file(seen(box, "logs/stdout.log")), "first\n");
  EXPECT_TRUE(std::filesystem::exists(seen(box, "manifest.json")));
}

TEST_F(NetworkRunner, LogFilesAreReadByAnotherMachineWhileTheyGrow) {
  const Sandbox box;
  const std::string script =
      "cd $VBRAIN_LOG_DIR; echo one > a.log; while [ -e $GO ]; do sleep 0.01; done; echo two >> a.log; exec sleep 1000";
  vbrain::testing::write_file(go_, "");
  auto process = box.start({"/bin/sh", "-c", script}, {{"GO", go_}});
  ASSERT_TRUE(eventually([&] { return text_so_far(seen(box, "logs/a.log")) == "one\n"; }));
  std::filesystem::remove(go_);
  ASSERT_TRUE(eventually([&] { return text_so_far(seen(box, "logs/a.log")) == "one\ntwo\n"; }));
  kill(process.pid(), SIGTERM);
  process.wait();
  EXPECT_EQ(read_file(seen(box, "logs/a.log")), "one\ntwo\n");
}

TEST_F(NetworkRunner, ASuccessIsOneThoughNoLogCanBeWritten) {
  for (const char* rule :
       {"error=EDQUOT write */logs/*", "error=EIO fsync,flush */logs/*", "error=ESTALE write */logs/*"}) {
    const Sandbox box;
    one_->add(rule);
    EXPECT_EQ(box.run_shell("echo text; echo 7 > $VBRAIN_RESULT_FILE"), 0) << rule;
    one_->clear();
    EXPECT_EQ(box.reported().kind, Outcome::Kind::kOk) << rule;
    EXPECT_EQ(read_file(box.attempt("result.json")), "7\n") << rule;
  }
}

TEST_F(NetworkRunner, AVolumeThatIsFullAtTheEndIsTheReasonOfTheFailure) {
  const Sandbox box;
  auto process = start_and_wait(box, "echo x > $VBRAIN_OUTPUT_DIR/file; echo 7 > $VBRAIN_RESULT_FILE");
  one_->add("error=ENOSPC write,fsync,flush */attempt/.vbrain-*");
  std::filesystem::remove(go_);
  EXPECT_NE(process.wait(), 0);
  one_->clear();
  EXPECT_EQ(box.reported().kind, Outcome::Kind::kSealFailed);
  EXPECT_THAT(box.reported().message, HasSubstr("No space left"));
}

TEST_F(NetworkRunner, EndsThoughAnotherMachineRemovedItsAttempt) {
  const Sandbox box;
  auto process = start_and_wait(box, "echo 7 > $VBRAIN_RESULT_FILE");
  std::filesystem::remove_all(seen(box, ""));
  std::filesystem::remove(go_);
  EXPECT_NE(process.wait(), 0);
  EXPECT_NE(text_so_far(box.temp / "dev/termination-log"), "");
}

// A file server that does not answer for a while costs time and nothing else.
TEST_F(NetworkRunner, AVolumeThatHangsForAWhileLosesNothing) {
  const Sandbox box;
  one_->add("hang write */logs/*");
  auto process = box.start({"/bin/sh", "-c", "echo text; echo 7 > $VBRAIN_RESULT_FILE"});
  ASSERT_TRUE(one_->wait_for_hanging(1));
  one_->clear();
  EXPECT_EQ(process.wait(), 0);
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), "text\n");
  EXPECT_EQ(read_file(box.attempt("result.json")), "7\n");
}

}  // namespace
}  // namespace vbrain::runner
