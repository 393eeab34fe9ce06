// Archives as programs write them that are not to be had here, byte by byte: Finder, Explorer, PowerShell, .NET, Java;
// and what all writers may do differently.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <optional>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/zip_format.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::artifacts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vbrain::testing::build_zip;
using vbrain::testing::count_below;
using vbrain::testing::TempDir;
using vbrain::testing::ZipEntry;
using Names = std::vector<std::string>;

constexpr std::uint8_t kFat = 0;

struct Outcome {
  std::string error = {};
  Names files = {};
  Names empty_folders = {};
  Names notes = {};
  std::vector<std::optional<base::TimePoint>> times = {};
};

Outcome read(std::string_view bytes, const ArchiveLimits& limits = {}) {
  const TempDir target;
  const Fd fd(memfd_create("archive", MFD_CLOEXEC));
  write_all(fd.get(), bytes);
  const auto listing = inspect(fd.get(), limits);
  if (!listing) return {.error = listing.error().reason};
  const auto files = extract(*listing, fd.get(), Dir::open(target.path()));
  if (!files) return {.error = files.error().reason};
  Outcome outcome{.empty_folders = listing->empty_folders(), .notes = listing->notes};
  for (const InputFile& file : *files) {
    outcome.files.push_back(file.name);
    outcome.times.push_back(file.modified);
  }
  std::ranges::sort(outcome.files);
  for (const std::string& folder : outcome.empty_folders) {
    EXPECT_TRUE(std::filesystem::is_directory(target / folder)) << folder;
  }
  return outcome;
}

// .NET Framework before 4.6.1, which PowerShell 5.1 uses: backslashes, host FAT.
TEST(ArchiveClients, PowerShell5) {
  const Outcome outcome = read(build_zip({{.name = "INPUT\\n.csv", .mode = 0, .flags = 0, .host = kFat},
                                          {.name = "INPUT\\sub\\m.csv", .mode = 0, .flags = 0, .host = kFat},
                                          {.name = "INPUT\\empty\\", .mode = 0, .flags = 0, .host = kFat}}));
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.files, ElementsAre("n.csv", "sub/m.csv"));
  EXPECT_THAT(outcome.empty_folders, ElementsAre("empty"));
  for (const int host : {0, 10, 11, 14}) {
    EXPECT_THAT(read(build_zip({{.name = "a\\b", .host = static_cast<std::uint8_t>(host)}})).files, ElementsAre("a/b"));
  }
}

// System.IO.Compression of .NET to a response, which cannot be sought: on Windows host FAT and no mode, elsewhere Unix.
// Only names that are not ASCII have the UTF-8 flag; empty entries have no descriptor.
TEST(ArchiveClients, DotNet) {
  for (const auto& [host, mode] : {std::pair(kFat, 0U), {zip::kUnixHost, 0100644U}}) {
    const auto streamed = [host = host, mode = mode](const char* name, std::uint16_t flags) {
      return ZipEntry{.name = name,
                      .content = "1,2\n1,2\n1,2\n",
                      .deflated = true,
                      .mode = mode,
                      .flags = flags,
                      .descriptor = true,
                      .host = host};
    };
    const Outcome outcome =
        read(build_zip({streamed("n.csv", 0),
                        streamed("relatório.csv", 0x0800),
                        {.name = "none.csv", .mode = mode, .flags = 0, .host = host},
                        {.name = "empty/", .mode = mode == 0 ? 0 : 040755U, .flags = 0, .host = host}}));
    EXPECT_EQ(outcome.error, "");
    EXPECT_THAT(outcome.files, ElementsAre("n.csv", "none.csv", "relatório.csv"));
    EXPECT_THAT(outcome.empty_folders, ElementsAre("empty"));
  }
}

TEST(ArchiveClients, BackslashesAreCheckedAsSlashes) {
  for (const char* name : {"..\\x", "a\\..\\..\\x", "C:\\x", "\\\\host\\x", "\\x", "a\\\\b"}) {
    EXPECT_NE(read(build_zip({{.name = name, .host = kFat}})).error, "") << name;
  }
  EXPECT_EQ(read(build_zip({{.name = "a\\b", .host = kFat}, {.name = "a/b", .host = kFat}})).error,
            "entry 2 (a/b): a name occurs twice; rename one of the two, or leave it out");
  EXPECT_THAT(read(build_zip({{.name = "a\\b"}})).error, HasSubstr("backslash")) << "on Unix it is part of a name";
}

