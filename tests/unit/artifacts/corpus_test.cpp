// The archives of tests/corpus, made once by writers that are heavy to install.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "artifacts/archive/archive_reader.hpp"
#include "support/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;

TEST(Corpus, IsRead) {
  const Dir corpus = Dir::open(VBRAIN_CORPUS);
  int archives = 0;
  for (const Dir::Entry& entry : corpus.list()) {
    if (!entry.name.ends_with(".zip")) continue;
    ++archives;
    const auto archive = corpus.open_file(entry.name);
    const auto listing = inspect(archive->fd.get(), {.code_page = CodePage::k850});
    ASSERT_TRUE(listing) << entry.name << ": " << listing.error().reason;
    const TempDir target;
    const auto files = extract(*listing, archive->fd.get(), Dir::open(target.path()));
    ASSERT_TRUE(files) << entry.name << ": " << files.error().reason;
    const std::map<std::string, std::string> want = {
        {"n.csv", "1,2\n"}, {"relatório.csv", "a;b\n"}, {"d/zeros.bin", std::string(20'000, '\0')}, {"d/none.csv", ""}};
    for (const auto& [name, content] : want) {
      ASSERT_TRUE(fs::exists(target / name)) << entry.name << " has " << name;
      EXPECT_EQ(read_file(target / name), content) << entry.name << " " << name;
    }
    // fflate writes no folders when it streams.
    EXPECT_EQ(fs::is_directory(target / "empty"), entry.name != "fflate-stream.zip") << entry.name;
    EXPECT_EQ(listing->notes.empty(), entry.name != "java-ibm850.zip") << entry.name;
  }
  EXPECT_GT(archives, 8);
}

}  // namespace
}  // namespace vbrain::artifacts
