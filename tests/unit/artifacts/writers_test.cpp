// Archives of real writers, made when the test runs. A writer that is not installed is skipped.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "artifacts/archive/archive_reader.hpp"
#include "support/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

struct Writer {
  const char* name;
  // For sh, in a folder with the folder `d` and the file `stream.py`; makes out.zip.
  const char* command;
  const char* root = "d/";  // in front of the names
  bool keeps_empty_folders = true;
  bool keeps_times = true;  // in UTC
};

// What the archive holds of `d`: contents by name; an empty folder is a name with a slash at its end.
std::map<std::string, std::string> tree_of(const fs::path& root) {
  std::map<std::string, std::string> tree;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = fs::relative(entry.path(), root).string();
    if (entry.is_regular_file()) tree[name] = read_file(entry.path().string());
    if (entry.is_directory() && fs::is_empty(entry.path())) tree[name + "/"] = "";
  }
  return tree;
}

time_t time_of(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 ? found.st_mtime : 0;
}

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  unsigned state = 7;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  return bytes;
}

void make_tree(const TempDir& temp) {
  fs::create_directories(temp / "d/sub/deep");
  fs::create_directories(temp / "d/empty");
  write_file(temp / "d/a.txt", "hello\n");
  write_file(temp / "d/.hidden", "x");
  write_file(temp / "d/none.csv", "");
  write_file(temp / "d/A.txt", "another\n");
  write_file(temp / "d/relatório.csv", "a;b\n");
  write_file(temp / "d/sub/zeros.bin", std::string(3U << 20, '\0'));
  write_file(temp / "d/sub/deep/noise.bin", random_bytes(300'000));
  // The time zone of the writers is another one. 2020-07-01T12:34:56Z.
  const timespec times[2] = {{1593606896, 0}, {1593606896, 0}};
  utimensat(AT_FDCWD, (temp / "d/a.txt").c_str(), times, 0);
  write_file(temp / "stream.py", R"(
import io, os, sys, zipfile
class Pipe(io.RawIOBase):
    def writable(self): return True
    def write(self, piece): return sys.stdout.buffer.write(piece)
with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as out:
    for folder, folders, files in os.walk('d'):
        for name in sorted(folders) + sorted(files): out.write(os.path.join(folder, name))
)");
}

class Writers : public ::testing::TestWithParam<Writer> {};

TEST_P(Writers, AreRead) {
  const Writer& writer = GetParam();
  const std::string program(writer.command, std::string_view(writer.command).find(' '));
  if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) GTEST_SKIP() << program << " is missing";
  const TempDir temp;
  make_tree(temp);
  const std::string command = "cd '" + temp.path() + "' && exec 2>command.log && TZ=America/Sao_Paulo LC_ALL=C.UTF-8 " +
                              "sh -c '" + writer.command + "' >>command.log";
  ASSERT_EQ(std::system(command.c_str()), 0) << read_file(temp / "command.log");
  const Dir dir = Dir::open(temp.path());
  const auto archive = dir.open_file("out.zip");
  const auto listing = inspect(archive->fd.get());
  ASSERT_TRUE(listing) << listing.error().reason;
  const auto files = extract(*listing, archive->fd.get(), dir.make("unpacked"));
  ASSERT_TRUE(files) << files.error().reason;
  const std::string root = temp / ("unpacked/" + std::string(writer.root));
  auto want = tree_of(temp / "d");
  if (!writer.keeps_empty_folders) want.erase("empty/");
  EXPECT_EQ(tree_of(root), want);
  if (writer.keeps_times) {
    EXPECT_EQ(time_of(root + "a.txt"), 1593606896);
  }
}

constexpr Writer kWriters[] = {
    {"zip", "zip -qr out.zip d"},
    {"zip_to_a_pipe", "zip -qr - d | cat >out.zip"},
    {"zip_descriptors", "zip -qrfd out.zip d"},
    {"zip_zip64", "zip -qrfz out.zip d"},
    {"zip_stored", "zip -qr0 out.zip d"},
    {"zip_best", "zip -qr9 out.zip d"},
    {"zip_links", "zip -qry out.zip d"},
    {"zip_no_folders", "zip -qrD out.zip d", "d/", false},
    {"zip_no_extra_fields", "zip -qrX out.zip d", "d/", true, false},
    {"zip_utf8_flag", "zip -qr -UN=UTF8 out.zip d"},
    {"zip_escaped_extra", "zip -qr -UN=Ignore out.zip d"},
    {"zip_updated", "zip -qr out.zip d/sub && zip -qr out.zip d && zip -qd out.zip d/none.csv && zip -qru out.zip d"},
    {"zip_of_the_folder_itself", "zip -h >/dev/null && cd d && zip -qr ../out.zip .", ""},
    {"bsdtar", "bsdtar -a -cf out.zip d"},
    {"bsdtar_to_a_pipe", "bsdtar --format zip -cf - d | cat >out.zip"},
    {"bsdtar_stored", "bsdtar --format zip --options zip:compression=store -cf out.zip d"},
    {"bsdtar_zip64", "bsdtar --format zip --options zip:zip64 -cf out.zip d"},
    {"bsdtar_experimental", "bsdtar --format zip --options zip:experimental -cf out.zip d"},
    {"bsdtar_of_the_folder_itself", "bsdtar --version && cd d && bsdtar -a -cf ../out.zip .", ""},
    {"7zip", "7z a -bd -y out.zip d"},
    {"7zip_utf8", "7z a -bd -y -mcu=on out.zip d"},
    {"7zip_unix_times", "7z a -bd -y -mtm=on -mtc=on out.zip d"},
    {"7zip_stored", "7z a -bd -y -mx=0 out.zip d"},
    {"cmake", "cmake -E tar cf out.zip --format=zip d"},
    {"jar", "jar cfM out.zip d", "d/", true, false},
    {"jar_stored", "jar cf0M out.zip d", "d/", true, false},
    {"python_shutil", "python3 -m zipfile -c out.zip d", "d/", true, false},
    {"python_stream", "python3 stream.py >out.zip", "d/", true, false},
};

INSTANTIATE_TEST_SUITE_P(All, Writers, ::testing::ValuesIn(kWriters),
                         [](const auto& writer) { return std::string("w_") + writer.param.name; });

}  // namespace
}  // namespace vbrain::artifacts
