#include "artifacts/archive/archive_reader.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <optional>

#include "base/text/digest.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vbrain::testing::build_zip;
using vbrain::testing::count_below;
using vbrain::testing::deflate_raw;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::ZipEntry;
using vbrain::testing::ZipShape;
using Kind = ArchiveError::Kind;

Fd in_memory(std::string_view bytes) {
  Fd fd(memfd_create("archive", MFD_CLOEXEC));
  write_all(fd.get(), bytes);
  return fd;
}

struct Outcome {
  std::optional<ArchiveError> error;
  std::vector<std::string> names;
  std::uint64_t bytes_written = 0;
};

// Inspects, then extracts into a new folder.
Outcome read(std::string_view bytes, const TempDir& target, const ArchiveLimits& limits = {}) {
  const Fd fd = in_memory(bytes);
  Outcome outcome;
  const auto listing = inspect(fd.get(), limits);
  if (!listing) {
    outcome.error = listing.error();
    return outcome;
  }
  const auto files = extract(*listing, fd.get(), Dir::open(target.path()));
  if (files) {
    for (const InputFile& file : *files) outcome.names.push_back(file.name);
  } else {
    outcome.error = files.error();
  }
  for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
    if (entry.is_regular_file()) outcome.bytes_written += entry.file_size();
  }
  return outcome;
}

TEST(ArchiveReader, ExtractsFilesAndFolders) {
  const TempDir target;
  const std::string large(300'000, 'x');
  const Outcome outcome =
      read(build_zip({{.name = "a.txt", .content = "stored"},
                      {.name = "d/", .mode = 040755},
                      {.name = "d/ção.csv", .content = large, .deflated = true},
                      {.name = "e/f/g.txt", .content = "deep", .deflated = true, .descriptor = true},
                      {.name = "empty"}}),
           target);
  ASSERT_FALSE(outcome.error) << outcome.error->reason;
  EXPECT_THAT(outcome.names, ElementsAre("a.txt", "d/ção.csv", "e/f/g.txt", "empty"));
  EXPECT_EQ(read_file(target / "a.txt"), "stored");
  EXPECT_EQ(read_file(target / "d/ção.csv"), large);
  EXPECT_EQ(read_file(target / "e/f/g.txt"), "deep");
  EXPECT_EQ(read_file(target / "empty"), "");
  EXPECT_EQ(vbrain::testing::mode_of(target / "e/f"), 02770U);
  EXPECT_EQ(vbrain::testing::mode_of(target / "a.txt"), 0660U);
}

TEST(ArchiveReader, ReportsSizesAndDigests) {
  const TempDir target;
  const Fd fd = in_memory(build_zip({{.name = "a", .content = "hello", .deflated = true}}));
  const auto listing = inspect(fd.get());
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->total_bytes, 5U);
  const auto files = extract(*listing, fd.get(), Dir::open(target.path()));
  ASSERT_TRUE(files);
  EXPECT_THAT(*files, ElementsAre(InputFile{"a", 5, base::sha256_hex("hello")}));
}

TEST(ArchiveReader, TakesLegalVariants) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"no entries", build_zip({})},
      {"comment", build_zip({{.name = "a"}}, {.comment = "made by hand"})},
      {"zip64", build_zip({{.name = "a", .content = "x"}}, {.zip64 = true})},
      {"no unix mode", build_zip({{.name = "a", .mode = 0}})},
      {"nested archive that ends in an end record",
       build_zip({{.name = "inner.zip", .content = build_zip({{.name = "b"}})}})},
      {"unknown extra field", build_zip({{.name = "a", .extra = std::string("\x55\x54\x01\x00\x07", 5)}})},
      {"name in UTF-8 without the flag", build_zip({{.name = "ção", .flags = 0}})},
  };
  for (const auto& [what, bytes] : cases) {
    const TempDir target;
    const Outcome outcome = read(bytes, target);
    EXPECT_FALSE(outcome.error) << what << ": " << outcome.error->reason;
  }
}

TEST(ArchiveReader, TakesTheUnicodePathOfInfoZip) {
  const std::string raw =
      "Opera\x87\xe4"
      "es.csv";  // code page 437
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(raw.data()), static_cast<uInt>(raw.size()));
  const std::string name = "Operações.csv";
  zip::Record extra;
  extra.u16(0x7075).u16(5 + name.size()).bytes("\x01").u32(crc).bytes(name);
  const TempDir target;
  const Outcome outcome = read(build_zip({{.name = raw, .flags = 0, .extra = extra.text()}}), target);
  ASSERT_FALSE(outcome.error) << outcome.error->reason;
  EXPECT_THAT(outcome.names, ElementsAre(name));
}

