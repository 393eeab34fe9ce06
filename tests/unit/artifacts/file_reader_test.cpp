#include "artifacts/raw_zip/file_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "artifacts/archive/archive_writer.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::artifacts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vbrain::testing::build_zip;
using vbrain::testing::deflate_raw;
using vbrain::testing::ZipEntry;

// An archive in memory with its reader.
struct Archive {
  explicit Archive(std::string_view bytes) : fd(memfd_create("archive", MFD_CLOEXEC)) {
    write_all(fd.get(), bytes);
    auto opened = FileReader::open(fd.get(), bytes.size());
    if (opened) reader = std::move(*opened);
    if (!opened) refused = opened.error().reason;
  }

  std::vector<std::string> names() {
    std::vector<std::string> found;
    const auto done = reader->each([&](const ArchiveEntry& file) { found.push_back(file.name); });
    if (!done) refused = done.error().reason;
    return found;
  }
  // The content of a file. "absent", or "refused: " and why, if there is none.
  std::string content(std::string_view name) {
    const auto file = reader->find(name);
    if (!file) return "refused: " + file.error().reason;
    if (!*file) return "absent";
    std::string text;
    const auto done = reader->read(**file, [&](std::string_view piece) { text.append(piece); });
    return done ? text : "refused: " + done.error().reason;
  }

  Fd fd;
  std::optional<FileReader> reader;
  std::string refused;
};

std::string sealed(const std::vector<std::pair<std::string, std::string>>& files, std::uint64_t wide_from) {
  std::string bytes;
  ArchiveWriter writer([&](std::string_view piece) { bytes.append(piece); }, Compression::kFast, wide_from);
  writer.add_folder("folder", base::TimePoint());
  for (const auto& [name, content] : files) {
    const Fd fd(memfd_create("file", MFD_CLOEXEC));
    write_all(fd.get(), content);
    writer.add(name, fd.get(), content.size(), base::TimePoint());
  }
  writer.finish();
  return bytes;
}

std::string noise(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return text;
}

