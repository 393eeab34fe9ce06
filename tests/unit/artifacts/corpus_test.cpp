// The archives and workbooks of tests/corpus, made once by writers that are heavy to install.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>

#include "artifacts/archive/archive_reader.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;

TEST(Corpus, ArchivesAreRead) {
  const std::map<std::string, std::string> want = {
      {"n.csv", "1,2\n"}, {"relatório.csv", "a;b\n"}, {"d/zeros.bin", std::string(20'000, '\0')}, {"d/none.csv", ""}};
  const std::set<std::string> no_folders = {"fflate-stream.zip", "minizip.zip", "minizip-stored.zip"};
  const std::set<std::string> in_code_page = {"java-ibm850.zip"};
  const std::set<std::string> no_times = {"fflate.zip", "go-raw-nonutf8.zip", "go-stream.zip"};
  int archives = 0;
  for (const fs::path& path : fs::recursive_directory_iterator(VBRAIN_CORPUS "/archives")) {
    if (path.extension() != ".zip" || path.parent_path().filename() == "refused") continue;
    SCOPED_TRACE(path);
    ++archives;
    const std::string archive_name = path.filename();
    const auto archive = Dir::open(path.parent_path()).open_file(archive_name);
    const auto listing = inspect(archive->fd.get(), {.code_page = CodePage::k850});
    ASSERT_TRUE(listing) << listing.error().reason;
    const TempDir target;
    const auto files = extract(*listing, archive->fd.get(), Dir::open(target.path()));
    ASSERT_TRUE(files) << files.error().reason;
    for (const auto& [name, content] : want) {
      ASSERT_TRUE(fs::exists(target / name)) << name;
      EXPECT_EQ(read_file(target / name), content) << name;
    }
    struct stat found {};
    ASSERT_EQ(stat((target / "n.csv").c_str(), &found), 0);
    if (!no_times.contains(archive_name)) {
      EXPECT_EQ(found.st_mtime, 1593606896);
    }
    EXPECT_EQ(fs::is_directory(target / "empty"), !no_folders.contains(archive_name));
    EXPECT_EQ(listing->notes.empty(), !in_code_page.contains(archive_name));
  }
  EXPECT_GT(archives, 20);
}

TEST(Corpus, EncryptedArchivesAreRefused) {
  const Dir corpus = Dir::open(VBRAIN_CORPUS "/archives/refused");
  for (const char* name : {"zip4j-aes.zip", "minizip-password.zip"}) {
    const auto archive = corpus.open_file(name);
    const auto listing = inspect(archive->fd.get());
    ASSERT_FALSE(listing) << name;
    EXPECT_THAT(listing.error().reason, HasSubstr("entry 1 (n.csv): it is encrypted; pack it without a password"))
        << name;
  }
}

TEST(Corpus, WorkbooksAreTaken) {
  const Dir corpus = Dir::open(VBRAIN_CORPUS "/workbooks");
  int workbooks = 0;
  for (const Dir::Entry& entry : corpus.list()) {
    if (!entry.name.ends_with(".xlsx")) continue;
    ++workbooks;
    const auto checked = check_xlsx(corpus.open_file(entry.name)->fd.get());
    EXPECT_TRUE(checked) << entry.name << ": " << (checked ? "" : checked.error().reason);
  }
  EXPECT_GT(workbooks, 9);
}

}  // namespace
}  // namespace vbrain::artifacts
