// Archives of real writers, made when the test runs. A writer that is not installed is skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "artifacts/archive/archive_reader.hpp"
#include "support/cpp/file_tree.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::tree_of;
using vbrain::testing::write_file;

struct Writer {
  const char* name;
  // For sh, in a folder with the folder `d` and the file `stream.py`; makes out.zip.
  const char* command;
  const char* root = "d/";  // in front of the names
  bool keeps_empty_folders = true;
  bool keeps_times = true;  // in UTC
};

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
  write_file(temp / "pack.py", R"(
import os, sys, zipfile
with zipfile.ZipFile('out.zip', 'w', getattr(zipfile, sys.argv[1])) as out:
    for folder, folders, files in os.walk('d'):
        for name in folders: out.write(os.path.join(folder, name))
        for name in files:
            path = os.path.join(folder, name)
            with out.open(path, 'w', force_zip64='force_zip64' in sys.argv) as entry: entry.write(open(path, 'rb').read())
)");
}

// Runs the command of a writer; skips the test if its program is missing.
void make_archive(const TempDir& temp, const char* writer, const std::string& zone = "America/Sao_Paulo") {
  const std::string program(writer, std::string_view(writer).find(' '));
  if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) GTEST_SKIP() << program << " is missing";
  const std::string command = "cd '" + temp.path() + "' && exec 2>command.log && TZ=" + zone +
                              " LC_ALL=C.UTF-8 sh -c '" + writer + "' >>command.log";
  ASSERT_EQ(std::system(command.c_str()), 0) << read_file(temp / "command.log");
}

class Writers : public ::testing::TestWithParam<Writer> {};

TEST_P(Writers, AreRead) {
  const Writer& writer = GetParam();
  const TempDir temp;
  make_tree(temp);
  make_archive(temp, writer.command);
  if (::testing::Test::IsSkipped() || ::testing::Test::HasFatalFailure()) return;
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
    {"zip_stored_to_a_pipe", "zip -qr0 - d | cat >out.zip"},
    {"zip_no_zip64_to_a_pipe", "zip -qrfz- - d | cat >out.zip"},
    {"zip_comments", "zip -h >/dev/null && echo archive | zip -qrz out.zip d && yes entry | zip -qrc out.zip d"},
    {"zip_adjusted", "zip -qr out.zip d && zip -qA out.zip"},
    {"zip_escaped_names", "zip -qr -UN=Escape out.zip d"},
    {"zip_split_in_one_part", "zip -qr -s 10m out.zip d"},
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
    {"bsdtar_utf8", "bsdtar --format zip --options zip:hdrcharset=UTF-8 -cf out.zip d"},
    {"bsdtar_deflate_to_a_pipe", "bsdtar --format zip --options zip:compression=deflate -cf - d | cat >out.zip"},
    {"7zip_no_utf8", "7z a -bd -y -mcu=off out.zip d"},
    {"7zip_several_threads", "7z a -bd -y -mmt=4 -mx=9 out.zip d"},
    {"7zip_no_times", "7z a -bd -y -mtm=off -mtc=off -mta=off out.zip d", "d/", true, false},
    {"7zip_updated", "7z a -bd -y out.zip d && 7z u -bd -y out.zip d"},
    {"7zip_of_standard_input", "7z a -bd -y out.zip d && cat d/a.txt | 7z a -bd -y -sid/a.txt out.zip", "d/", true,
     false},
    {"cmake", "cmake -E tar cf out.zip --format=zip d"},
    {"jar", "jar cfM out.zip d", "d/", true, false},
    {"jar_stored", "jar cf0M out.zip d", "d/", true, false},
    {"python_shutil", "python3 -m zipfile -c out.zip d", "d/", true, false},
    {"python_stored", "python3 pack.py ZIP_STORED", "d/", true, false},
    {"python_zip64", "python3 pack.py ZIP_DEFLATED force_zip64", "d/", true, false},
    {"python_stream", "python3 stream.py >out.zip", "d/", true, false},
};

INSTANTIATE_TEST_SUITE_P(All, Writers, ::testing::ValuesIn(kWriters),
                         [](const auto& writer) { return std::string("w_") + writer.param.name; });