TEST(FileReader, ReadsWhatARunnerSeals) {
  const std::string large(3'000'000, 'l');
  const std::string stored = noise(1'000'000);
  for (const std::uint64_t wide_from : {std::uint64_t{0xFF000000}, std::uint64_t{100'000}}) {
    Archive archive(sealed({{"a.csv", "x,y\n1,2\n"},
                            {"folder/empty", ""},
                            {"folder/large.txt", large},
                            {"noise.bin", stored},
                            {"relatório.txt", "é"}},
                           wide_from));
    EXPECT_THAT(archive.names(),
                ElementsAre("a.csv", "folder/empty", "folder/large.txt", "noise.bin", "relatório.txt"));
    EXPECT_EQ(archive.content("a.csv"), "x,y\n1,2\n");
    EXPECT_EQ(archive.content("folder/empty"), "");
    EXPECT_TRUE(archive.content("folder/large.txt") == large);
    EXPECT_TRUE(archive.content("noise.bin") == stored);
    EXPECT_FALSE(archive.reader->find("noise.bin").value()->deflated);
    EXPECT_EQ(archive.content("relatório.txt"), "é");
    for (const char* name : {"folder", "folder/", "A.csv", "a.cs", "", "./a.csv", "/a.csv", "folder//empty"}) {
      EXPECT_EQ(archive.content(name), "absent") << name;
    }
  }
}

TEST(FileReader, HasNoEntryThatIsNoPlainFile) {
  const std::string nul("n\0ul", 4);
  ZipEntry code_page{.name = "caf\x82", .content = "x"};
  code_page.flags = 0;
  Archive archive(build_zip({{.name = "good", .content = "x"},
                             {.name = "../up", .content = "x"},
                             {.name = "a/../b", .content = "x"},
                             {.name = "/absolute", .content = "x"},
                             {.name = nul, .content = "x"},
                             {.name = "back\\slash", .content = "x"},
                             {.name = "C:/drive", .content = "x"},
                             {.name = "not\xff"
                                      "utf8",
                              .content = "x"},
                             code_page,
                             {.name = "./here", .content = "x"},
                             {.name = "link", .content = "good", .mode = 0120777},
                             {.name = "device", .mode = 0020666},
                             {.name = "secret", .content = "x", .flags = 0x0801},
                             {.name = "folder/", .mode = 0040755},
                             {.name = "twice", .content = "1"},
                             {.name = "twice", .content = "2"},
                             {.name = "last", .content = "x"}}));
  EXPECT_THAT(archive.names(), ElementsAre("good", "last"));
  EXPECT_EQ(archive.content("good"), "x");
  for (const std::string& name :
       {std::string("../up"), std::string("a/../b"), std::string("/absolute"), nul, std::string("n"),
        std::string("back\\slash"), std::string("back/slash"), std::string("C:/drive"),
        std::string("not\xff"
                    "utf8"),
        std::string("caf\x82"), std::string("café"), std::string("./here"), std::string("here"), std::string("link"),
        std::string("device"), std::string("secret"), std::string("folder/"), std::string("folder"),
        std::string("twice")}) {
    EXPECT_EQ(archive.content(name), "absent") << name;
  }
}

TEST(FileReader, RefusesDamagedEntries) {
  const std::string text(100'000, 't');
  std::string cut = deflate_raw(text);
  cut.resize(cut.size() / 2);
  const struct {
    ZipEntry entry;
    const char* want;
  } cases[] = {
      {{.name = "f", .content = text, .deflated = true, .crc = 1}, "size and checksum"},
      {{.name = "f", .content = text, .deflated = true, .size = 99'999}, "larger than"},
      {{.name = "f", .content = text, .deflated = true, .size = 100'001}, "size and checksum"},
      {{.name = "f", .content = text, .deflated = true, .size = 10}, "larger than"},
      {{.name = "f", .content = text, .deflated = true, .data = cut}, "size and checksum"},
      {{.name = "f", .content = text, .deflated = true, .data = deflate_raw(text) + "more"}, "bytes behind"},
      {{.name = "f", .content = text, .deflated = true, .data = "no deflate data"}, "the data of an entry"},
      {{.name = "f", .content = text, .crc = 1}, "size and checksum"},
      {{.name = "f", .content = text, .local_name = "g"}, "differ"},
      {{.name = "f", .content = text, .offset = 1}, "no local header"},
      {{.name = "f", .content = text, .offset = 90'000'000}, "cut short"},
      {{.name = "f", .content = "x", .size = 200, .compressed = 200}, "reach into the directory"},
  };
  for (const auto& c : cases) {
    Archive archive(build_zip({c.entry, {.name = "other", .content = "whole"}}));
    EXPECT_THAT(archive.content("f"), HasSubstr(std::string("refused: "))) << c.want;
    EXPECT_THAT(archive.content("f"), HasSubstr(c.want));
    EXPECT_EQ(archive.content("other"), "whole") << "a file beside it: " << c.want;
  }
}

TEST(FileReader, NeverGivesMoreThanTheDeclaredSize) {
  const std::string bomb(20U << 20, '\0');
  Archive archive(build_zip({{.name = "bomb", .content = "1234", .deflated = true, .data = deflate_raw(bomb)}}));
  const auto file = archive.reader->find("bomb");
  std::uint64_t given = 0;
  EXPECT_FALSE(archive.reader->read(**file, [&](std::string_view piece) { given += piece.size(); }));
  EXPECT_LE(given, 4u);
}

TEST(FileReader, RefusesWhatIsNoArchive) {
  EXPECT_THAT(Archive("PK..").refused, HasSubstr("not a ZIP"));
  EXPECT_THAT(Archive(std::string(100, 'x')).refused, HasSubstr("not a ZIP"));
  Archive fewer(build_zip({{.name = "a"}, {.name = "b"}}, {.count = 1}));
  fewer.names();
  EXPECT_THAT(fewer.refused, HasSubstr("more than the entries it counts"));
  Archive more(build_zip({{.name = "a"}}, {.count = 2}));
  more.names();
  EXPECT_THAT(more.refused, HasSubstr("the directory is damaged"));
}

TEST(FileReader, ReadsADirectoryOfManyPieces) {
  std::vector<ZipEntry> entries;
  for (int i = 0; i < 20'000; ++i) {
    entries.push_back({.name = std::string(100, 'n') + std::to_string(i), .content = std::to_string(i)});
  }
  Archive archive(build_zip(entries));
  EXPECT_EQ(archive.names().size(), 20'000u);
  for (const int i : {0, 1, 1'789, 9'999, 19'999}) {
    EXPECT_EQ(archive.content(std::string(100, 'n') + std::to_string(i)), std::to_string(i));
  }
}

}  // namespace
}  // namespace vbrain::artifacts
