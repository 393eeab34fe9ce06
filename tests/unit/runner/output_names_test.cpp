// One rule for names on both sides: an output that the runner seals is an archive that the api-server takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <random>

#include "artifacts/archive/archive_reader.hpp"
#include "runner/seal/seal.hpp"
#include "support/cpp/file_tree.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using artifacts::Dir;
using ::testing::HasSubstr;
using vbrain::testing::TempDir;
using vbrain::testing::tree_of;
using vbrain::testing::write_file;

Result<SealedOutput, std::string> seal(const TempDir& temp) {
  fs::create_directories(temp / "attempt");
  return seal_output(Dir::open(temp / "work"), Dir::open(temp / "attempt"), 1U << 30);
}

void expect_taken(const TempDir& temp) {
  const Dir attempt = Dir::open(temp / "attempt");
  const auto archive = attempt.open_file("output.zip");
  ASSERT_TRUE(archive);
  const auto listing = artifacts::inspect(archive->fd.get());
  ASSERT_TRUE(listing) << listing.error().reason;
  EXPECT_TRUE(listing->notes.empty());
  const auto files = artifacts::extract(*listing, archive->fd.get(), attempt.make("again"));
  ASSERT_TRUE(files) << files.error().reason;
  const fs::path output = temp / "work/output";
  if (!fs::exists(output)) return;
  EXPECT_EQ(tree_of(temp / "attempt/again"), tree_of(output));
}

TEST(OutputNames, WhatIsSealedIsTakenAsInput) {
  // Harmless ones, and a few that cannot be in an archive.
  const std::vector<std::string> pieces = {
      "a", "A",   "aux",  "NUL.csv", "a:b", "C:",   " ",      ".",      "é",        "e\u0301",   "日本",
      "🎉", "\"",  "$(x)", "*?|",     "~",   "-rf",  "x ",     "\u200e", "\u200f",   "\u061c",    "\ufeff",
      "ß", "%2F", "b",    "c",       "d",   "e",    ".csv",   "data",   "Data.csv", "README.md", "1",
      "2", "3",   "4",    "\\",      "\n",  "\xff", "\u202e", "\u2028"};
  int sealed_ones = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const TempDir temp;
    std::vector<std::string> folders = {temp / "work/output/"};
    fs::create_directories(folders[0]);
    for (int i = 0; i < 8; ++i) {
      const std::size_t choice = seed % 3 == 0 ? pieces.size() : pieces.size() - 5;
      const std::string name = pieces[random() % choice] + pieces[random() % choice];
      if (name == "..") continue;
      const std::string path = folders[random() % folders.size()] + name;
      if (fs::exists(path)) continue;
      if (random() % 3 == 0) {
        fs::create_directory(path);
        folders.push_back(path + "/");
      } else {
        write_file(path, name);
      }
    }
    const auto sealed = seal(temp);
    ASSERT_TRUE(sealed) << sealed.error();
    if (!sealed->left_out.empty()) fs::remove_all(temp / "work/output");  // what is left out is not compared
    sealed_ones += sealed->left_out.empty() ? 1 : 0;
    expect_taken(temp);
  }
  EXPECT_GT(sealed_ones, 25);
}

TEST(OutputNames, NamesThatOnlyOtherSystemsReserveAreSealed) {
  const TempDir temp;
  fs::create_directories(temp / "work/output/empty/folder");
  for (const char* name : {"aux.csv", "NUL.csv", "a:b.csv", "C:x", "Data.csv", "data.csv"}) {
    write_file(temp / ("work/output/" + std::string(name)), name);
  }
  const auto sealed = seal(temp);
  ASSERT_TRUE(sealed) << sealed.error();
  EXPECT_EQ(sealed->files_total, 6U);
  expect_taken(temp);
}

TEST(OutputNames, NamesThatCannotBeInAnArchiveAreLeftOutAndNamed) {
  const struct {
    const char* name;
    const char* want;
  } cases[] = {
      {"a\nb", "a name has a control character"},
      {"a\\b", "a name has a backslash"},
      {"a\xe2\x80\xae"
       "b",
       "changes the direction"},
      {"C:/x", "a name starts with a drive letter"},
  };
  for (const auto& c : cases) {
    const TempDir temp;
    const fs::path path = temp / ("work/output/" + std::string(c.name));
    fs::create_directories(path.parent_path());
    write_file(path.string(), "x");
    const auto sealed = seal(temp);
    ASSERT_TRUE(sealed) << sealed.error();
    EXPECT_EQ(sealed->files_total, 0U) << c.name;
    EXPECT_THAT(sealed->left_out.text(), HasSubstr(c.want)) << c.name;
  }
  const TempDir temp;
  fs::create_directories(temp / "work/output");
  write_file(temp / "work/output/caf\u00e9", "x");
  write_file(temp / "work/output/cafe\u0301", "x");
  const auto sealed = seal(temp);
  ASSERT_TRUE(sealed) << sealed.error();
  EXPECT_EQ(sealed->files_total, 1U);
  EXPECT_THAT(sealed->left_out.text(), HasSubstr("Unicode normalization"));
}

}  // namespace
}  // namespace vbrain::runner
