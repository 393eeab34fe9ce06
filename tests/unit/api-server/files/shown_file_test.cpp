#include "api-server/files/shown_file.hpp"

#include <gtest/gtest.h>

#include "api-server/files/file_list.hpp"

namespace vbrain::api {
namespace {

TEST(ShownFile, OpensOnlyWhatRunsNoScript) {
  const struct {
    std::string_view name, media_type;
    bool opens;
  } cases[] = {
      {"a.csv", "text/csv; charset=utf-8", true},
      {"folder.d/A.CSV", "text/csv; charset=utf-8", true},
      {"stdout.log", "text/plain; charset=utf-8", true},
      {"a.html.txt", "text/plain; charset=utf-8", true},
      {"plot.png", "image/png", true},
      {"photo.JPEG", "image/jpeg", true},
      {"a.json", "application/json", true},
      {"a.html", "application/octet-stream", false},
      {"a.HTM", "application/octet-stream", false},
      {"a.xhtml", "application/octet-stream", false},
      {"a.svg", "application/octet-stream", false},
      {"a.xml", "application/octet-stream", false},
      {"a.xsl", "application/octet-stream", false},
      {"a.pdf", "application/octet-stream", false},
      {"a.js", "application/octet-stream", false},
      {"a.mjs", "application/octet-stream", false},
      {"a.csv.html", "application/octet-stream", false},
      {"a.csv ", "application/octet-stream", false},
      {"a.", "application/octet-stream", false},
      {"csv", "application/octet-stream", false},
      {"a.csv/b", "application/octet-stream", false},
      {"", "application/octet-stream", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(shown_as(c.name).media_type, c.media_type) << c.name;
    EXPECT_EQ(shown_as(c.name).opens, c.opens) << c.name;
  }
}

TEST(ShownFile, NamesTheFileForABrowser) {
  const struct {
    std::string_view name, want;
  } cases[] = {
      {"a.csv", R"(inline; filename="a.csv")"},
      {"folder/a-b_c.1.bin", R"(attachment; filename="a-b_c.1.bin")"},
      {"a.html", R"(attachment; filename="a.html")"},
      {"é \"x\".csv", R"(inline; filename="____x_.csv"; filename*=UTF-8''%C3%A9%20%22x%22.csv)"},
      {"a;b,c=d", R"(attachment; filename="a_b_c_d"; filename*=UTF-8''a%3Bb%2Cc%3Dd)"},
  };
  for (const auto& c : cases) EXPECT_EQ(disposition_of(c.name), c.want);
}

TEST(ShownFile, DecodesAPathOnceAndChecksIt) {
  const struct {
    std::string_view rest, want;
  } cases[] = {
      {"a.csv", "a.csv"},         {"a/b.csv", "a/b.csv"}, {"a%2Fb.csv", "a/b.csv"},
      {"100%25.txt", "100%.txt"}, {"%2541", "%41"},       {"a+b", "a+b"},
      {"r%C3%A9", "ré"},          {"..a", "..a"},         {"a:b", "a:b"},
  };
  for (const auto& c : cases) {
    const auto name = file_name_in(c.rest);
    ASSERT_TRUE(name) << c.rest;
    EXPECT_EQ(*name, c.want);
  }
  for (const std::string_view rest :
       {"..",           "%2e%2e", "../a", "a/../b", "a/%2e%2E/b", "a%2F..%2Fb", ".",    "a/./b", "%2Fetc/passwd",
        "/etc/passwd",  "a//b",   "a/",   "a%00b",  "a%0Ab",      "a%5Cb",      "a\\b", "%FF",   "a%C3",
        "%C0%AE%C0%AE", "%",      "%4",   "%zz",    "C:/a",       "%E2%80%AEa"}) {
    const auto name = file_name_in(rest);
    ASSERT_FALSE(name) << rest;
    EXPECT_EQ(to_reply(name.error()).status, 400) << rest;
    EXPECT_EQ(message_of(name.error()), "Invalid path");
  }
}

TEST(FileList, RendersWhatIsKnown) {
  EXPECT_EQ(render_file({.name = "a \"b\".csv", .bytes = 12, .sha256 = "ab", .crc32 = 0xFE}),
            R"({"name":"a \"b\".csv","bytes":12,"type":"text/csv; charset=utf-8","sha256":"ab","crc32":"000000fe"})");
  EXPECT_EQ(render_file({.name = "x"}), R"({"name":"x","bytes":0,"type":"application/octet-stream"})");
}

}  // namespace
}  // namespace vbrain::api