TEST(ArchiveReader, UnwrapsOneFolderInput) {
  const std::vector<std::pair<std::vector<ZipEntry>, std::vector<std::string>>> cases = {
      {{{.name = "INPUT/", .mode = 040755}, {.name = "INPUT/a"}, {.name = "INPUT/d/b"}}, {"a", "d/b"}},
      {{{.name = "Input/a"}}, {"a"}},
      {{{.name = "INPUT/", .mode = 040755}}, {}},
      {{{.name = "INPUT/INPUT/a"}}, {"INPUT/a"}},
      {{{.name = "INPUT"}}, {"INPUT"}},
      {{{.name = "INPUT/a"}, {.name = "b"}}, {"INPUT/a", "b"}},
      {{{.name = "INPUTS/a"}}, {"INPUTS/a"}},
  };
  for (const auto& [entries, want] : cases) {
    const TempDir target;
    EXPECT_EQ(read(build_zip(entries), target).names, want) << entries[0].name;
  }
}

struct HostileName {
  const char* what;
  std::vector<ZipEntry> entries;
};

TEST(ArchiveReader, RefusesHostileNames) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "d/";
  const std::vector<HostileName> cases = {
      {"parent", {{.name = "../x"}}},
      {"parent inside", {{.name = "a/../../x"}}},
      {"absolute", {{.name = "/etc/x"}}},
      {"drive", {{.name = "C:\\x"}}},
      {"drive with slash", {{.name = "c:/x"}}},
      {"unc", {{.name = "\\\\host\\x"}}},
      {"backslash parent", {{.name = "..\\x"}}},
      {"symlink", {{.name = "x", .content = "/etc/passwd", .mode = 0120777}}},
      {"file under a symlink", {{.name = "l", .content = "/etc", .mode = 0120777}, {.name = "l/x"}}},
      {"character device", {{.name = "x", .mode = 0020644}}},
      {"block device", {{.name = "x", .mode = 0060644}}},
      {"socket", {{.name = "x", .mode = 0140644}}},
      {"set-uid", {{.name = "x", .mode = 0104755}}},
      {"set-gid", {{.name = "x", .mode = 0102755}}},
      {"folder with content", {{.name = "x/", .content = "x", .mode = 040755}}},
      {"nul", {{.name = std::string("a\0b", 3)}}},
      {"newline", {{.name = "a\nb"}}},
      {"escape", {{.name = "a\x1b[31m"}}},
      {"c1 control", {{.name = "a\xc2\x85"}}},
      {"bidi", {{.name = "a\xe2\x80\xaegpj.exe"}}},
      {"bidi isolate", {{.name = "a\xe2\x81\xa6x"}}},
      {"line separator", {{.name = "a\xe2\x80\xa8x"}}},
      {"invalid utf-8", {{.name = "a\xff", .flags = 0x0800}}},
      {"overlong utf-8", {{.name = "a\xc0\xaf", .flags = 0x0800}}},
      {"surrogate", {{.name = "a\xed\xa0\x80", .flags = 0x0800}}},
      {"folder mode with content", {{.name = "x", .content = "x", .mode = 040755}}},
      {"300 byte component", {{.name = std::string(300, 'n')}}},
      {"depth 100", {{.name = deep + "x"}}},
      {"empty", {{.name = ""}}},
      {"only a slash", {{.name = "/", .mode = 040755}}},
      {"double slash", {{.name = "a//b"}}},
      {"duplicate", {{.name = "a"}, {.name = "a"}}},
      {"duplicate folder", {{.name = "a/", .mode = 040755}, {.name = "a/", .mode = 040755}}},
      {"composed and decomposed accent", {{.name = "caf\u00e9"}, {.name = "cafe\u0301"}}},
      {"file and folder", {{.name = "a"}, {.name = "a/b"}}},
      {"folder and file", {{.name = "a/b"}, {.name = "a"}}},
      {"folder entry and file", {{.name = "a/", .mode = 040755}, {.name = "a"}}},
  };
  for (const HostileName& c : cases) {
    const TempDir target;
    const Outcome outcome = read(build_zip(c.entries), target);
    ASSERT_TRUE(outcome.error) << c.what;
    EXPECT_EQ(outcome.error->kind, Kind::kInvalid) << c.what;
    EXPECT_FALSE(outcome.error->reason.empty());
    EXPECT_EQ(count_below(target.path()), 0U) << c.what << ": refused before anything is written";
  }
}

