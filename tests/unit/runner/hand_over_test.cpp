// The built program with the users of a pod: whatever an application does to its attempt's folder, the servers can read
// and remove what the runner leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "runner/settings.hpp"
#include "support/cpp/pod_user.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using artifacts::Dir;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using vbrain::testing::kOtherUser;
using vbrain::testing::kPodUser;
using vbrain::testing::kVolumeGroup;
using vbrain::testing::mode_of;
using vbrain::testing::PodUser;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::text_so_far;
using Kind = artifacts::Outcome::Kind;

// A sandbox like the one of the kubelet and the controller for a pod of `user`.
class Pod {
 public:
  // `program` below the build folder.
  explicit Pod(uid_t user, const char* program = "bin/runner") : user_(user) {
    fs::permissions(box.temp.path(), fs::perms::all);
    for (const char* name : {"vbrain/work", "dev", "cgroup"}) fs::permissions(box.temp / name, fs::perms::all);
    // The path of the build may not be accessible for other users.
    fs::copy_file(vbrain::testing::build_folder() / program, box.temp / "runner");
    if (PodUser::differs()) {
      EXPECT_EQ(chown(box.attempt("").c_str(), kPodUser, kVolumeGroup), 0);
    }
    EXPECT_EQ(chmod(box.attempt("").c_str(), 02770), 0);
  }

  // `before` precedes the runner's own arguments.
  int run(const std::string& script, const std::vector<std::string>& before = {}) {
    const std::map<std::string, std::string> environment = {{"A", box.attempt("")}, {"W", box.work("")}};
    std::vector<std::string> words;
    if (PodUser::differs()) {
      const std::string user = std::to_string(user_);
      words = {"setpriv",         "--reuid",       user, "--regid", user, "--groups", std::to_string(kVolumeGroup),
               "--inh-caps=-all", "--no-new-privs"};
    }
    words.insert(words.end(), before.begin(), before.end());
    return box.start({"/bin/sh", "-c", script}, environment, words, box.temp / "runner").wait();
  }

  Sandbox box;

 private:
  const uid_t user_;
};

constexpr const char* kWork = R"(
  set -e
  echo hello
  echo output > "$VBRAIN_OUTPUT_DIR/out.txt"
  echo '{"x":1}' > "$VBRAIN_RESULT_FILE"
  echo solver > "$VBRAIN_LOG_DIR/solver.log"
  set +e
)";