// The UTC fields of Info-ZIP, libarchive and 7-Zip do not depend on the zone of the writer, nor of this process.
TEST(WriterTimes, AreRightInEveryZone) {
  const char* const zone = getenv("TZ");
  const std::string before = zone == nullptr ? "" : zone;
  const TempDir temp;
  make_tree(temp);
  for (const char* here : {"America/Sao_Paulo", "Asia/Kolkata", "Pacific/Auckland"}) {
    setenv("TZ", here, 1);
    tzset();
    for (const char* there : {"America/Sao_Paulo", "Asia/Kolkata", "Pacific/Auckland"}) {
      for (const char* writer : {"zip -q out.zip d/a.txt", "bsdtar -a -cf out.zip d/a.txt",
                                 "7z a -bd -y out.zip d/a.txt", "cmake -E tar cf out.zip --format=zip d/a.txt"}) {
        SCOPED_TRACE(std::string(writer) + " " + here + " " + there);
        std::filesystem::remove(temp / "out.zip");
        make_archive(temp, writer, there);
        if (::testing::Test::IsSkipped() || ::testing::Test::HasFatalFailure()) continue;
        const Dir dir = Dir::open(temp.path());
        const auto archive = dir.open_file("out.zip");
        const auto listing = inspect(archive->fd.get());
        ASSERT_TRUE(listing) << listing.error().reason;
        const TempDir target;
        ASSERT_TRUE(extract(*listing, archive->fd.get(), Dir::open(target.path())));
        EXPECT_EQ(time_of(target / "d/a.txt"), 1593606896);
      }
    }
  }
  zone == nullptr ? unsetenv("TZ") : setenv("TZ", before.c_str(), 1);
  tzset();
}

struct Refusal {
  const char* name;
  const char* command;  // as above
  const char* want;     // in the reason
};

class RefusedWriters : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedWriters, AreToldWhyAndWhatToDo) {
  const Refusal& refusal = GetParam();
  const TempDir temp;
  make_tree(temp);
  make_archive(temp, refusal.command);
  if (::testing::Test::IsSkipped() || ::testing::Test::HasFatalFailure()) return;
  const auto archive = Dir::open(temp.path()).open_file("out.zip");
  const auto listing = inspect(archive->fd.get());
  ASSERT_FALSE(listing);
  EXPECT_THAT(listing.error().reason, ::testing::HasSubstr(refusal.want));
}

constexpr Refusal kRefusals[] = {
    {"zip_bzip2", "zip -qr -Z bzip2 out.zip d/sub", "it is compressed with bzip2; pack it with Deflate"},
    {"zip_encrypted", "zip -qr -P secret out.zip d/a.txt", "entry 1 (d/a.txt): it is encrypted; pack it without"},
    {"zip_split", "zip -qr0 -s 64k out.zip d/sub/deep", "an archive of several parts; pack it as one file"},
    {"zip_link", "zip -h >/dev/null && ln -s a.txt d/link && zip -qry out.zip d/link",
     "a symbolic link; pack the file"},
    {"7zip_deflate64", "7z a -bd -y -mm=Deflate64 out.zip d/sub", "compressed with Deflate64; pack it with Deflate"},
    {"7zip_bzip2", "7z a -bd -y -mm=BZip2 out.zip d/sub", "compressed with bzip2; pack it with Deflate"},
    {"7zip_lzma", "7z a -bd -y -mm=LZMA out.zip d/sub", "compressed with LZMA; pack it with Deflate"},
    {"7zip_ppmd", "7z a -bd -y -mm=PPMd out.zip d/sub", "compressed with PPMd; pack it with Deflate"},
    {"7zip_xz", "7z a -bd -y -mm=xz out.zip d/sub", "compressed with xz; pack it with Deflate"},
    {"7zip_password", "7z a -bd -y -psecret out.zip d/a.txt", "entry 1 (d/a.txt): it is encrypted; pack it without"},
    {"7zip_aes", "7z a -bd -y -psecret -mem=AES256 out.zip d/a.txt", "entry 1 (d/a.txt): it is encrypted; pack it"},
    {"7zip_7z", "7z a -bd -y -t7z out.zip d/a.txt", "it is a 7z archive; pack the files as ZIP"},
    {"7zip_volumes", "7z a -bd -y -v64k out.zip d && mv out.zip.001 out.zip",
     "or is one of several parts: its end record is missing; send it whole"},
    {"zip_zip64_to_a_pipe", "zip -qrfz - d | cat >out.zip", "its Zip64 end record is missing; pack the files again"},
    {"bsdtar_tar", "bsdtar -cf out.zip d/a.txt", "it is a tar archive; pack the files as ZIP"},
    {"bsdtar_gzip", "bsdtar -czf out.zip d/a.txt", "it is a gzip file; pack the files as ZIP"},
    {"python_bzip2", "python3 pack.py ZIP_BZIP2", "compressed with bzip2; pack it with Deflate"},
    {"python_lzma", "python3 pack.py ZIP_LZMA", "compressed with LZMA; pack it with Deflate"},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedWriters, ::testing::ValuesIn(kRefusals),
                         [](const auto& refusal) { return std::string("w_") + refusal.param.name; });

}  // namespace
}  // namespace vbrain::artifacts
