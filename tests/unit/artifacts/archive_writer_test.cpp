#include "artifacts/archive/archive_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zip.h>

#include <filesystem>
#include <map>
#include <random>

#include "artifacts/archive/archive_reader.hpp"
#include "base/text/digest.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

using vbrain::testing::read_fd;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

const base::TimePoint kTime = *base::parse_rfc3339("2026-01-02T03:04:06Z");

// The archive as libzip, which shares no line with ours, reads it, consistency checks on.
std::map<std::string, std::string> read_with_libzip(const std::string& path, base::TimePoint time = kTime) {
  std::map<std::string, std::string> files;
  int error = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &error);
  EXPECT_NE(archive, nullptr) << "libzip error " << error;
  if (archive == nullptr) return files;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t status;
    zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &status);
    zip_file_t* file = zip_fopen_index(archive, static_cast<zip_uint64_t>(i), 0);
    std::string content(status.size, '\0');
    EXPECT_EQ(zip_fread(file, content.data(), content.size()), static_cast<zip_int64_t>(content.size()));
    char beyond = 0;
    EXPECT_EQ(zip_fread(file, &beyond, 1), 0) << "checks the CRC at the end";
    zip_fclose(file);
    EXPECT_EQ(status.mtime / 86400, std::chrono::duration_cast<std::chrono::days>(time.time_since_epoch()).count());
    files[status.name] = content;
  }
  zip_close(archive);
  return files;
}

