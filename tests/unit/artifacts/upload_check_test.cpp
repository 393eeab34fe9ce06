// Checks that an uploaded file matches its extension.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "artifacts/archive/archive_reader.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::artifacts {
namespace {

using vbrain::testing::build_zip;

Fd in_memory(std::string_view bytes) {
  Fd fd(memfd_create("upload", MFD_CLOEXEC));
  write_all(fd.get(), bytes);
  return fd;
}

TEST(Uploads, AreWhatTheirNamesSay) {
  const std::string workbook =
      build_zip({{.name = "[Content_Types].xml", .content = "<x/>"},
                 {.name = "xl/s.xml", .content = std::string(2U << 20, '0'), .deflated = true}});
  EXPECT_TRUE(check_xlsx(in_memory(workbook).get())) << "its ratio does not matter";
  EXPECT_FALSE(check_xlsx(in_memory(build_zip({{.name = "a"}})).get()));
  EXPECT_FALSE(check_xlsx(in_memory("a,b").get()));
  EXPECT_TRUE(check_csv(in_memory("a,b\n1,2\n").get()));
  EXPECT_FALSE(check_csv(in_memory(std::string("a\0b", 3)).get()));
  EXPECT_FALSE(check_csv(in_memory(std::string(200'000, 'a') + '\0').get())) << "far behind";
  for (const char* bytes :
       {"PK\x03\x04 rest", "PK\x05\x06 rest", "\x1f\x8b rest", "%PDF-1.7\n", "\x89PNG\r\n", "\xd0\xcf\x11\xe0 rest",
        "\xff\xd8\xff rest", "7z\xbc\xaf\x27\x1c rest", "Rar!\x1a\x07 rest",
        "\x7f"
        "ELF rest"}) {
    EXPECT_FALSE(check_csv(in_memory(bytes).get())) << bytes;
  }
  for (const std::string_view bytes :
       {std::string_view("\0\0\xfe\xff\0\0\0a", 8), std::string_view("\xff\xfe\0\0a\0\0\0", 8)}) {
    const auto checked = check_csv(in_memory(bytes).get());
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().reason, "the file is UTF-32 (byte 0 begins a byte order mark); save it as UTF-8");
  }
  for (const char* bytes : {"", "P", "PK", "PK,id\n", "%PDF\n", "Rar!,7z\n", "BZh;1\n", "MSCF;2\n",
                            "\xef\xbb\xbf"
                            "a;b\n",
                            "a\xe7\xe3o;1\n"}) {
    EXPECT_TRUE(check_csv(in_memory(bytes).get())) << bytes;
  }
  EXPECT_FALSE(check_json(in_memory(build_zip({{.name = "a"}})).get()));
  EXPECT_FALSE(check_xlsx(in_memory("").get()));
  EXPECT_TRUE(check_json(in_memory("\xEF\xBB\xBF{\"a\":[1]}").get()));
  EXPECT_FALSE(check_json(in_memory("{\"a\":").get()));
  EXPECT_FALSE(check_json(in_memory("").get()));
}

}  // namespace
}  // namespace vbrain::artifacts
