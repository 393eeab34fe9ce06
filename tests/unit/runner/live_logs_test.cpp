// The copies of the files in VBRAIN_LOG_DIR, made while an application writes them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <random>

#include "base/files/io.hpp"
#include "runner/logs/kept_end.hpp"
#include "runner/logs/live_copies.hpp"
#include "runner/logs/log_copy.hpp"
#include "runner/logs/log_names.hpp"
#include "runner/logs/seal_logs.hpp"
#include "support/cpp/pod_user.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using artifacts::Dir;
using artifacts::Fd;
using ::testing::HasSubstr;
using vbrain::testing::eventually;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::TempDir;
using vbrain::testing::text_so_far;
using vbrain::testing::write_file;

using Tree = std::map<std::string, std::string>;

Tree tree_of(const std::string& folder) {
  Tree tree;
  if (!fs::exists(folder)) return tree;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) tree[entry.path().lexically_relative(folder)] = read_file(entry.path());
  }
  return tree;
}

std::uint64_t bytes_written() {
  std::ifstream file("/proc/self/io");
  std::string word;
  std::uint64_t bytes = 0;
  while (file >> word && word != "wchar:") continue;
  file >> bytes;
  return bytes;
}

TEST(KeptEnd, OfAStreamCostsAboutTwiceWhatComes) {
  const TempDir temp;
  int in[2], out[2];
  ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  const Fd write_end(in[1]), console(out[1]), shown(out[0]);
  LogCopy copy(Fd(in[0]), Fd(open((temp / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
               {.limit_bytes = 64U << 10, .console = console.get(), .flush_every = std::chrono::milliseconds(0)});
  std::string all;
  const auto say = [&](const std::string& text) {
    all += text;
    artifacts::write_all(write_end.get(), text);
    std::string seen(text.size(), '\0');
    ASSERT_EQ(base::read_full(shown.get(), seen), static_cast<ssize_t>(text.size()));
  };
  for (int i = 0; i < 20; ++i) say(std::string(4'095, 'a') + "\n");
  const std::uint64_t before = bytes_written();
  for (int i = 0; i < 2'000; ++i) say("step " + std::to_string(1000 + i) + "\n");
  // Each line passes the pipe and the console too, and the last line may still be on its way.
  EXPECT_LT(bytes_written() - before, 6 * 2'000 * 10U + (64U << 10));
  copy.finish();
  const std::string log = read_file(temp / "log");
  EXPECT_THAT(log, HasSubstr("\n[log limit of 65536 bytes reached: "));
  EXPECT_TRUE(log.ends_with(all.substr(all.size() - (32U << 10)))) << "the end is complete";
}

class Live : public ::testing::Test {
 protected:
  Live() {
    fs::create_directories(temp / "work/logs");
    fs::create_directories(temp / "attempt/logs");
    limit_to(1U << 20);
  }
  void limit_to(std::uint64_t bytes) { copies.emplace(*work, *kept, bytes); }
  std::string source(const std::string& name) const { return temp / ("work/logs/" + name); }
  std::string copy(const std::string& name) const { return temp / ("attempt/logs/" + name); }
  void append(const std::string& name, const std::string& text) const {
    std::ofstream(source(name), std::ios::app | std::ios::binary) << text;
  }
  ino_t number_of(const std::string& name) const {
    struct stat found {};
    EXPECT_EQ(stat(copy(name).c_str(), &found), 0) << name;
    return found.st_ino;
  }
  Tree sources() const { return tree_of(temp / "work/logs"); }
  Tree kept_files() const { return tree_of(temp / "attempt/logs"); }
  std::string left_out() const { return text_so_far(copy(kLeftOutFile)); }

  TempDir temp;
  std::optional<Dir> work = open("work");
  std::optional<Dir> kept = open("attempt/logs");
  std::optional<LiveCopies> copies;

 private:
  std::optional<Dir> open(const std::string& name) const {
    fs::create_directories(temp / name);
    return Dir::open(temp / name);
  }
};

TEST_F(Live, GrowsWithItsSource) {
  append("a.log", "one\n");
  fs::create_directories(source("run"));
  append("run/b.log", "b");
  copies->update();
  EXPECT_EQ(kept_files(), sources());
  const ino_t number = number_of("a.log");
  append("a.log", std::string(200'000, 'x') + "two\n");
  copies->update();
  EXPECT_EQ(kept_files(), sources());
  EXPECT_EQ(number_of("a.log"), number) << "it is appended to";
  EXPECT_EQ(vbrain::testing::mode_of(copy("a.log")), 0660U);
  EXPECT_THAT(copies->names(), ::testing::UnorderedElementsAre("a.log", "run"));
}

TEST_F(Live, WritesOnlyWhatIsNew) {
  append("a.log", std::string(300'000, 'x'));
  copies->update();
  append("a.log", "more");
  const std::uint64_t before = bytes_written();
  copies->update();
  EXPECT_LE(bytes_written() - before, 4U);
  copies->update();
  EXPECT_LE(bytes_written() - before, 4U) << "nothing is new";
  fs::rename(source("a.log"), source("a.log.1"));
  copies->update();
  EXPECT_LE(bytes_written() - before, 4U) << "a rename writes no bytes";
  EXPECT_EQ(kept_files(), sources());
}

TEST_F(Live, FollowsRotations) {
  const auto step = [&](const char* what, const std::function<void()>& change) {
    change();
    copies->update();
    EXPECT_EQ(kept_files(), sources()) << what;
    EXPECT_EQ(left_out(), "") << what;
  };
  step("first", [&] { append("a", "first\n"); });
  step("renamed, and a new one", [&] {
    fs::rename(source("a"), source("a.1"));
    append("a", "second, longer than the first\n");
  });
  step("a chain", [&] {
    fs::rename(source("a.1"), source("a.2"));
    fs::rename(source("a"), source("a.1"));
    append("a", "third\n");
    append("a.1", "late line\n");
  });
  step("copied and shortened", [&] {
    fs::copy_file(source("a"), source("a.0"));
    fs::resize_file(source("a"), 0);
    append("a", "4\n");
  });
  step("shortened and longer again", [&] {
    fs::resize_file(source("a"), 0);
    append("a", "the fifth is longer than the fourth was\n");
  });
  step("written anew with the same length", [&] {
    const std::string text = read_file(source("a"));
    std::ofstream(source("a")) << std::string(text.size(), 'z');
    // The clock of a file system may be coarse.
    fs::last_write_time(source("a"), fs::file_time_type::clock::now() + std::chrono::seconds(5));
  });
  step("removed and made again", [&] {
    fs::remove(source("a"));
    append("a", "the sixth\n");
  });
  step("two change places", [&] {
    fs::rename(source("a"), source("tmp"));
    fs::rename(source("a.1"), source("a"));
    fs::rename(source("tmp"), source("a.1"));
  });
  step("replaced by a rename, as editors do", [&] {
    append("new", "whole\n");
    fs::rename(source("new"), source("a"));
  });
  step("a folder takes the name of a file", [&] {
    fs::remove(source("a"));
    fs::create_directories(source("a"));
    append("a/inner", "x");
  });
  step("a file takes the name of a folder", [&] {
    fs::remove_all(source("a"));
    append("a", "file again");
  });
  step("all removed", [&] {
    fs::remove_all(source(""));
    fs::create_directories(source(""));
  });
}

TEST_F(Live, TakesNoLinksAndNoSpecialFiles) {
  write_file(temp / "secret", "secret");
  append("good.log", "good");
  fs::create_symlink(temp / "secret", source("link"));
  fs::create_directory_symlink(temp / "work", source("folder"));
  mkfifo(source("fifo").c_str(), 0600);
  write_file(source("stdout.log"), "theirs");
  write_file(source(".vbrain-x"), "x");
  write_file(source("\xff"), "x");
  write_file(copy("stdout.log"), "ours");
  copies->update();
  EXPECT_EQ(read_file(copy("stdout.log")), "ours");
  EXPECT_EQ(read_file(copy("stdout.log.1")), "theirs");
  EXPECT_EQ(read_file(copy("good.log")), "good");
  for (const char* name : {"link", "folder", "fifo", ".vbrain-x"}) EXPECT_FALSE(fs::exists(copy(name))) << name;
  EXPECT_EQ(left_out(),
            "The runner has left these out of the logs:\n"
            ".vbrain-x: the name is reserved for the runner\n"
            "fifo: it is a FIFO\n"
            "folder: it is a symbolic link\n"
            "link: it is a symbolic link\n"
            "\xef\xbf\xbd: its name cannot be in an archive\n");
  fs::remove_all(source(""));
  fs::create_directory_symlink("/etc", temp / "work/logs");
  copies->update();
  EXPECT_EQ(read_file(copy("good.log")), "good") << "what is no folder is not read";
}

// Without Landlock in the kernel the application can write to the attempt's folder.
TEST_F(Live, WritesToNothingThatTheApplicationPutInThePlaceOfACopy) {
  std::string victim;
  const std::vector<std::pair<const char*, std::function<void()>>> tricks = {
      {"a symbolic link", [&] { fs::create_symlink(temp / "victim", copy("a")); }},
      {"a hard link", [&] { fs::create_hard_link(temp / "victim", copy("a")); }},
      {"a FIFO", [&] { mkfifo(copy("a").c_str(), 0600); }},
      {"a folder", [&] { write_file(copy("a/b"), "x"); }},
      {"a longer file", [&] { write_file(copy("a"), std::string(5'000, 'y')); }},
      {"nothing", [] {}},
  };
  for (const auto& [what, trick] : tricks) {
    append("a", "line\n");
    copies->update();
    victim = std::string(fs::file_size(copy("a")), 'v');  // it has the length of the copy
    write_file(temp / "victim", victim);
    fs::remove_all(copy("a"));
    trick();
    append("a", "line\n");
    copies->update();
    EXPECT_EQ(kept_files(), sources()) << what;
    EXPECT_EQ(read_file(temp / "victim"), victim) << what;
  }
}

TEST_F(Live, KeepsBeginningAndEndOfALogBeyondTheLimit) {
  limit_to(1'000);
  append("a", "first" + std::string(600, 'a'));
  append("b", "b");
  copies->update();
  EXPECT_EQ(kept_files(), sources());
  const std::uint64_t before = bytes_written();
  for (int i = 0; i < 50; ++i) {
    append("a", "line " + std::to_string(100 + i) + std::string(40, '.') + "\n");
    append("b", "bb\n");
    copies->update();
    const std::string a = read_file(copy("a"));
    EXPECT_TRUE(a.starts_with("first")) << i;
    EXPECT_TRUE(a.ends_with("line " + std::to_string(100 + i) + std::string(40, '.') + "\n")) << i;
    EXPECT_LE(a.size() + fs::file_size(copy("b")), 1'000U + 70U) << i;
  }
  // This test has written 2,500 bytes of them. An end that is replaced each time takes 15,000.
  EXPECT_LT(bytes_written() - before, 11'000U);
  const std::string a = read_file(copy("a"));
  const std::string whole = read_file(source("a"));
  const std::string mark = "\n[log limit of 1000 bytes reached: ";
  const auto at = a.find(mark);
  ASSERT_NE(at, a.npos);
  const auto end = a.find("here]\n", at) + 6;
  EXPECT_EQ(a.substr(0, at), whole.substr(0, at));
  EXPECT_EQ(a.substr(end), whole.substr(whole.size() - (a.size() - end)));
  EXPECT_EQ(std::stoull(a.substr(at + mark.size())), whole.size() - at - (a.size() - end)) << "the number is right";
  EXPECT_THAT(left_out(), HasSubstr("\na: cut in the middle: the log limit of 1000 bytes is reached\n"));
  copies->update();
  EXPECT_THAT(left_out(), HasSubstr("\na: cut in the middle: ")) << "also when nothing has changed";
  fs::remove(source("a"));
  append("b", std::string(700, 'b'));
  copies->update();
  EXPECT_EQ(kept_files(), sources()) << "what was removed makes room";
}

TEST_F(Live, KeepsToItsLimitsOfFilesAndDepth) {
  std::string deep = "z";
  for (int i = 0; i < 20; ++i) deep += "/d";
  write_file(source(deep + "/f"), "x");
  copies->update();
  EXPECT_THAT(left_out(), HasSubstr("d/d: it is more than 16 levels deep\n"));
  EXPECT_EQ(kept_files().size(), 1U) << "the list of what is missing";
  fs::remove_all(source("z"));
  append("z-known", "1");
  copies->update();
  for (int i = 0; i < 1'500; ++i) append("n" + std::to_string(i), "x");
  append("z-known", "2");
  copies->update();
  EXPECT_LE(kept_files().size(), 1'001U);
  EXPECT_EQ(read_file(copy("z-known")), "12") << "a file that is copied is followed";
  EXPECT_THAT(left_out(), HasSubstr("there are more than 1000 log files and folders"));
}

// Any sequence of what applications do to log files leaves the same as a copy at the end would.
TEST_F(Live, AfterAnyHistoryTheCopiesAreTheSources) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    const auto any = [&] { return std::string(pick(3) == 0 ? "d/" : "") + "f" + std::to_string(pick(5)); };
    fs::create_directories(source("d"));
    for (int step = 0; step < 60; ++step) {
      const std::string name = any();
      const int what = pick(7);
      if (what <= 2) append(name, std::string(static_cast<std::size_t>(pick(300)), static_cast<char>('a' + pick(26))));
      if (what == 3 && fs::exists(source(name))) fs::rename(source(name), source(any()));
      if (what == 4) fs::remove(source(name));
      if (what == 5 && fs::exists(source(name))) fs::resize_file(source(name), static_cast<unsigned>(pick(50)));
      if (what == 6)
        std::ofstream(source(name)) << "anew " << step << std::string(static_cast<std::size_t>(pick(90)), '.');
      if (pick(3) == 0) copies->update();
    }
    // So that the last changes have a time of their own.
    for (const auto& entry : fs::recursive_directory_iterator(source(""))) {
      if (entry.is_regular_file())
        fs::last_write_time(entry.path(), fs::file_time_type::clock::now() + std::chrono::seconds(seed));
    }
    copies->update();
    ASSERT_EQ(kept_files(), sources()) << "seed " << seed;
  }
}

void limit_files(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, RLIM_INFINITY};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST_F(Live, GoesOnWhenTheVolumeWasFull) {
  append("a", std::string(900, 'a'));
  append("b", "b");
  limit_files(500);
  copies->update();
  limit_files(RLIM_INFINITY);
  EXPECT_EQ(read_file(copy("a")), std::string(500, 'a')) << "what fits is kept";
  EXPECT_EQ(read_file(copy("b")), "b");
  EXPECT_THAT(left_out(), HasSubstr("a: File too large\n"));
  copies->update();
  EXPECT_EQ(kept_files(), sources()) << "and nothing is missing any more";
}

TEST_F(Live, AStopEndsAnUpdateAndLeavesWhatIsValid) {
  append("a", "a");
  copies->update();
  append("a", std::string(500'000, 'x'));
  std::stop_source stop;
  stop.request_stop();
  copies->update(stop.get_token());
  EXPECT_EQ(read_file(copy("a")), "a");
  copies->update();
  EXPECT_EQ(kept_files(), sources());
}

TEST_F(Live, TheEndReplacesTheCopies) {
  limit_to(1'000);
  append("a", "one\n");
  append("gone", "x");
  append("shut", std::string(700, 's'));
  fs::create_directories(source("d"));
  append("d/gone", "x");
  append("d/kept", "x");
  mkfifo(source("fifo").c_str(), 0600);
  copies->update();
  append("a", "two\n");
  fs::remove(source("gone"));
  fs::remove(source("d/gone"));
  fs::remove(source("fifo"));
  fs::permissions(copy("d"), fs::perms::none);
  append("shut", std::string(50, 's'));
  artifacts::LeftOut missing("The runner");
  limit_files(500);
  seal_logs(*work, *kept, 1'000, missing);
  limit_files(RLIM_INFINITY);
  EXPECT_EQ(missing.text(), "The runner has left these out of the logs:\nshut: File too large\n");
  EXPECT_EQ(kept_files(), (Tree{{"a", "one\ntwo\n"}, {"d/kept", "x"}, {"shut", std::string(700, 's')}}))
      << "what cannot be written keeps its copy";
  missing = artifacts::LeftOut("The runner");
  seal_logs(*work, *kept, 1'000, missing);
  EXPECT_EQ(kept_files(), sources());
}

TEST(LiveLogs, AreSeenWhileTheyGrowAndKeptAfterAKill) {
  const Sandbox box;
  auto process = box.start({"/bin/sh", "-c",
                            "cd $VBRAIN_LOG_DIR; echo one > solver.log; mkdir sub; echo s > sub/s.log;"
                            "while ! [ -e go ]; do sleep 0.01; done; echo two >> solver.log; exec sleep 1000"});
  ASSERT_TRUE(eventually([&] { return text_so_far(box.attempt("logs/solver.log")) == "one\n"; }));
  ASSERT_TRUE(eventually([&] { return text_so_far(box.attempt("logs/sub/s.log")) == "s\n"; }));
  write_file(box.work("logs/go"), "");
  ASSERT_TRUE(eventually([&] { return text_so_far(box.attempt("logs/solver.log")) == "one\ntwo\n"; }));
  kill(process.pid(), SIGKILL);
  process.wait();
  EXPECT_EQ(read_file(box.attempt("logs/solver.log")), "one\ntwo\n");
  EXPECT_FALSE(fs::exists(box.attempt("manifest.json")));
}

TEST(LiveLogs, OfAnAttemptThatEndsAreCompleteAndNamedOnce) {
  const Sandbox box;
  const auto until = [](const std::string& file) { return "until [ -e " + file + " ]; do sleep 0.01; done; "; };
  EXPECT_EQ(box.run_shell("cd $VBRAIN_LOG_DIR; echo one > a.log; echo mine > stdout.log; echo x > gone; " +
                          until(box.attempt("logs/gone")) + "rm gone; echo two >> a.log; echo hello"),
            0)
      << read_file(box.temp / "stderr");
  EXPECT_EQ(tree_of(box.attempt("logs")),
            (Tree{{"a.log", "one\ntwo\n"}, {"stderr.log", ""}, {"stdout.log", "hello\n"}, {"stdout.log.1", "mine\n"}}));
  EXPECT_EQ(read_file(box.temp / "stderr"), "") << "no copy is named as left out";
}

}  // namespace
}  // namespace vbrain::runner