std::string noise(std::size_t size) {
  std::mt19937_64 random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Sets the time zone of this process.
class Zone {
 public:
  explicit Zone(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  ~Zone() {
    unsetenv("TZ");
    tzset();
  }
};

// POSIX names, which need no database of zones. The last one has daylight saving time on that day.
TEST(ArchiveWriter, TimesAreTheSameInEveryZone) {
  const std::int64_t want = 1593606896;  // 2020-07-01T12:34:56Z
  for (const char* zone : {"UTC0", "JST-9", "BRT3", "LINT-14", "CET-1CEST,M3.5.0,M10.5.0"}) {
    const Zone here(zone);
    const TempDir temp;
    write_file(temp / "source", "text");
    const Fd out(open((temp / "out.zip").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ArchiveWriter writer([&](std::string_view bytes) { write_all(out.get(), bytes); }, Compression::kStore);
    const Dir dir = Dir::open(temp.path());
    const auto source = dir.open_file("source");
    writer.add("a.txt", source->fd.get(), source->size, base::TimePoint(std::chrono::seconds(want)));
    writer.finish();
    const auto listing = inspect(out.get());
    ASSERT_TRUE(listing) << listing.error().reason;
    ASSERT_TRUE(extract(*listing, out.get(), dir.make("ours")));
    struct stat found {};
    ASSERT_EQ(stat((temp / "ours/a.txt").c_str(), &found), 0);
    EXPECT_EQ(found.st_mtime, want) << zone;
    if (std::system("command -v bsdtar >/dev/null") != 0) continue;
    ASSERT_EQ(std::system(("cd '" + temp.path() + "' && mkdir theirs && bsdtar -xf out.zip -C theirs").c_str()), 0);
    ASSERT_EQ(stat((temp / "theirs/a.txt").c_str(), &found), 0);
    EXPECT_EQ(found.st_mtime, want) << "bsdtar in " << zone;
  }
}

TEST(ArchiveWriter, OthersReadWhatItWrites) {
  std::string text;
  while (text.size() < 3U << 20) text += "line " + std::to_string(text.size()) + "\n";
  const std::map<std::string, std::string> contents = {
      {"empty", ""}, {"small.txt", "hello"}, {"d/ção é.txt", text}, {"noise", noise(1U << 20)}};
  for (const Compression compression : {Compression::kStore, Compression::kFast}) {
    const TempDir temp;
    const Dir dir = Dir::open(temp.path());
    {
      const Fd out(open((temp / "a.zip").c_str(), O_WRONLY | O_CREAT, 0600));
      ArchiveWriter writer([&](std::string_view bytes) { write_all(out.get(), bytes); }, compression);
      for (const auto& [name, content] : contents) {
        write_file(temp / "content", content);
        const auto file = dir.open_file("content");
        const auto added = writer.add(name, file->fd.get(), file->size, kTime);
        EXPECT_EQ(added.bytes, content.size());
        EXPECT_EQ(added.sha256, base::sha256_hex(content));
      }
      const auto whole = writer.finish();
      const std::string bytes = read_file(temp / "a.zip");
      EXPECT_EQ(whole.bytes, bytes.size());
      EXPECT_EQ(whole.sha256, base::sha256_hex(bytes));
      if (compression == Compression::kFast) {
        EXPECT_LT(bytes.size(), 3U << 20);
      }
    }
    EXPECT_EQ(read_with_libzip(temp / "a.zip"), contents);
    const auto file = dir.open_file("a.zip");
    const auto listing = inspect(file->fd.get());
    ASSERT_TRUE(listing) << "we read it too: " << listing.error().reason;
    const Dir target = dir.make("out");
    ASSERT_TRUE(extract(*listing, file->fd.get(), target));
    for (const auto& [name, content] : contents) EXPECT_EQ(read_file(temp / ("out/" + name)), content);
  }
}

struct ZipSource {
  std::string name;
  OpenFile file;
};

// An archive of files that are open, as large as they were when they were opened.
ArchiveWriter::Added write_zip(int out, const std::vector<ZipSource>& sources, Compression compression) {
  ArchiveWriter writer([out](std::string_view bytes) { write_all(out, bytes); }, compression);
  for (const ZipSource& source : sources) {
    writer.add(source.name, source.file.fd.get(), source.file.size, source.file.modified);
  }
  return writer.finish();
}

TEST(ArchiveWriter, AddsTexts) {
  const TempDir temp;
  const Dir dir = Dir::open(temp.path());
  auto file = dir.create_file("a.zip");
  ArchiveWriter writer([&](std::string_view bytes) { write_all(file->get(), bytes); }, Compression::kFast);
  writer.add_text("note.txt", "some words\n");
  writer.add_text("empty.txt", "");
  EXPECT_THROW(writer.add_text("", "x"), std::invalid_argument);
  writer.finish();
  const std::map<std::string, std::string> want = {{"note.txt", "some words\n"}, {"empty.txt", ""}};
  EXPECT_EQ(read_with_libzip(temp / "a.zip", *base::parse_rfc3339("1980-01-01T00:00:00Z")), want);
  const auto zip = dir.open_file("a.zip");
  EXPECT_TRUE(inspect(zip->fd.get()));
}

TEST(ArchiveWriter, DeflatesOnlyWhatBecomesSmaller) {
  const TempDir temp;
  write_file(temp / "text", std::string(1U << 20, 'x'));
  write_file(temp / "noise", noise(1U << 20));
  const Dir dir = Dir::open(temp.path());
  std::vector<ZipSource> sources;
  for (const char* name : {"text", "noise"}) sources.push_back({name, *dir.open_file(name)});
  const Fd out(memfd_create("zip", 0));
  write_zip(out.get(), sources, Compression::kFast);
  const auto listing = inspect(out.get(), {.ratio = 2'000});
  ASSERT_TRUE(listing) << listing.error().reason;
  EXPECT_TRUE(listing->entries[0].deflated);
  EXPECT_FALSE(listing->entries[1].deflated);
}

TEST(ArchiveWriter, WritesToAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const TempDir temp;
  write_file(temp / "f", "hello");
  const auto file = Dir::open(temp.path()).open_file("f");
  ArchiveWriter writer([&](std::string_view bytes) { write_all(ends[1], bytes); }, Compression::kFast);
  writer.add("f", file->fd.get(), file->size, kTime);
  const auto whole = writer.finish();
  close(ends[1]);
  std::string bytes(4096, '\0');
  bytes.resize(static_cast<std::size_t>(read(ends[0], bytes.data(), bytes.size())));
  close(ends[0]);
  EXPECT_EQ(base::sha256_hex(bytes), whole.sha256);
}

TEST(ArchiveWriter, TakesAGrowingFileAsLongAsItWas) {
  const TempDir temp;
  const Dir dir = Dir::open(temp.path());
  for (const Compression compression : {Compression::kStore, Compression::kFast}) {
    write_file(temp / "stdout.log", "first line\n");
    std::vector<ZipSource> sources;
    sources.push_back({"stdout.log", *dir.open_file("stdout.log")});
    std::ofstream(temp / "stdout.log", std::ios::app) << "second line\n";
    const Fd out(memfd_create("zip", 0));
    const auto whole = write_zip(out.get(), sources, compression);
    EXPECT_EQ(read_fd(out.get()).size(), whole.bytes);
    const auto listing = inspect(out.get());
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->entries[0].size, 11U);
    std::filesystem::remove(temp / "stdout.log");
  }
}

TEST(ArchiveWriter, TakesAFileThatBecameShorter) {
  const TempDir temp;
  write_file(temp / "f", std::string(2U << 20, 'x'));
  const Dir dir = Dir::open(temp.path());
  for (const Compression compression : {Compression::kStore, Compression::kFast}) {
    std::vector<ZipSource> sources;
    sources.push_back({"f", *dir.open_file("f")});
    std::filesystem::resize_file(temp / "f", 1000);
    const Fd out(memfd_create("zip", 0));
    write_zip(out.get(), sources, compression);
    const auto listing = inspect(out.get());
    ASSERT_TRUE(listing) << listing.error().reason;
    EXPECT_EQ(listing->entries[0].size, 1000U);
  }
}

TEST(ArchiveWriter, ManyEntriesAndFolders) {
  const Fd out(memfd_create("zip", 0));
  const Fd empty(memfd_create("empty", 0));
  ArchiveWriter writer([&](std::string_view bytes) { write_all(out.get(), bytes); }, Compression::kFast);
  writer.add_folder("folder", kTime);
  for (int i = 0; i < 70'000; ++i) writer.add(std::to_string(i), empty.get(), 0, kTime);
  writer.finish();
  const auto listing = inspect(out.get(), {.entries = 100'000});
  ASSERT_TRUE(listing) << listing.error().reason;
  EXPECT_EQ(listing->entries.size(), 70'001U);
  EXPECT_TRUE(listing->entries[0].folder);
}

TEST(ArchiveWriter, WideEntriesAndOffsets) {
  std::string text;
  while (text.size() < 2'000'000) text += std::to_string(text.size() * 7919) + "\n";
  const std::map<std::string, std::string> contents = {
      {"a-large", noise(900'000)}, {"b-small", "x"}, {"c-text", text}, {"d-large", noise(700'000)}};
  for (const Compression compression : {Compression::kStore, Compression::kFast}) {
    const TempDir temp;
    const Dir dir = Dir::open(temp.path());
    const Fd out(open((temp / "a.zip").c_str(), O_RDWR | O_CREAT, 0600));
    ArchiveWriter writer([&](std::string_view bytes) { write_all(out.get(), bytes); }, compression, 600'000);
    for (const auto& [name, content] : contents) {
      write_file(temp / "content", content);
      const auto file = dir.open_file("content");
      writer.add(name, file->fd.get(), file->size, kTime);
    }
    writer.finish();
    EXPECT_EQ(read_with_libzip(temp / "a.zip"), contents);
    const auto listing = inspect(out.get());
    ASSERT_TRUE(listing) << listing.error().reason;
    EXPECT_EQ(listing->entries[3].size, 700'000U);
    EXPECT_TRUE(extract(*listing, out.get(), dir.make("out")));
  }
}

TEST(ArchiveWriter, UnnamedFilesLeaveNoName) {
  const TempDir temp;
  Fd fd = make_unnamed_file(Dir::open(temp.path()));
  write_all(fd.get(), "x");
  EXPECT_EQ(read_fd(fd.get()), "x");
  fd = Fd();  // on NFS the file has a name until it is closed
  EXPECT_EQ(vbrain::testing::count_below(temp.path()), 0U);
}

}  // namespace
}  // namespace vbrain::artifacts
