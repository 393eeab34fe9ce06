// Links and special files in an output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "artifacts/archive/archive_reader.hpp"
#include "runner/seal/seal.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using artifacts::Dir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

class OutputLinks : public ::testing::Test {
 protected:
  OutputLinks() {
    fs::create_directories(temp / "work/output");
    fs::create_directories(temp / "attempt");
  }
  std::string out(const std::string& name) const { return temp / ("work/output/" + name); }
  // Name and size of each file of the archive.
  std::vector<std::string> seal(std::uint64_t limit = 1U << 30) {
    const auto sealed = seal_output(Dir::open(temp / "work"), Dir::open(temp / "attempt"), limit);
    if (!sealed) return {sealed.error()};
    left_out = sealed->left_out.text();
    if (sealed->left_out.empty()) left_out.clear();
    std::vector<std::string> names;
    for (const auto& file : sealed->files) names.push_back(file.name + " " + std::to_string(file.bytes));
    const artifacts::Fd fd(open((temp / "attempt/output.zip").c_str(), O_RDONLY));
    EXPECT_TRUE(artifacts::inspect(fd.get())) << "a client can send it in again";
    return names;
  }
  TempDir temp;
  std::string left_out;
};

TEST_F(OutputLinks, LinksToWhatLiesInsideAreCopies) {
  write_file(out("run_1/a.csv"), "12345");
  write_file(out("run_1/sub/b.csv"), "123");
  fs::create_symlink("run_1", out("latest"));
  fs::create_symlink(fs::canonical(out("run_1/a.csv")), out("absolute"));
  fs::create_symlink("../../run_1/a.csv", out("run_1/sub/up"));
  fs::create_symlink("absolute", out("chain"));
  EXPECT_THAT(seal(),
              UnorderedElementsAre("run_1/a.csv 5", "run_1/sub/b.csv 3", "absolute 5", "chain 5", "latest/a.csv 5",
                                   "latest/sub/b.csv 3", "latest/sub/up 5", "run_1/sub/up 5"));
  EXPECT_EQ(left_out, "");
}

TEST_F(OutputLinks, HardLinksAreFiles) {
  write_file(out("a"), "12345");
  fs::create_hard_link(out("a"), out("b"));
  EXPECT_THAT(seal(), ElementsAre("a 5", "b 5"));
}

TEST_F(OutputLinks, TheRestIsLeftOutAndNamed) {
  write_file(out("good"), "1");
  write_file(out("d/good"), "2");
  write_file(temp / "work/outputs/secret", "s");
  fs::create_symlink("/etc/passwd", out("d/absolute"));
  fs::create_symlink("../outputs/secret", out("beside"));
  fs::create_symlink("/etc", out("folder"));
  fs::create_symlink("/none", out("dangling"));
  fs::create_symlink("itself", out("itself"));
  fs::create_symlink(".", out("here"));
  fs::create_symlink("..", out("d/up"));
  fs::create_symlink("/dev/null", out("null"));
  fs::create_symlink("fifo", out("to-fifo"));
  ASSERT_EQ(mkfifo(out("fifo").c_str(), 0600), 0);
  const artifacts::Fd socket_fd(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  out("s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(seal(), ElementsAre("d/good 1", "good 1"));
  EXPECT_EQ(left_out,
            "The runner has left these out of the output:\n"
            "fifo: it is a FIFO\n"
            "s: it is a socket\n"
            "beside: it is a symbolic link to something outside the output\n"
            "d/absolute: it is a symbolic link to something outside the output\n"
            "d/up: it is a symbolic link to a folder that contains it\n"
            "dangling: it is a symbolic link to nothing\n"
            "folder: it is a symbolic link to something outside the output\n"
            "here: it is a symbolic link to a folder that contains it\n"
            "itself: it is a symbolic link that leads to itself\n"
            "null: it is a symbolic link to something outside the output\n"
            "to-fifo: it is a symbolic link to something else than a file or folder\n");
}

TEST_F(OutputLinks, FoldersThatLinkToEachOtherEnd) {
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
    write_file(out(std::string(name) + "/file"), "1");
    for (const char* other : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
      if (name != std::string(other))
        fs::create_symlink(std::string("../") + other, out(std::string(name) + "/" + other));
    }
  }
  EXPECT_THAT(seal(), ::testing::IsSupersetOf({"a/file 1", "j/file 1"}));
  EXPECT_THAT(left_out, HasSubstr("a/b: "));
}

TEST_F(OutputLinks, CopiesThatDoNotFitAreLeftOut) {
  write_file(out("large"), std::string(600, 'x'));
  write_file(out("folder/small"), "1");
  fs::create_symlink("../large", out("folder/link"));
  fs::create_symlink("folder", out("second"));
  fs::create_symlink("folder/small", out("third"));
  EXPECT_THAT(seal(1'000), ElementsAre("folder/small 1", "large 600", "third 1"));
  EXPECT_THAT(left_out, HasSubstr("second: with a copy of its target the output is larger than its limit\n"));
}

TEST(OutputLinksProcess, TheJobSucceedsAndItsLogsNameWhatIsMissing) {
  const Sandbox box;
  EXPECT_EQ(box.run_shell("cd $VBRAIN_OUTPUT_DIR; mkdir run_1; echo x > run_1/f; ln -s $PWD/run_1 latest; "
                          "ln -s /etc/passwd p; mkfifo fifo"),
            0);
  EXPECT_EQ(box.reported().message, "left out of the output: fifo: it is a FIFO, and 1 more");
  EXPECT_EQ(read_file(box.attempt("logs/output-left-out-by-runner.txt")),
            "The runner has left these out of the output:\n"
            "fifo: it is a FIFO\n"
            "p: it is a symbolic link to something outside the output\n");
  EXPECT_THAT(read_file(box.temp / "stderr"), HasSubstr("vbrain: left out of the output: fifo"));
}

}  // namespace
}  // namespace vbrain::runner
