#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "artifacts/archive/archive_reader.hpp"
#include "runner/logs/log_copy.hpp"
#include "runner/logs/seal_logs.hpp"
#include "runner/process/child.hpp"
#include "runner/process/landlock.hpp"
#include "runner/seal/seal.hpp"
#include "runner/settings.hpp"
#include "support/cpp/pod_user.hpp"
#include "unit/base/hostile_json.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using artifacts::Dir;
using artifacts::Fd;
using ::testing::HasSubstr;
using vbrain::testing::eventually;
using vbrain::testing::read_fd;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  Fd read, write;
};

Fd new_file(const std::string& path) {
  return Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

TEST(LogCopy, TakesWhatIsLeftThoughSomebodyHoldsThePipe) {
  const TempDir temp;
  Pipe pipe;
  artifacts::write_all(pipe.write.get(), "before");
  LogCopy copy(std::move(pipe.read), new_file(temp / "log"), {});
  artifacts::write_all(pipe.write.get(), " after");
  const auto end = copy.finish();  // the write end is open
  EXPECT_EQ(end.bytes, 12U);
  EXPECT_EQ(end.error, 0);
  EXPECT_EQ(read_file(temp / "log"), "before after");
}

TEST(LogCopy, GoesOnWhenTheDiskIsFull) {
  Pipe pipe, console;
  LogCopy copy(std::move(pipe.read), Fd(open("/dev/full", O_WRONLY)), {.console = console.write.get()});
  const std::string line(10'000, 'x');
  for (int i = 0; i < 5; ++i) artifacts::write_all(pipe.write.get(), line);
  pipe.write = Fd();
  const auto end = copy.finish();
  EXPECT_EQ(end.error, ENOSPC);
  EXPECT_EQ(end.lost, 50'000U);
  EXPECT_EQ(end.bytes, 0U);
  std::string shown(60'000, '\0');
  EXPECT_EQ(read(console.read.get(), shown.data(), shown.size()), 50'000) << "the console has it all";
}

// Sets the largest size of this program's files. Above it a write fails with EFBIG, as with ENOSPC on a full disk.
void limit_files(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, RLIM_INFINITY};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST(LogCopy, ADiskThatWasFullForAMomentLeavesAGapThatSaysSo) {
  const TempDir temp;
  Pipe pipe, console;
  LogCopy copy(std::move(pipe.read), new_file(temp / "log"),
               {.console = console.write.get(), .retry_after = std::chrono::milliseconds(0)});
  const auto say = [&](const std::string& text) {
    artifacts::write_all(pipe.write.get(), text);
    // The file is written before the console.
    std::string shown(text.size(), '\0');
    for (std::size_t have = 0; have < shown.size();) {
      have += static_cast<std::size_t>(read(console.read.get(), shown.data() + have, shown.size() - have));
    }
  };
  say("first ");
  limit_files(9);
  say("second");
  say("third");
  limit_files(RLIM_INFINITY);
  say("fourth");
  limit_files(1);
  say("fifth");
  limit_files(RLIM_INFINITY);
  const auto end = copy.finish();
  EXPECT_EQ(
      read_file(temp / "log"),
      "first sec\n[8 bytes are missing here: File too large]\nfourth\n[5 bytes are missing here: File too large]\n");
  EXPECT_EQ(end.bytes, 15U);
  EXPECT_EQ(end.lost, 13U);
  EXPECT_EQ(end.error, EFBIG);
}

TEST(LogCopy, AConsoleThatHangsBlocksNothing) {
  const TempDir temp;
  Pipe pipe, console;  // nobody reads the console
  LogCopy copy(std::move(pipe.read), new_file(temp / "log"),
               {.console = console.write.get(), .console_patience = std::chrono::milliseconds(0)});
  const std::string block(1U << 20, 'x');
  for (int i = 0; i < 4; ++i) artifacts::write_all(pipe.write.get(), block);
  pipe.write = Fd();
  EXPECT_EQ(copy.finish().bytes, 4U << 20);
}

TEST(LogCopy, AConsoleThatIsClosedBlocksNothing) {
  const TempDir temp;
  signal(SIGPIPE, SIG_IGN);
  Pipe pipe, console;
  console.read = Fd();
  LogCopy copy(std::move(pipe.read), new_file(temp / "log"), {.console = console.write.get()});
  artifacts::write_all(pipe.write.get(), "one");
  pipe.write = Fd();
  EXPECT_EQ(copy.finish().bytes, 3U);
}

TEST(Child, SaysWhyACommandCannotBeHad) {
  EXPECT_EQ(start_child({.command = {"/no/such"}}).error(), ENOENT);
  EXPECT_EQ(start_child({.command = {"/etc/passwd"}}).error(), EACCES);
  auto child = start_child({.command = {"sh", "-c", "echo $0; echo e >&2; cat; exit 3", "word with spaces"}});
  ASSERT_TRUE(child);
  EXPECT_EQ(getpgid(child->pid), child->pid);
  int status = 0;
  waitpid(child->pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  std::string out(100, '\0');
  out.resize(static_cast<std::size_t>(read(child->out.get(), out.data(), out.size())));
  EXPECT_EQ(out, "word with spaces\n");
}

class SealTest : public ::testing::Test {
 protected:
  SealTest() {
    fs::create_directories(temp / "work/output");
    fs::create_directories(temp / "work/logs");
    fs::create_directories(temp / "attempt/logs");
  }
  Result<SealedOutput, std::string> seal(std::uint64_t limit = 1U << 30) {
    return seal_output(Dir::open(temp / "work"), Dir::open(temp / "attempt"), limit);
  }
  std::uint64_t seal_all_logs(std::uint64_t limit = 1U << 20) {
    left_out = artifacts::LeftOut("The runner");
    return seal_logs(Dir::open(temp / "work"), Dir::open(temp / "attempt/logs"), limit, left_out);
  }
  std::string out(const std::string& name) const { return temp / ("work/output/" + name); }
  TempDir temp;
  artifacts::LeftOut left_out{"The runner"};
};

TEST_F(SealTest, RefusesOutputsBeyondTheLimits) {
  struct Case {
    const char* what;
    std::function<void()> make;
    const char* want;
  };
  const std::vector<Case> cases = {
      {"deep",
       [&] {
         std::string path = out("d");
         for (int i = 0; i < 40; ++i) path += "/d";
         fs::create_directories(path);
       },
       "more than 32 levels"},
      {"large", [&] { write_file(out("x"), std::string(2'000, 'x')); }, "larger than 1000 bytes"},
  };
  for (const Case& c : cases) {
    fs::remove_all(temp / "work/output");
    fs::create_directories(temp / "work/output");
    c.make();
    const auto sealed = seal(1000);
    ASSERT_FALSE(sealed) << c.what;
    EXPECT_THAT(sealed.error(), HasSubstr(c.want)) << c.what;
    EXPECT_EQ(vbrain::testing::count_below(temp / "attempt"), 1U) << c.what << " leaves nothing";
  }
}

TEST_F(SealTest, RefusesTooManyFiles) {
  const int folder = open((temp / "work/output").c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i <= 65'535; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_EQ(mknodat(folder, name.c_str(), S_IFREG | 0600, 0), 0);
  }
  EXPECT_THAT(seal().error(), HasSubstr("more than 65535"));
  unlinkat(folder, "0", 0);
  close(folder);
  EXPECT_EQ(seal()->files_total, 65'535U);
}

TEST_F(SealTest, LogsNeverFail) {
  write_file(temp / "work/logs/a.log", "aaaa");
  write_file(temp / "work/logs/sub/b.log", "bb");
  write_file(temp / "attempt/logs/stdout.log", "ours");
  write_file(temp / "work/logs/stdout.log", "theirs");
  write_file(temp / "work/logs/.vbrain-x", "x");
  write_file(temp / "work/logs/new\nline", "x");
  write_file(temp / "work/logs/\xff", "x");
  fs::create_symlink("/etc/passwd", temp / "work/logs/link");
  fs::create_hard_link(temp / "work/logs/a.log", temp / "hard");
  mkfifo((temp / "work/logs/fifo").c_str(), 0600);
  EXPECT_EQ(seal_all_logs(), 12U);
  EXPECT_EQ(read_file(temp / "attempt/logs/stdout.log"), "ours");
  EXPECT_EQ(read_file(temp / "attempt/logs/stdout.log.1"), "theirs");
  EXPECT_EQ(read_file(temp / "attempt/logs/sub/b.log"), "bb");
  EXPECT_EQ(read_file(temp / "attempt/logs/a.log"), "aaaa") << "a second link harms nobody";
  EXPECT_FALSE(fs::exists(temp / "attempt/logs/link"));
  EXPECT_EQ(left_out.text(),
            "The runner has left these out of the logs:\n"
            ".vbrain-x: the name is reserved for the runner\n"
            "fifo: it is a FIFO\n"
            "link: it is a symbolic link\n"
            "new line: its name cannot be in an archive\n"
            "\xef\xbf\xbd: its name cannot be in an archive\n");
  fs::remove_all(temp / "work/logs");
  EXPECT_EQ(seal_all_logs(), 0U);
  EXPECT_TRUE(left_out.empty());
  fs::create_directory_symlink("/etc", temp / "work/logs");
  EXPECT_EQ(seal_all_logs(), 0U);
  EXPECT_EQ(left_out.first(), "VBRAIN_LOG_DIR: it is not a folder any more");
}

class SealTestAsRoot : public SealTest {};

TEST_F(SealTestAsRoot, LogsThatMayNotBeReadAreLeftOut) {
  write_file(temp / "work/logs/open.log", "open");
  write_file(temp / "work/logs/shut.log", "shut");
  write_file(temp / "work/logs/folder/f", "f");
  for (const auto& entry : fs::recursive_directory_iterator(temp.path())) {
    fs::permissions(entry.path(), fs::perms::all);
  }
  fs::permissions(temp.path(), fs::perms::all);
  fs::permissions(temp / "work/logs/shut.log", fs::perms::none);
  fs::permissions(temp / "work/logs/folder", fs::perms::none);
  if (!vbrain::testing::PodUser::differs()) GTEST_SKIP() << "needs files of another user";
  const vbrain::testing::PodUser user;
  EXPECT_EQ(seal_all_logs(), 4U);
  EXPECT_EQ(left_out.text(),
            "The runner has left these out of the logs:\n"
            "folder: Permission denied\n"
            "shut.log: Permission denied\n");
}

TEST_F(SealTestAsRoot, OutputsThatMayNotBeReadAreLeftOut) {
  write_file(out("kept"), "x");
  write_file(out("shut/inner"), "x");
  write_file(out("listed/inner"), "x");
  fs::create_directory_symlink("shut", out("link"));
  for (const auto& entry : fs::recursive_directory_iterator(temp.path())) {
    fs::permissions(entry.path(), fs::perms::all);
  }
  fs::permissions(temp.path(), fs::perms::all);
  fs::permissions(out("shut"), fs::perms::none);
  fs::permissions(out("listed"), fs::perms::others_read);
  if (!vbrain::testing::PodUser::differs()) GTEST_SKIP() << "needs files of another user";
  const vbrain::testing::PodUser user;
  const auto sealed = seal();
  ASSERT_TRUE(sealed) << sealed.error();
  EXPECT_EQ(sealed->files_total, 1U);
  EXPECT_EQ(sealed->left_out.total(), 3U);
  for (const char* line :
       {"\nlink: its target: Permission denied\n", "\nlisted: Permission denied\n", "\nshut: Permission denied\n"}) {
    EXPECT_THAT(sealed->left_out.text(), HasSubstr(line));
  }
}

TEST_F(SealTest, LogsThatCannotBeWrittenAreLeftOut) {
  write_file(temp / "work/logs/large.log", std::string(600, 'a'));
  write_file(temp / "work/logs/small.log", "a");
  limit_files(500);
  EXPECT_EQ(seal_all_logs(), 1U);
  limit_files(RLIM_INFINITY);
  EXPECT_EQ(left_out.first(), "large.log: File too large");
  EXPECT_EQ(vbrain::testing::count_below(temp / "attempt/logs"), 1U) << "nothing half written";
}

TEST_F(SealTest, LogsAreCapped) {
  write_file(temp / "work/logs/a.log", std::string(600, 'a'));
  write_file(temp / "work/logs/b.log", "first" + std::string(600, 'b') + "last");
  write_file(temp / "work/logs/c.log", "c");
  EXPECT_EQ(seal_all_logs(1'000), 1'000U);
  EXPECT_EQ(read_file(temp / "attempt/logs/b.log"),
            "first" + std::string(195, 'b') + "\n[log limit of 1000 bytes reached: 209 bytes are left out here]\n" +
                std::string(196, 'b') + "last");
  EXPECT_THAT(left_out.text(), HasSubstr("b.log: cut: 209 bytes in the middle; the log limit of 1000 bytes is reached\n"
                                         "c.log: the log limit of 1000 bytes is reached\n"));
}

TEST_F(SealTest, ManyAndDeepLogsAreLeftOut) {
  std::string deep = temp / "work/logs/z";
  for (int i = 0; i < 20; ++i) deep += "/d";
  write_file(deep + "/f", "x");
  for (int i = 0; i < 1'001; ++i) write_file(temp / ("work/logs/" + std::to_string(i)), "x");
  EXPECT_EQ(seal_all_logs(), 1'000U);
  EXPECT_THAT(left_out.text(), HasSubstr(": there are more than 1000 log files"));
  fs::remove_all(temp / "work/logs");
  write_file(deep + "/f", "x");
  EXPECT_EQ(seal_all_logs(), 0U);
  EXPECT_THAT(left_out.text(), HasSubstr("d/d: it is more than 16 levels deep\n"));
}

// Runs `action` in a child inside the ruleset; returns its exit code.
int inside(int ruleset, const std::function<int()>& action) {
  const pid_t pid = fork();
  if (pid == 0) _exit(enter_ruleset(ruleset) ? action() : 99);
  int status = 0;
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(Landlock, TakesTheAttemptAndNothingElse) {
  const TempDir temp;
  for (const char* name : {"vbrain/attempt/logs", "vbrain/work/d"}) fs::create_directories(temp / name);
  write_file(temp / "vbrain/attempt/claim", "x");
  write_file(temp / "other", "x");
  const Fd ruleset = make_ruleset_without(temp / "vbrain/attempt");
  if (!ruleset) GTEST_SKIP() << "this kernel has no Landlock";
  const auto denied = [&](const std::function<int()>& call) {
    return inside(ruleset.get(), [&] { return call() < 0 ? errno : 0; }) == EACCES;
  };
  const auto allowed = [&](const std::function<int()>& call) {
    return inside(ruleset.get(), [&] { return call() < 0 ? errno : 0; }) == 0;
  };
  const std::string attempt = temp / "vbrain/attempt", work = temp / "vbrain/work";
  EXPECT_TRUE(denied([&] { return open((attempt + "/manifest.json").c_str(), O_WRONLY | O_CREAT, 0600); }));
  EXPECT_TRUE(denied([&] { return open((attempt + "/claim").c_str(), O_WRONLY); }));
  EXPECT_TRUE(denied([&] { return open((attempt + "/claim").c_str(), O_RDWR | O_TRUNC); }));
  EXPECT_TRUE(denied([&] { return unlink((attempt + "/claim").c_str()); }));
  EXPECT_TRUE(denied([&] { return mkdir((attempt + "/d").c_str(), 0700); }));
  EXPECT_TRUE(denied([&] { return rmdir((attempt + "/logs").c_str()); }));
  EXPECT_TRUE(denied([&] { return symlink("/etc", (attempt + "/l").c_str()); }));
  EXPECT_TRUE(denied([&] { return rename((attempt + "/claim").c_str(), (attempt + "/x").c_str()); }));
  EXPECT_TRUE(allowed([&] { return open((attempt + "/claim").c_str(), O_RDONLY); }));
  EXPECT_TRUE(allowed([&] { return open((work + "/f").c_str(), O_WRONLY | O_CREAT, 0600); }));
  EXPECT_TRUE(allowed([&] { return rename((work + "/f").c_str(), (work + "/d/f").c_str()); })) << "folder to folder";
  EXPECT_TRUE(allowed([&] { return unlink((work + "/d/f").c_str()); }));
  EXPECT_TRUE(allowed([&] { return open((temp / "other").c_str(), O_RDWR | O_TRUNC); }));
  EXPECT_TRUE(allowed([&] { return open("/dev/null", O_WRONLY); }));
  EXPECT_EQ(inside(ruleset.get(), [] { return std::system("exit 3") == 3 << 8 ? 0 : 1; }), 0);
}

TEST(Landlock, IsLeftOutWhereItWouldTakeMore) {
  const TempDir temp;
  fs::create_directories(temp / "vbrain/attempt");
  EXPECT_TRUE(restricts_more(temp / "vbrain/attempt")) << "its owner may make names beside it";
}

TEST(Settings, AreReadStrictly) {
  const auto read = [](std::vector<const char*> words) {
    return read_settings(static_cast<int>(words.size()), words.data());
  };
  const auto good = read({"runner", "--root", "/r", "--", "cmd", "--", "--root"});
  ASSERT_TRUE(good);
  EXPECT_EQ(good->root, "/r");
  EXPECT_EQ(good->command, (std::vector<std::string>{"cmd", "--", "--root"}));
  EXPECT_EQ(read({"runner", "--", "x"})->attempt(), "/vbrain/attempt");
  EXPECT_EQ(read({"runner", "--", "x"})->attempt_number, 0U);
  const auto of_pod = read({"runner", "--attempt", "2", "--output-limit", "77", "--", "cmd", "--attempt", "3"});
  ASSERT_TRUE(of_pod);
  EXPECT_EQ(of_pod->attempt_number, 2U);
  EXPECT_EQ(of_pod->output_limit_bytes, 77U);
  EXPECT_EQ(of_pod->command, (std::vector<std::string>{"cmd", "--attempt", "3"}));
  EXPECT_EQ(read({"runner", "--attempt", "2", "--", "cmd"})->output_limit_bytes, Settings().output_limit_bytes);
  for (const char* number : {"0", "-1", "+1", "1x", "x", "99999999999", " 1"}) {
    EXPECT_FALSE(read({"runner", "--attempt", number, "--", "cmd"})) << number;
  }
  for (const char* bytes : {"-1", "1Gi", "1.5", "99999999999999999999", "x"}) {
    EXPECT_FALSE(read({"runner", "--attempt", "1", "--output-limit", bytes, "--", "cmd"})) << bytes;
  }
  EXPECT_FALSE(read({"runner", "--output-limit", "77", "--", "cmd"})) << "then the pod sets the limits";
  EXPECT_FALSE(read({"runner"}));
  EXPECT_FALSE(read({"runner", "--"}));
  EXPECT_FALSE(read({"runner", "cmd"}));
  EXPECT_FALSE(read({"runner", "--root"}));
  EXPECT_FALSE(read({"runner", "--rot", "x", "--", "cmd"}));
}

TEST(Seal, CopiesJsonResultsUnchanged) {
  for (const auto& row : vbrain::testing::hostile_json()) {
    const TempDir work;
    const TempDir attempt;
    write_file(work / "result.json", row.text);
    const auto sealed = seal_result(Dir::open(work.path()), Dir::open(attempt.path()), nullptr);
    const bool want = row.lenient && !row.name.starts_with("depth 65");
    EXPECT_EQ(sealed.has_value(), want) << row.name;
    if (want) {
      EXPECT_TRUE(read_file(attempt / "result.json") == row.text) << row.name;
    } else {
      EXPECT_FALSE(fs::exists(attempt / "result.json")) << row.name;
    }
  }
}

TEST(Seal, ChecksTheResultAgainstASchema) {
  const auto schema =
      schema::Schema::compile(R"({"type":"object","properties":{"a":{"items":{"type":"number"}}}})").value();
  const struct {
    std::string result;  // empty: no file
    std::string want;    // empty: it is stored
  } cases[] = {
      {R"({"a": [1, 2.50]})", ""},
      {"\xEF\xBB\xBF{}", ""},
      {R"({"a":[1,"x"]})", "it does not match resultSchema of the Application: /a/1: must be a number, is a string"},
      {"", "there is no result file, and resultSchema of the Application takes no null: must be an object, is null"},
      {"[]", "it does not match resultSchema of the Application: must be an object, is an array"},
      {"{\"a\":[\"\u202e\",1,{},{}]}",
       "it does not match resultSchema of the Application: /a/0: must be a number, is a string; /a/2: must be a "
       "number, "
       "is an object; /a/3: must be a number, is an object"},
      {"{\"x\":\"" + std::string(schema::kCheckedLimit, 'x') + "\"}",
       "it is larger than 4 MiB, which is the most that is checked against resultSchema"},
  };
  for (const auto& c : cases) {
    const TempDir work;
    const TempDir attempt;
    if (!c.result.empty()) write_file(work / "result.json", c.result);
    const auto sealed = seal_result(Dir::open(work.path()), Dir::open(attempt.path()), schema.get());
    EXPECT_EQ(sealed ? "" : sealed.error(), c.want);
    EXPECT_EQ(fs::exists(attempt / "result.json"), c.want.empty());
  }
}

}  // namespace
}  // namespace vbrain::runner
