#include "artifacts/archive/archive_spool.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "artifacts/archive/archive_writer.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::build_zip;
using vbrain::testing::TempDir;
using vbrain::testing::ZipEntry;
using vbrain::testing::ZipShape;

// What became of an archive: the files with content, digest and time, or the refusal.
struct Outcome {
  std::map<std::string, std::string> files;
  std::string refusal;
  bool operator==(const Outcome&) const = default;
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Outcome outcome_of(const std::vector<InputFile>& files, const fs::path& target) {
  Outcome outcome;
  for (const InputFile& file : files) {
    const fs::path path = target / file.name;
    outcome.files[file.name] = content_of(path) + "|" + std::to_string(file.bytes) + "|" + file.sha256 + "|" +
                               std::to_string(file.modified ? file.modified->time_since_epoch().count() : 0) + "|" +
                               std::to_string(file.modified ? fs::last_write_time(path).time_since_epoch().count() : 0);
  }
  return outcome;
}

// As before there were pieces: all of the archive in one file.
Outcome unpack_whole(const std::string& archive) {
  const TempDir folder;
  const Dir root = Dir::open(folder.path());
  const auto target = root.make_new("target");
  const Fd file = make_unnamed_file(root);
  write_all(file.get(), archive);
  const auto listing = inspect(file.get());
  if (!listing) return {.files = {}, .refusal = listing.error().reason};
  const auto files = extract(*listing, file.get(), *target);
  if (!files) return {.files = {}, .refusal = files.error().reason};
  return outcome_of(*files, fs::path(folder.path()) / "target");
}

// `piece`: how many bytes come at a time.
Outcome unpack_in_pieces(const std::string& archive, std::size_t piece, std::size_t* pieces = nullptr) {
  const TempDir folder;
  const Dir root = Dir::open(folder.path());
  const auto target = root.make_new("target");
  const auto staged = root.make_new("staged");
  ArchiveSpool spool(root, *staged, 1);
  for (std::size_t at = 0; at < archive.size(); at += piece) spool.write(std::string_view(archive).substr(at, piece));
  if (pieces != nullptr) *pieces = spool.pieces();
  const auto unpacked = spool.unpack({}, *target);
  if (!unpacked) return {.files = {}, .refusal = unpacked.error().reason};
  EXPECT_TRUE(staged->list().empty()) << "a piece stayed behind";
  return outcome_of(unpacked->files, fs::path(folder.path()) / "target");
}

std::vector<std::string> archives() {
  const std::string text(3000, 't');
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(i * 7 % 251);
  const ZipEntry one{.name = "a.bin", .content = bytes};
  const ZipEntry two{.name = "folder/b.txt", .content = text, .deflated = true};
  const ZipEntry three{.name = "folder/c.bin", .content = "c" + bytes, .time = (30U << 25) | (5U << 21) | (7U << 16)};
  // A whole archive within a stored entry, with an end record of its own.
  const std::string inner = build_zip({one, two});
  const auto with = [](ZipEntry entry, auto change) {
    change(entry);
    return entry;
  };
  return {
      build_zip({}),
      build_zip({one}),
      build_zip({one, two, three}),
      build_zip({two, one, {.name = "empty.txt"}, {.name = "f/", .mode = 040755}}),
      build_zip({{.name = "inner.zip", .content = inner}, three}),
      build_zip({three, {.name = "inner.zip", .content = inner}}),
      build_zip({{.name = "INPUT/a", .content = bytes}, {.name = "INPUT/b", .content = text}}),
      build_zip({one, {.name = "__MACOSX/._a.bin", .content = bytes}}),
      build_zip({one, three}, {.comment = "a comment"}),
      build_zip({one, three}, {.zip64 = true}),
      build_zip({one}, {.suffix = std::string(100, '\0')}),
      build_zip({one}, {.prefix = "PK00"}),
      build_zip({one}, {.prefix = "prefix"}),
      build_zip({one}, {.before_directory = "gap"}),
      build_zip({one, one}),
      build_zip({with(one, [](ZipEntry& e) { e.crc = 7; }), three}),
      build_zip({with(one, [](ZipEntry& e) { e.size = 4000; }), three}),
      build_zip({with(one, [](ZipEntry& e) { e.local_size = 4000; }), three}),
      build_zip({with(one, [](ZipEntry& e) { e.size = e.compressed = 900'000; }), three}),
      build_zip({with(one, [](ZipEntry& e) { e.descriptor = true; }), three}),
      build_zip({one, with(three, [](ZipEntry& e) { e.offset = 40; })}),
      build_zip({with(one, [](ZipEntry& e) { e.local_name = "b.bin"; })}),
      build_zip({with(one, [](ZipEntry& e) { e.name = "../a"; }), three}),
      build_zip({with(one, [](ZipEntry& e) { e.method = 99; }), three}),
      build_zip({one, three}).substr(0, 4000),
      build_zip({one, three}).substr(0, 5500),
      "no archive at all",
      "",
  };
}

TEST(ArchiveSpool, UnpacksAllAsIfTheArchiveWereOneFile) {
  std::size_t divided = 0;
  for (const std::string& archive : archives()) {
    const Outcome want = unpack_whole(archive);
    for (const std::size_t piece : {std::size_t{17}, std::size_t{4096}}) {
      std::size_t pieces = 0;
      EXPECT_EQ(unpack_in_pieces(archive, piece, &pieces), want) << want.refusal << ", " << piece;
      divided += pieces;
    }
  }
  EXPECT_GT(divided, 25U);
}

TEST(ArchiveSpool, UnpacksEveryMutationAsIfTheArchiveWereOneFile) {
  std::mt19937 random(11);
  const std::string inner = build_zip({{.name = "x", .content = "xyz"}});
  const std::string good = build_zip({{.name = "a.bin", .content = "some bytes"},
                                      {.name = "b.zip", .content = inner},
                                      {.name = "c.txt", .content = std::string(300, 'c'), .deflated = true}});
  for (int round = 0; round < 250; ++round) {
    std::string bad = good;
    for (int i = 0; i < 1 + round % 3; ++i) bad[random() % bad.size()] = static_cast<char>(random());
    EXPECT_EQ(unpack_in_pieces(bad, 64), unpack_whole(bad)) << round;
  }
}

TEST(ArchiveSpool, DataOfStoredEntriesAreWrittenOnce) {
  const std::string bytes(2U << 20, 'x');
  const std::string archive = build_zip({{.name = "a.bin", .content = bytes}, {.name = "b.bin", .content = bytes}});
  const TempDir folder;
  const Dir root = Dir::open(folder.path());
  const auto target = root.make_new("target");
  const auto staged = root.make_new("staged");
  ArchiveSpool spool(root, *staged);
  spool.write(archive);
  std::map<ino_t, std::uint64_t> pieces;
  for (const Dir::Entry& entry : staged->list()) pieces[staged->status(entry.name)->st_ino] = 0;
  EXPECT_EQ(pieces.size(), 2U);
  const auto unpacked = spool.unpack({}, *target);
  ASSERT_TRUE(unpacked);
  for (const InputFile& file : unpacked->files) {
    EXPECT_EQ(pieces.count(target->status(file.name)->st_ino), 1U) << file.name << " was copied";
  }
}

TEST(ArchiveSpool, SmallEntriesStayInTheArchive) {
  const std::string archive = build_zip({{.name = "a.bin", .content = std::string(1000, 'x')}});
  const TempDir folder;
  const Dir root = Dir::open(folder.path());
  const auto staged = root.make_new("staged");
  ArchiveSpool spool(root, *staged);
  spool.write(archive);
  EXPECT_EQ(spool.pieces(), 0U);
}

}  // namespace
}  // namespace vbrain::artifacts