// Archive Utility: descriptors, the flag for UTF-8 not set, twins with Finder's attributes.
TEST(ArchiveClients, Finder) {
  const auto file = [](const char* name, const char* content = "x") {
    return ZipEntry{.name = name, .content = content, .deflated = true, .flags = 0, .descriptor = true};
  };
  const auto folder = [](const char* name) { return ZipEntry{.name = name, .mode = 040755, .flags = 0}; };
  const Outcome one = read(build_zip({file("numbers.csv"), file("__MACOSX/._numbers.csv")}));
  EXPECT_EQ(one.error, "");
  EXPECT_THAT(one.files, ElementsAre("numbers.csv"));
  EXPECT_THAT(one.notes, ElementsAre(HasSubstr("1 entry of macOS")));
  const Outcome whole =
      read(build_zip({folder("INPUT/"), file("INPUT/relat\xc3\xb3rio.csv"), file("INPUT/.DS_Store"),
                      folder("__MACOSX/"), folder("__MACOSX/INPUT/"), file("__MACOSX/INPUT/._relat\xc3\xb3rio.csv"),
                      file("__MACOSX/._INPUT"), file("INPUT/Icon\r"), file("__MACOSX/INPUT/._Icon\r")}));
  EXPECT_EQ(whole.error, "");
  EXPECT_THAT(whole.files, ElementsAre("relatório.csv"));
  EXPECT_THAT(whole.empty_folders, IsEmpty());
}

// macOS' own tar and zip put the twins beside the files.
TEST(ArchiveClients, TwinsBesideTheFiles) {
  const Outcome outcome = read(build_zip({{.name = "._INPUT"},
                                          {.name = "INPUT/a.csv"},
                                          {.name = "INPUT/._a.csv"},
                                          {.name = "INPUT/d/b"},
                                          {.name = "INPUT/._d"}}));
  EXPECT_THAT(outcome.files, ElementsAre("a.csv", "d/b"));
  // Without the file beside it, such a name is a name.
  EXPECT_THAT(read(build_zip({{.name = "._a"}, {.name = "._"}, {.name = "b"}, {.name = "__MACOSX"}})).files,
              ElementsAre("._", "._a", "__MACOSX", "b"));
}

TEST(ArchiveClients, ExplorerAndItsMarks) {
  const Outcome outcome = read(build_zip({{.name = "INPUT/a.csv", .mode = 0, .flags = 0, .host = kFat},
                                          {.name = "INPUT/Thumbs.db", .mode = 0, .flags = 0, .host = kFat},
                                          {.name = "desktop.ini", .mode = 0, .flags = 0, .host = kFat}}));
  EXPECT_THAT(outcome.files, ElementsAre("a.csv"));
  EXPECT_THAT(outcome.notes, ElementsAre(HasSubstr("2 entries of macOS or Windows")));
  EXPECT_THAT(read(build_zip({{.name = "desktop.ini"}})).files, ElementsAre("desktop.ini")) << "of a Linux program";
}

// "relatório ação.csv" as Explorer, 7-Zip and Java write it without the flag.
TEST(ArchiveClients, NamesInACodePage) {
  const ZipEntry in_437{.name = "relat\xa2rio.csv", .flags = 0, .host = kFat};
  const ZipEntry in_850{.name = "relat\xa2rio a\x87\xc6o.csv", .flags = 0, .host = kFat};
  const Outcome by_rule = read(build_zip({in_437}));
  EXPECT_EQ(by_rule.error, "");
  EXPECT_THAT(by_rule.files, ElementsAre("relatório.csv"));
  EXPECT_THAT(by_rule.notes, ElementsAre("1 name without the UTF-8 flag read as code page 437"));
  EXPECT_THAT(read(build_zip({in_850})).files, ElementsAre("relatório aç╞o.csv"));
  const Outcome by_setting = read(build_zip({in_850}), {.code_page = CodePage::k850});
  EXPECT_THAT(by_setting.files, ElementsAre("relatório ação.csv"));
  EXPECT_THAT(by_setting.notes, ElementsAre("1 name without the UTF-8 flag read as code page 850"));
  const Outcome utf8 = read(build_zip({{.name = "relatório.csv", .flags = 0}}));
  EXPECT_THAT(utf8.files, ElementsAre("relatório.csv"));
  EXPECT_THAT(utf8.notes, IsEmpty());
}