struct HostileArchive {
  const char* what;
  std::string bytes;
  Kind want = Kind::kInvalid;
};

std::string patched(std::string bytes, std::size_t at, std::string_view with) {
  return bytes.replace(at, with.size(), with);
}

TEST(ArchiveReader, RefusesHostileShapes) {
  const std::string plain = build_zip({{.name = "a", .content = "hello"}});
  const std::string inner = build_zip({{.name = "b", .content = "evil"}});
  const std::vector<HostileArchive> cases = {
      {"empty file", ""},
      {"text", "hello, world, this is not an archive"},
      {"cut", plain.substr(0, plain.size() - 1)},
      {"cut in front", plain.substr(1)},
      {"prefix", build_zip({{.name = "a"}}, {.prefix = "#!/bin/sh\n"})},
      {"prefix, offsets shifted", "#!/bin/sh\n" + plain},
      {"trailing junk", build_zip({{.name = "a"}}, {.suffix = "x"})},
      {"bytes before the directory", build_zip({{.name = "a"}}, {.before_directory = "gap"})},
      {"two archives", inner + plain},
      {"archive in the comment", build_zip({{.name = "a"}}, {.comment = inner})},
      {"end record in the comment", build_zip({{.name = "a"}}, {.comment = plain.substr(plain.size() - 22)})},
      {"two end records",
       [&] {
         std::string first = plain.substr(plain.size() - 22);
         first[20] = 22;  // its comment is the second one
         return plain.substr(0, plain.size() - 22) + first + plain.substr(plain.size() - 22);
       }()},
      {"two end records, one inside an entry",
       [&] {
         // An entry that contains an end record with a comment up to the end of the whole archive.
         std::string bytes = build_zip({{.name = "a", .content = plain.substr(plain.size() - 22)}});
         const std::size_t inside = 30 + 1;
         const std::size_t comment = bytes.size() - inside - 22;
         std::string record = plain.substr(plain.size() - 22);
         record[20] = static_cast<char>(comment);
         return build_zip({{.name = "a", .content = record}});
       }()},
      {"of two disks", build_zip({{.name = "a"}}, {.disk = 1})},
      {"entry on another disk", build_zip({{.name = "a", .disk = 1}})},
      {"fewer entries counted", build_zip({{.name = "a"}, {.name = "b"}}, {.count = 1})},
      {"more entries counted", build_zip({{.name = "a"}}, {.count = 2})},
      {"directory size wrong", build_zip({{.name = "a"}}, {.directory_size = 1})},
      {"directory offset wrong", build_zip({{.name = "a"}}, {.directory_offset = 0})},
      {"directory offset huge", build_zip({{.name = "a"}}, {.directory_offset = 0xFFFFFFF0})},
      {"zip64 count beyond the directory", build_zip({{.name = "a"}}, {.zip64 = true, .zip64_count = 60'000})},
      {"zip64 ten million entries", build_zip({{.name = "a"}}, {.zip64 = true, .zip64_count = 10'000'000}),
       Kind::kTooLarge},
      {"encrypted", build_zip({{.name = "a", .content = "x", .flags = 0x0801}})},
      {"strongly encrypted", build_zip({{.name = "a", .content = "x", .flags = 0x0840}})},
      {"method 99", build_zip({{.name = "a", .content = "x", .method = 99}})},
      {"method 12", build_zip({{.name = "a", .content = "x", .method = 12}})},
      {"local name differs", build_zip({{.name = "a", .local_name = "b"}})},
      {"local name is longer", build_zip({{.name = "a", .local_name = "a/b"}})},
      {"local size differs", build_zip({{.name = "a", .content = "x", .local_size = 7}})},
      {"no local header", build_zip({{.name = "a", .content = "x", .no_local = true}})},
      {"offset beyond the file", build_zip({{.name = "a", .offset = 0x7FFFFFFF}})},
      {"many entries on one local header",
       build_zip({{.name = "a", .content = "x"}, {.name = "b", .content = "x", .offset = 0, .no_local = true}})},
      {"same entry twice by offset",
       build_zip({{.name = "a", .content = "x"}, {.name = "a", .content = "x", .offset = 0, .no_local = true}})},
      {"entries overlap", build_zip({{.name = "a", .content = "x", .size = 40, .compressed = 40}, {.name = "b"}})},
      {"data beyond the directory", build_zip({{.name = "a", .content = "x", .size = 4000, .compressed = 4000}})},
      {"stored with two sizes", build_zip({{.name = "a", .content = "hello", .size = 6}})},
      {"deflated without data", build_zip({{.name = "a", .deflated = true, .size = 5, .compressed = 0, .data = ""}})},
      {"extra field damaged", build_zip({{.name = "a", .extra = std::string("\x01\x00\x08\x00\x00", 5)}})},
      {"zip64 field missing", build_zip({{.name = "a",
                                          .content = "x",
                                          .size = 0xFFFFFFFF,
                                          .extra = std::string("\x01\x00\x04\x00\x01\x02\x03\x04", 8)}})},
      {"descriptor contradicts",
       patched(build_zip({{.name = "a", .content = "hello", .descriptor = true}}), 30 + 1 + 5 + 4, "x")},
      {"gap where a descriptor would be",
       build_zip({{.name = "a", .content = "x"}}, {.before_directory = std::string("PK\7\10ABCDEFGHIJKL", 16)})},
  };
  for (const HostileArchive& c : cases) {
    const TempDir target;
    const Outcome outcome = read(c.bytes, target);
    ASSERT_TRUE(outcome.error) << c.what;
    EXPECT_EQ(outcome.error->kind, c.want) << c.what << ": " << outcome.error->reason;
    EXPECT_EQ(count_below(target.path()), 0U) << c.what << ": refused before anything is written";
  }
}

// Off by default: a table with constant columns or a sparse matrix inflates 400:1 and more.
TEST(ArchiveReader, TheRatioIsASetting) {
  const std::string mib(1U << 20, '\0');
  std::vector<ZipEntry> pieces;
  for (int i = 0; i < 40; ++i) pieces.push_back({.name = std::to_string(i), .content = mib, .deflated = true});
  const std::pair<const char*, std::string> cases[] = {
      {"one file", build_zip({{.name = "a", .content = std::string(3U << 20, '\0'), .deflated = true}})},
      {"small pieces", build_zip(pieces)}};
  for (const auto& [what, bytes] : cases) {
    const TempDir target;
    EXPECT_FALSE(read(bytes, target).error) << what;
    const TempDir empty;
    const Outcome refused = read(bytes, empty, {.ratio = 200});
    ASSERT_TRUE(refused.error) << what;
    EXPECT_EQ(refused.error->kind, Kind::kTooLarge) << what;
    EXPECT_EQ(refused.bytes_written, 0U);
  }
}

TEST(ArchiveReader, RefusesTheOverlapBomb) {
  // A small version of Fifield's quoting bomb: every entry's data is the rest of the file, 100 kB inflated each.
  const std::string kernel = deflate_raw(std::string(100'000, 'a'));
  std::vector<ZipEntry> entries = {{.name = "0", .deflated = true, .size = 100'000, .data = kernel}};
  for (int i = 1; i < 250; ++i) {
    entries.push_back({.name = std::to_string(i),
                       .deflated = true,
                       .size = 100'000,
                       .compressed = static_cast<std::int64_t>(kernel.size()),
                       .offset = 0,
                       .no_local = true});
  }
  const TempDir target;
  const Outcome outcome = read(build_zip(entries), target);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.bytes_written, 0U);
}

TEST(ArchiveReader, WritesNeverMoreThanDeclared) {
  const std::string content(10U << 20, 'x');
  const std::string data = deflate_raw(content, 0);
  const TempDir target;
  const Outcome outcome = read(build_zip({{.name = "a", .deflated = true, .size = 10, .data = data}}), target);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, Kind::kInvalid);
  EXPECT_LE(outcome.bytes_written, 10U);
}

TEST(ArchiveReader, RefusesDamagedData) {
  const std::string content = "hello hello hello hello";
  const std::string data = deflate_raw(content);
  const auto size = static_cast<std::int64_t>(content.size());
  const auto crc = static_cast<std::int64_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  const std::vector<std::pair<const char*, ZipEntry>> cases = {
      {"wrong checksum", {.name = "z", .content = content, .deflated = true, .crc = 1}},
      {"wrong checksum, stored", {.name = "z", .content = content, .crc = 1}},
      {"less than declared", {.name = "z", .deflated = true, .size = size + 1, .crc = crc, .data = data}},
      {"more than declared", {.name = "z", .deflated = true, .size = size - 1, .crc = crc, .data = data}},
      {"ends early", {.name = "z", .deflated = true, .size = size, .crc = crc, .data = data.substr(0, 5)}},
      {"bytes behind the stream",
       {.name = "z", .deflated = true, .size = size, .crc = crc, .data = data + std::string(20'000, 'x')}},
      {"no deflate stream", {.name = "z", .deflated = true, .size = size, .crc = crc, .data = "\xff\xff\xff\xff"}},
  };
  for (const auto& [what, entry] : cases) {
    const TempDir target;
    const Outcome outcome = read(build_zip({{.name = "good", .content = "x"}, entry}), target);
    ASSERT_TRUE(outcome.error) << what;
    EXPECT_EQ(outcome.error->kind, Kind::kInvalid) << what;
    EXPECT_LE(outcome.bytes_written, 1 + content.size() + 1) << what;
  }
}

TEST(ArchiveReader, KeepsToItsLimits) {
  const std::string bytes = build_zip({{.name = "a", .content = "12345"}, {.name = "b", .content = "12345"}});
  struct Case {
    const char* what;
    ArchiveLimits limits;
    bool want_refused;
  };
  const std::vector<Case> cases = {
      {"entries", {.entries = 1}, true},     {"entries", {.entries = 2}, false},
      {"all", {.inflated_bytes = 9}, true},  {"all", {.inflated_bytes = 10}, false},
      {"one file", {.file_bytes = 4}, true}, {"one file", {.file_bytes = 5}, false},
  };
  for (const Case& c : cases) {
    const TempDir target;
    const Outcome outcome = read(bytes, target, c.limits);
    EXPECT_EQ(outcome.error.has_value(), c.want_refused) << c.what;
    if (outcome.error) {
      EXPECT_EQ(outcome.error->kind, Kind::kTooLarge) << c.what;
    }
  }
}

TEST(ArchiveReader, TakesSixtyFiveThousandEntriesAndNoMore) {
  std::vector<ZipEntry> entries(65'535);
  for (std::size_t i = 0; i < entries.size(); ++i)
    entries[i].name = "d" + std::to_string(i % 100) + "/" + std::to_string(i);
  const Fd fd = in_memory(build_zip(entries));
  const auto listing = inspect(fd.get());
  ASSERT_TRUE(listing) << listing.error().reason;
  EXPECT_EQ(listing->entries.size(), 65'535U);
  entries.push_back({.name = "one more"});
  const Fd more = in_memory(build_zip(entries, {.zip64 = true}));
  EXPECT_EQ(inspect(more.get()).error().kind, Kind::kTooLarge);
}

TEST(ArchiveReader, ReasonsRepeatNothingOfTheInput) {
  const TempDir target;
  const Outcome outcome = read(build_zip({{.name = "ok"}, {.name = "../<script>"}}), target);
  EXPECT_EQ(outcome.error->reason, "entry 2: a name has a component . or ..; rename it and pack it again");
}

// Every truncation and every changed byte of a small archive is refused or read. It never crashes, and never writes
// more than declared.
TEST(ArchiveReader, SurvivesEveryMutation) {
  const std::string bytes =
      build_zip({{.name = "a", .content = "hello hello hello", .deflated = true, .descriptor = true},
                 {.name = "d/", .mode = 040755},
                 {.name = "d/b", .content = "stored"}},
                {.zip64 = true});
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string mutant = bytes;
      mutant[at] = static_cast<char>(mutant[at] ^ change);
      const TempDir target;
      EXPECT_LE(read(mutant, target, {.inflated_bytes = 1000}).bytes_written, 1001U);
    }
    const TempDir target;
    EXPECT_TRUE(read(bytes.substr(0, at), target).error) << at;
  }
}

TEST(EntryName, OneUploadedFile) {
  for (const char* name : {"dados.csv", "Planilha de ações (1).xlsx", "a'b\".json", ".hidden", "C:x", "con.csv"}) {
    EXPECT_EQ(check_entry_name(name, 255, 1), "") << name;
  }
  for (const char* name : {"../x", "a/b", "C:\\x", "", "a\r\nb", ".."}) {
    EXPECT_NE(check_entry_name(name, 255, 1), "") << name;
  }
}

}  // namespace
}  // namespace vbrain::artifacts
