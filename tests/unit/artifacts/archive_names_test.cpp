// Limits on the memory that the names of an archive may use.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "artifacts/archive/archive_reader.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::artifacts {
namespace {

using vbrain::testing::build_zip;
using vbrain::testing::ZipEntry;
using Kind = ArchiveError::Kind;

Fd in_memory(std::string_view bytes) {
  Fd fd(memfd_create("archive", MFD_CLOEXEC));
  write_all(fd.get(), bytes);
  return fd;
}

TEST(ArchiveNames, BoundsTheBytesOfAllNamesTogether) {
  // 8 MiB in names of 1,000 bytes.
  const std::string folders = std::string(250, 'a') + "/" + std::string(250, 'b') + "/" + std::string(250, 'c') + "/";
  std::vector<ZipEntry> entries(8'390);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string number = std::to_string(i);
    entries[i].name = folders + std::string(1'000 - folders.size() - number.size(), 'n') + number;
  }
  const Fd over = in_memory(build_zip(entries));
  const auto refused = inspect(over.get());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::kTooLarge);
  entries.resize(8'380);
  EXPECT_TRUE(inspect(in_memory(build_zip(entries)).get()));
}

// A name in an extra field counts with its own length, even if the name in the header is short.
TEST(ArchiveNames, CountsTheUnicodePathOfInfoZip) {
  ZipEntry entry{.name = "a"};
  artifacts::zip::Record path;
  const std::string name(200, 'u');
  path.u16(zip::kUnicodePathExtra).u16(5 + name.size());
  path.bytes("\1").u32(crc32(0, reinterpret_cast<const Bytef*>("a"), 1)).bytes(name);
  entry.extra = path.text();
  const Fd fd = in_memory(build_zip({entry}));
  EXPECT_TRUE(inspect(fd.get(), {.names_bytes = 200}));
  const auto refused = inspect(fd.get(), {.names_bytes = 199});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::kTooLarge);
}

// Each implied folder would be created on the volume and kept in memory, so it counts as an entry.
TEST(ArchiveNames, BoundsTheFoldersThatNamesImply) {
  std::vector<ZipEntry> entries(100);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string number = std::to_string(i);
    entries[i].name = number + "/b/c/d/e/f";
  }
  const Fd fd = in_memory(build_zip(entries));
  EXPECT_TRUE(inspect(fd.get(), {.entries = 300}));
  const auto refused = inspect(fd.get(), {.entries = 299});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::kTooLarge);
}

}  // namespace
}  // namespace vbrain::artifacts