TEST(ArchiveClients, TakesNamesThatOnlyOtherSystemsReserve) {
  const Outcome outcome = read(build_zip({{.name = "aux.csv"},
                                          {.name = "NUL.csv"},
                                          {.name = "a:b.csv"},
                                          {.name = "COM1"},
                                          {.name = "data.csv"},
                                          {.name = "Data.csv"},
                                          {.name = "Dir/x"},
                                          {.name = "dir/x"},
                                          {.name = "trailing. "},
                                          {.name = "what?*<>|\".csv"},
                                          {.name = "\xe2\x80\x8e"
                                                   "marks\xe2\x80\x8f\xd8\x9c.csv"},
                                          {.name = "\xef\xbb\xbf"
                                                   "bom.csv"}}));
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.files.size(), 12U);
}

TEST(ArchiveClients, OddModes) {
  const Outcome outcome = read(build_zip({{.name = "fifo", .content = "data", .mode = 0010644},
                                          {.name = "none", .mode = 0},
                                          {.name = "no type", .mode = 0644},
                                          {.name = "all", .mode = 0xF1FF},
                                          {.name = "unknown", .mode = 0030644},
                                          {.name = "sticky", .mode = 0101644},
                                          {.name = "folder", .mode = 040755},
                                          {.name = "of a file/", .mode = 0100644},
                                          {.name = "set-gid/", .mode = 042755},
                                          {.name = "dos folder", .mode = 0, .host = kFat, .dos_attributes = 0x10}}));
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.files, ElementsAre("all", "fifo", "no type", "none", "sticky", "unknown"));
  EXPECT_THAT(outcome.empty_folders, ElementsAre("dos folder", "folder", "of a file", "set-gid"));
}

TEST(ArchiveClients, LocalHeadersMayBeHalfFilled) {
  using Wide = artifacts::zip::Record;
  const std::string content = "hello hello hello";
  const auto data = vbrain::testing::deflate_raw(content);
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  const auto size = static_cast<std::int64_t>(content.size());
  const auto packed = static_cast<std::int64_t>(data.size());
  const auto later = [&](std::int64_t local_crc, std::int64_t local_packed, std::int64_t local_size) {
    return ZipEntry{.name = "a",
                    .content = content,
                    .deflated = true,
                    .descriptor = true,
                    .local_size = local_size,
                    .local_crc = local_crc,
                    .local_compressed = local_packed};
  };
  for (const std::int64_t c : {std::int64_t{0}, static_cast<std::int64_t>(crc)}) {
    for (const std::int64_t p : {std::int64_t{0}, packed, std::int64_t{0xFFFFFFFF}}) {
      for (const std::int64_t s : {std::int64_t{0}, size, std::int64_t{0xFFFFFFFF}}) {
        EXPECT_EQ(read(build_zip({later(c, p, s)})).error, "") << c << " " << p << " " << s;
      }
    }
  }
  EXPECT_NE(read(build_zip({later(1, 0, 0)})).error, "");
  EXPECT_NE(read(build_zip({later(0, packed + 1, 0)})).error, "");
  EXPECT_NE(read(build_zip({later(0, 0, size - 1)})).error, "");
  // Descriptors: with and without signature, with 32 and 64 bits.
  const auto p = static_cast<std::uint64_t>(packed);
  const auto s = static_cast<std::uint64_t>(size);
  for (const std::string& descriptor : {Wide().u32(crc).u32(p).u32(s).text(), Wide().u32(crc).u64(p).u64(s).text(),
                                        Wide().u32(zip::kDescriptor).u32(crc).u64(p).u64(s).text()}) {
    ZipEntry entry = later(0, 0, 0);
    entry.raw_descriptor = descriptor;
    EXPECT_EQ(read(build_zip({entry, {.name = "b"}})).error, "") << descriptor.size();
  }
  // libarchive and Info-ZIP to a pipe: a Zip64 field in the local header only.
  for (const bool filled : {false, true}) {
    ZipEntry entry = later(0, 0xFFFFFFFF, 0xFFFFFFFF);
    entry.local_extra = Wide().u16(zip::kZip64Extra).u16(16).u64(filled ? s : 0).u64(filled ? p : 0).text();
    entry.raw_descriptor = Wide().u32(zip::kDescriptor).u32(crc).u64(p).u64(s).text();
    EXPECT_EQ(read(build_zip({entry})).error, "");
  }
  // The flags of the local header count for what follows it.
  ZipEntry flags = later(0, 0, 0);
  flags.local_flags = 0x0808;
  flags.flags = 0x0800;
  EXPECT_EQ(read(build_zip({flags})).error, "");
  EXPECT_EQ(read(build_zip({{.name = "ascii", .flags = 0, .local_flags = 0x0800}})).error, "");
}