void expect_readable_and_removable(const Pod& pod, const std::string& what) {
  const PodUser server;
  const Dir attempt = Dir::open(pod.box.attempt(""));
  EXPECT_EQ(attempt.read_file("logs/stdout.log", 1'000).value_or("none"), "hello\n") << what;
  EXPECT_EQ(attempt.read_file("logs/solver.log", 1'000).value_or("none"), "solver\n") << what;
  EXPECT_EQ(attempt.read_file("result.json", 1'000).value_or("none"), "{\"x\":1}\n") << what;
  EXPECT_EQ(artifacts::read_claim(attempt)->pod_uid, "pod-1") << what;
  const auto manifest = artifacts::decode_manifest(attempt.read_file("manifest.json", 100'000).value_or(""));
  ASSERT_TRUE(manifest) << what;
  EXPECT_EQ(manifest->outcome.kind, Kind::kOk) << what;
  EXPECT_EQ(manifest->files_total, 1U) << what;
  EXPECT_EQ(attempt.open_file("output.zip")->size, manifest->outcome.output_bytes) << what;
  for (const auto& entry : fs::recursive_directory_iterator(pod.box.attempt(""))) {
    struct stat found {};
    ASSERT_EQ(lstat(entry.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, entry.is_directory() ? 02770U : 0660U) << what << ": " << entry.path();
    if (PodUser::differs()) {
      EXPECT_EQ(found.st_gid, kVolumeGroup) << what << ": " << entry.path();
    }
  }
  for (const Dir::Entry& entry : attempt.list()) attempt.remove_tree(entry.name);
  EXPECT_TRUE(attempt.list().empty()) << what;
}

struct Trick {
  const char* what;
  const char* script;
};

// Some need a kernel without Landlock, like these folders, or the owner of the folder. Otherwise they fail, which is
// also correct.
const std::vector<Trick> kTricks = {
    {"nothing", ""},
    {"chmod of the logs", "chmod 0 $A/logs/* $A/logs"},
    {"chmod of everything", "chmod 0 $A/logs/* $A/logs $A/claim $A"},
    {"chmod of the input of the servers", "chmod 0 $A/claim $A/logs/stdout.log"},
    {"sticky, without the group's bit", "chmod 3770 $A/logs; chmod g-s $A/logs; chmod 1770 $A/logs; chmod 777 $A"},
    {"another group", "chgrp $(id -g) $A/logs/* $A/logs $A/claim $A"},
    {"removes all", "rm -rf $A/* $A/.[a-z]*"},
    {"removes the logs", "rm -rf $A/logs/*"},
    {"moves the logs away", "mv $A/logs $A/elsewhere; mkdir -m 0 $A/logs"},
    {"moves the logs and links", "mv $A/logs $A/elsewhere; ln -s /etc $A/logs"},
    {"moves the logs out", "mv $A/logs $W/mine; mkdir $A/logs; echo fake > $A/logs/stdout.log"},
    {"a file for the logs", "mv $A/logs $A/elsewhere; echo x > $A/logs; chmod 0 $A/logs"},
    {"hard links", "ln $A/logs/stdout.log $A/logs/second; ln $A/logs/stderr.log $W/third; ln $A/claim $A/claim2"},
    {"a folder for the claim", "rm -f $A/claim; mkdir -p $A/claim/d; chmod 0 $A/claim/d $A/claim"},
    {"folders for what is sealed",
     "mkdir -p $A/output.zip/d $A/result.json/d $A/manifest.json/d; chmod 0 $A/output.zip/d $A/output.zip"},
    {"special files", "mkfifo $A/logs/fifo $A/fifo; ln -s /etc/passwd $A/logs/link"},
    {"names",
     "cd $A/logs; touch \"$(printf 'new\\nline')\" \"$(printf '\\377')\" -- -rf \"$(printf '%0255d' 0)\"; cd /; "
     "touch $A/\"$(printf '\\377\\n')\""},
    {"a deep tree",
     "cd $A/logs; i=0; while [ $i -lt 300 ]; do mkdir d && cd d || exit 9; i=$((i+1)); done; cd /; chmod 0 $A/logs/d"},
};

TEST(HandOver, TheServersCanReadAndRemoveIt) {
  for (const uid_t user : {kPodUser, kOtherUser}) {
    for (const Trick& trick : kTricks) {
      const std::string what = std::string(trick.what) + ", user " + std::to_string(user);
      Pod pod(user);
      ASSERT_EQ(pod.run(std::string(kWork) + trick.script + "\nexit 0"), 0)
          << what << ": " << read_file(pod.box.temp / "stderr");
      expect_readable_and_removable(pod, what);
    }
  }
}

TEST(HandOver, NamesWhatItRemoved) {
  Pod pod(kPodUser);
  ASSERT_EQ(pod.run("mkdir $A/mine; touch $A/logs/other; chmod 0 $A/logs"), 0);
  EXPECT_EQ(read_file(pod.box.attempt("logs/left-out-by-runner.txt")),
            "The runner has left these out of the logs:\n"
            "mine: removed: only the runner writes to this folder\n"
            "logs/other: removed: only the runner writes to this folder\n");
}

// The application may do with the copies of its log files what it may do with the other files of its attempt.
TEST(HandOver, CopiesOfLogFilesAreReplacedWhateverHappenedToThem) {
  for (const char* trick :
       {"chmod 0 $A/logs/solver.log", "rm -f $A/logs/solver.log; mkdir $A/logs/solver.log",
        "rm -f $A/logs/solver.log; ln -s /etc/passwd $A/logs/solver.log", "rm -rf $A/logs/*",
        "chmod 0 $A/logs/* $A/logs", "chmod 0 $A/logs/d/e/x $A/logs/d/e", "mv $A/logs $A/elsewhere"}) {
    Pod pod(kPodUser);
    const std::string wait =
        "mkdir -p $VBRAIN_LOG_DIR/d/e; echo x > $VBRAIN_LOG_DIR/d/e/x\n"
        "until [ -s $A/logs/solver.log ] && [ -s $A/logs/d/e/x ]; do sleep 0.01; done\n";
    ASSERT_EQ(pod.run(std::string(kWork) + wait + trick + "\nexit 0"), 0) << trick;
    EXPECT_EQ(text_so_far(pod.box.attempt("logs/d/e/x")), "x\n") << trick;
    expect_readable_and_removable(pod, trick);
  }
}

// A successful job stays successful, whatever is wrong with its logs.
TEST(HandOver, NoProblemWithLogsFailsAJob) {
  const std::vector<Trick> problems = {
      {"a FIFO", "mkfifo $VBRAIN_LOG_DIR/shut.log"},
      {"a link", "ln -s /etc/shadow $VBRAIN_LOG_DIR/shut.log"},
      {"a name", "touch $VBRAIN_LOG_DIR/\"$(printf 'shut.log\\n\\377')\""},
      {"no log folder", "rm -rf $VBRAIN_LOG_DIR; echo shut.log > $VBRAIN_LOG_DIR"},
  };
  for (const Trick& problem : problems) {
    Pod pod(kPodUser);
    EXPECT_EQ(pod.run(std::string("echo fine; ") + problem.script), 0) << problem.what;
    EXPECT_EQ(pod.box.reported().kind, Kind::kOk) << problem.what;
    EXPECT_EQ(read_file(pod.box.attempt("logs/stdout.log")), "fine\n") << problem.what;
    EXPECT_THAT(read_file(pod.box.attempt("logs/left-out-by-runner.txt")),
                ::testing::AnyOf(HasSubstr("shut.log"), HasSubstr("VBRAIN_LOG_DIR")))
        << problem.what;
    EXPECT_THAT(read_file(pod.box.temp / "stderr"), HasSubstr("vbrain: the logs are not complete: "))
        << problem.what << ": kubectl logs says so too";
  }
}

// The runner, their owner, gives itself the right to read them.
TEST(HandOver, FilesThatTheirOwnerMayNotReadAreTaken) {
  Pod pod(kPodUser);
  ASSERT_EQ(pod.run(R"(set -e
    echo a > $VBRAIN_OUTPUT_DIR/a; mkdir -p $VBRAIN_OUTPUT_DIR/d/e; echo b > $VBRAIN_OUTPUT_DIR/d/e/b
    echo '{"x":1}' > $VBRAIN_RESULT_FILE; mkdir $VBRAIN_LOG_DIR/d; echo l > $VBRAIN_LOG_DIR/d/l.log
    chmod 0 $VBRAIN_OUTPUT_DIR/d/e/b $VBRAIN_OUTPUT_DIR/d/e $VBRAIN_OUTPUT_DIR/a $VBRAIN_RESULT_FILE $VBRAIN_OUTPUT_DIR
    chmod 0 $VBRAIN_LOG_DIR/d/l.log; chmod 0 $VBRAIN_LOG_DIR/d; chmod 400 $VBRAIN_LOG_DIR)"),
            0)
      << pod.box.reported().message;
  EXPECT_EQ(read_file(pod.box.attempt("result.json")), "{\"x\":1}\n");
  EXPECT_EQ(read_file(pod.box.attempt("logs/d/l.log")), "l\n");
  const auto manifest = artifacts::decode_manifest(read_file(pod.box.attempt("manifest.json")));
  ASSERT_TRUE(manifest);
  ASSERT_EQ(manifest->files.size(), 2U);
  EXPECT_EQ(manifest->files[1].name, "d/e/b");
  EXPECT_FALSE(fs::exists(pod.box.attempt("logs/left-out-by-runner.txt")));
}

TEST(HandOver, AFullDiskCutsTheLogsAndNothingElse) {
  Pod pod(kPodUser);
  // The size limit for files of the runner and its children: 20 blocks of 512 bytes.
  ASSERT_EQ(pod.run("head -c 200000 /dev/zero; echo '{\"x\":1}' > $VBRAIN_RESULT_FILE; touch $VBRAIN_OUTPUT_DIR/f",
                    {"sh", "-c", "ulimit -f 20; trap '' XFSZ; exec \"$@\"", "sh"}),
            0);
  EXPECT_EQ(pod.box.reported().kind, Kind::kOk);
  EXPECT_EQ(fs::file_size(pod.box.attempt("logs/stdout.log")), 20U * 512U);
  EXPECT_THAT(read_file(pod.box.attempt("logs/left-out-by-runner.txt")), HasSubstr("stdout.log: "));
}

// A volume of the wrong group: the report names the folder, its owner and the remedy.
TEST(HandOverAsRoot, AnAttemptThatIsDeniedIsNamedWithItsOwnerAndTheRemedy) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs files of another user";
  Pod pod(kPodUser);
  ASSERT_EQ(chown(pod.box.attempt("").c_str(), 0, 0), 0);
  EXPECT_EQ(pod.run("true"), kOwnFailure);
  EXPECT_THAT(
      pod.box.reported().message,
      HasSubstr("/vbrain/attempt belongs to user 0 and group 0 and has mode 2770, and this process is user 65532 "
                "with group 65532, 2000; give the folder the group volume.gid of the chart and mode 2770"));
}

// In a container with little memory, the application can use nearly all of it.
TEST(HandOver, TheRunnerNeedsLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take more";
#endif
  const char* shipped = "bundle/runner";
  if (!fs::exists(vbrain::testing::build_folder() / shipped)) GTEST_SKIP() << "the shipped file is not built";
  Pod pod(kPodUser, shipped);
  std::string file = read_file(pod.box.temp / "vbrain/job.json");
  std::string input;
  for (int i = 0; i < 65'535; ++i) {
    if (i > 0) input += ',';
    input += R"({"name":"folder-)" + std::to_string(i / 100) + "/a-file-with-a-rather-long-name-" + std::to_string(i) +
             R"(.csv","bytes":123456789,"sha256":")" + std::string(64, 'a') + R"("})";
  }
  file.replace(file.find("\"input\":[") + 9, 0, input);
  vbrain::testing::write_file(pod.box.temp / "vbrain/job.json", file);
  ASSERT_EQ(pod.run("grep VmHWM /proc/$PPID/status"), 0);
  const std::string text = read_file(pod.box.attempt("logs/stdout.log"));
  ASSERT_THAT(text, HasSubstr("kB"));
  const int kib = std::stoi(text.substr(text.find_first_of("0123456789")));
  RecordProperty("VmHWM_KiB", kib);
  EXPECT_LE(kib, 8 * 1024);
}

}  // namespace
}  // namespace vbrain::runner