TEST(ArchiveClients, ZerosMayFollowTheArchive) {
  const std::string bytes = build_zip({{.name = "a", .content = "x"}});
  for (const std::size_t size : {1U, 10'240U, 500'000U}) {
    EXPECT_THAT(read(bytes + std::string(size, '\0')).files, ElementsAre("a")) << size;
  }
  EXPECT_THAT(read(build_zip({{.name = "a"}}, {.zip64 = true}) + std::string(7, '\0')).files, ElementsAre("a"));
  EXPECT_NE(read(bytes + std::string(3U << 20, '\0')).error, "");
  EXPECT_NE(read(bytes + std::string(100, '\0') + "x").error, "");
  EXPECT_NE(read(std::string(1000, '\0')).error, "");
}

TEST(ArchiveClients, AMarkerOfSplitArchivesMayBeInFront) {
  for (const char* marker : {"PK\7\b", "PK00"}) {
    EXPECT_THAT(read(build_zip({{.name = "a"}, {.name = "b"}}, {.prefix = marker})).files, ElementsAre("a", "b"));
    EXPECT_NE(read(build_zip({{.name = "a"}}, {.prefix = marker + std::string(marker)})).error, "");
  }
  EXPECT_NE(read(build_zip({{.name = "a"}}, {.prefix = "PK\3\4"})).error, "");
}

TEST(ArchiveClients, ARefusalNamesTheFormat) {
  const std::string tail(600, 'x');
  const struct {
    std::string bytes;
    const char* want;
  } cases[] = {
      {"7z\xbc\xaf\x27\x1c" + tail, "not a ZIP archive: it is a 7z archive; pack the files as ZIP"},
      {"Rar!\x1a\x07\x01" + tail, "it is a RAR archive; pack"},
      {std::string(257, 'n') + "ustar  " + std::string(1, '\0') + tail, "it is a tar archive; pack"},
      {"\x1f\x8b\b" + tail, "it is a gzip file; pack"},
      {"%PDF-1.7" + tail, "it is a PDF document; pack"},
      {"PK\3\4" + tail,
       "the archive is cut short, or is one of several parts: its end record is missing; send it whole"},
      {"a;b\n" + tail, "not a ZIP archive; pack the files as ZIP"},
      {"x", "not a ZIP archive; pack the files as ZIP"},
      {"", "it is empty; send a ZIP with the files"},
      {std::string(5000, '\0'), "too many zero bytes, like a file that was not written to its end; send it again"},
  };
  for (const auto& c : cases) EXPECT_THAT(read(c.bytes).error, HasSubstr(c.want));
}

// Whatever is wrong, there is a remedy behind a semicolon.
TEST(ArchiveClients, EveryRefusalSaysWhatToDo) {
  const std::string good = build_zip(
      {{.name = "d/a", .content = "hello hello", .deflated = true, .descriptor = true}, {.name = "b", .content = "x"}});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int change : {1, 0x80}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      const std::string error = read(bytes).error;
      EXPECT_TRUE(error.empty() || error.find("; ") != error.npos) << at << ": " << error;
    }
    const std::string error = read(good.substr(0, at)).error;
    EXPECT_TRUE(error.find("; ") != error.npos) << at << ": " << error;
  }
}

TEST(ArchiveClients, TheFolderItselfMayBeInFront) {
  const Outcome outcome = read(build_zip(
      {{.name = "./", .mode = 040755}, {.name = "./a"}, {.name = "./d/", .mode = 040755}, {.name = "./d/b"}}));
  EXPECT_THAT(outcome.files, ElementsAre("a", "d/b"));
  for (const char* name : {"./../x", ".//etc/x", "a/./b"})
    EXPECT_NE(read(build_zip({{.name = name}})).error, "") << name;
}

TEST(ArchiveClients, EmptyFoldersAreKept) {
  const Outcome outcome = read(build_zip({{.name = "INPUT/", .mode = 040755},
                                          {.name = "INPUT/full/", .mode = 040755},
                                          {.name = "INPUT/full/a"},
                                          {.name = "INPUT/empty/", .mode = 040755},
                                          {.name = "INPUT/empty.d/x"},
                                          {.name = "INPUT/deep/er/", .mode = 040755}}));
  EXPECT_THAT(outcome.empty_folders, ElementsAre("deep/er", "empty"));
}

TEST(ArchiveClients, TimesOfFiles) {
  using Record = artifacts::zip::Record;
  const auto second = [](std::int64_t s) { return std::optional(base::TimePoint(std::chrono::seconds(s))); };
  const std::string unix_times = Record().u16(0x5455).u16(5).bytes("\x01").u32(1593606896).text();
  const std::string ntfs_times =
      Record().u16(0x000A).u16(32).u32(0).u16(1).u16(24).u64(132380804960000000ULL).u64(0).u64(0).text();
  const std::uint32_t dos =
      (40U << 25) | (7U << 21) | (1U << 16) | (9U << 11) | (34U << 5) | 28U;  // 2020-07-01 09:34:56
  const Outcome outcome = read(build_zip({{.name = "unix", .extra = unix_times, .time = dos},
                                          {.name = "ntfs", .extra = ntfs_times, .time = dos},
                                          {.name = "both", .extra = ntfs_times + unix_times, .time = dos},
                                          {.name = "dos", .time = dos},
                                          {.name = "none"},
                                          {.name = "no date", .time = 0},
                                          {.name = "no month", .time = (40U << 25) | (15U << 21) | (1U << 16)}}));
  EXPECT_EQ(outcome.error, "");
  const auto none = std::optional<base::TimePoint>();
  EXPECT_THAT(outcome.times, ElementsAre(second(1593606896), second(1593606896), second(1593606896), second(1593596096),
                                         none, none, none));
}

TEST(ArchiveClients, ARefusalNamesTheMethodAndWhatToDo) {
  for (const auto& [method, name] : {std::pair(9, "Deflate64"),
                                     {12, "bzip2"},
                                     {14, "LZMA"},
                                     {93, "Zstandard"},
                                     {95, "xz"},
                                     {98, "PPMd"},
                                     {42, "method 42"}}) {
    const std::string error = read(build_zip({{.name = "ok"}, {.name = "a", .content = "x", .method = method}})).error;
    EXPECT_THAT(error, HasSubstr("entry 2 (a): it is compressed with " + std::string(name))) << error;
    EXPECT_THAT(error, HasSubstr("pack it with Deflate"));
  }
  EXPECT_THAT(read(build_zip({{.name = "a", .content = "x", .flags = 0x0801}})).error, HasSubstr("without a password"));
  EXPECT_THAT(read(build_zip({{.name = "ok"}, {.name = "d/a.csv", .content = "x", .crc = 1}})).error,
              HasSubstr("entry 2 (d/a.csv): "));
}

// libzip tries each end record in the last 64 KiB of what it may read.
TEST(ArchiveClients, AnArchiveWithinTheArchiveIsData) {
  const std::string empty = build_zip({});
  const std::string inner = build_zip({{.name = "inner"}});
  for (const std::string& content : {empty, inner, inner + empty + inner}) {
    const Outcome outcome = read(build_zip({{.name = "a.zip", .content = content}, {.name = "b"}}));
    EXPECT_EQ(outcome.error, "");
    EXPECT_THAT(outcome.files, ElementsAre("a.zip", "b"));
  }
}

// 2,900 end records that name a directory of 20,000 entries: 58 million entries for a reader that tries them all.
TEST(ArchiveClients, FakeEndRecordsCostNothing) {
  std::string fake;
  for (int i = 0; i < 20'000; ++i) fake += build_zip({{.name = "x", .no_local = true}}).substr(0, 47);
  const std::size_t size = fake.size();
  zip::Record record;
  record.u32(zip::kEnd).u16(0).u16(0).u16(20'000).u16(20'000).u32(size).u32(31).u16(0);
  for (int i = 0; i < 2'900; ++i) fake += record.text();
  const Outcome outcome = read(build_zip({{.name = "a", .content = fake}}));
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.files, ElementsAre("a"));
}

TEST(ArchiveClients, AnEndRecordInTheDirectoryIsRefused) {
  EXPECT_THAT(read(build_zip({{.name = "a", .extra = std::string("\x34\x12\x04\0PK\5\6", 8)}})).error,
              HasSubstr("its directory contains the mark of an end record"));
}

// Names with one value of the hash function that libzip uses.
TEST(ArchiveClients, NamesThatCollideAreRefused) {
  std::vector<ZipEntry> entries;
  for (unsigned i = 0; i < 64; ++i) {
    std::string name;
    for (unsigned bit = 0; bit < 6; ++bit) name += (i >> bit & 1U) != 0 ? "Ez" : "FY";
    entries.push_back({.name = name});
  }
  EXPECT_THAT(read(build_zip(entries)).error, HasSubstr("chosen to slow down a reader"));
}

// What libzip refuses has a reason of ours, with the entry.
TEST(ArchiveClients, WhatOnlyLibzipMindsHasAReason) {
  const std::string wide("\1\0\x10\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 20);
  EXPECT_THAT(read(build_zip({{.name = "a", .content = "x", .size = 0xFFFFFFFF, .extra = wide}})).error,
              HasSubstr("entry 1: its Zip64 field has more than it needs"));
}

}  // namespace
}  // namespace vbrain::artifacts
