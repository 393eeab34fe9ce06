#include "api-server/transfer/download.hpp"

#include <gtest/gtest.h>

namespace vbrain::api {
namespace {

TEST(ChooseRange, FollowsTheStandard) {
  using enum RangeKind;
  const struct {
    const char* header;
    std::uint64_t size;
    RangeKind kind;
    std::uint64_t first, last;
  } cases[] = {
      {"bytes=0-9", 100, kPart, 0, 9},
      {"bytes=90-200", 100, kPart, 90, 99},
      {"bytes=99-", 100, kPart, 99, 99},
      {"bytes=-10", 100, kPart, 90, 99},
      {"bytes=-1000", 100, kPart, 0, 99},
      {" bytes=0-0 ", 100, kPart, 0, 0},
      {"bytes=100-", 100, kUnsatisfiable, 0, 0},
      {"bytes=999999999999999999-", 100, kUnsatisfiable, 0, 0},
      {"bytes=-0", 100, kUnsatisfiable, 0, 0},
      {"bytes=0-", 0, kUnsatisfiable, 0, 0},
      {"bytes=-1", 0, kUnsatisfiable, 0, 0},
      {"bytes=9-0", 100, kWhole, 0, 0},
      {"bytes=0-9,20-29", 100, kWhole, 0, 0},
      {"bytes=", 100, kWhole, 0, 0},
      {"bytes=-", 100, kWhole, 0, 0},
      {"bytes=a-b", 100, kWhole, 0, 0},
      {"bytes=+1-2", 100, kWhole, 0, 0},
      {"bytes=99999999999999999999999-", 100, RangeKind::kUnsatisfiable, 0, 0},
      {"bytes=1-99999999999999999999999", 100, RangeKind::kPart, 1, 99},
      {"bytes=-99999999999999999999999", 100, RangeKind::kPart, 0, 99},
      {"bytes=00000000000000000000001-2", 100, RangeKind::kPart, 1, 2},
      {"Bytes=1-2", 100, RangeKind::kPart, 1, 2},
      {"items=0-9", 100, kWhole, 0, 0},
      {"", 100, kWhole, 0, 0},
  };
  for (const auto& c : cases) {
    const RangeChoice choice = choose_range(c.header, c.size);
    EXPECT_EQ(choice.kind, c.kind) << c.header;
    EXPECT_EQ(choice.range.first, c.first) << c.header;
    EXPECT_EQ(choice.range.last, c.last) << c.header;
  }
}

TEST(NamesEtag, ComparesWeakly) {
  for (const char* header : {"\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"})
    EXPECT_TRUE(names_etag(header, "abc", Comparison::kWeak)) << header;
  for (const char* header : {"", "abc", "\"ab\"", "\"abcd\"", "\"x\",", ","})
    EXPECT_FALSE(names_etag(header, "abc", Comparison::kWeak)) << header;
}

TEST(NamesEtag, ComparesStrongly) {
  for (const char* header : {"\"abc\"", "W/\"abc\", \"abc\"", "*"})
    EXPECT_TRUE(names_etag(header, "abc", Comparison::kStrong)) << header;
  for (const char* header : {"W/\"abc\"", "\"ab\"", ""})
    EXPECT_FALSE(names_etag(header, "abc", Comparison::kStrong)) << header;
  EXPECT_FALSE(names_etag("\"\"", "", Comparison::kStrong)) << "no tag has no name";
  EXPECT_TRUE(names_etag("*", "", Comparison::kStrong));
}

Download some() {
  Download what;
  what.body = "0123456789";
  what.filename = "x.zip";
  what.etag = "tag";
  return what;
}

http::RequestHead head(std::vector<http::HeaderField> fields, http::Method method = http::Method::kGet) {
  http::RequestHead result;
  result.method = method;
  result.fields = std::move(fields);
  return result;
}

std::string body(const Answer& answer) {
  return std::get<std::string>(answer->body);
}

TEST(DownloadAnswer, SendsThePartOnlyOfTheSameBytes) {
  EXPECT_EQ(body(download(head({}), some())), "0123456789");
  EXPECT_EQ(body(download(head({{"Range", "bytes=2-3"}}), some())), "23");
  EXPECT_EQ(body(download(head({{"Range", "bytes=2-3"}, {"If-Range", "\"tag\""}}), some())), "23");
  EXPECT_EQ(body(download(head({{"Range", "bytes=2-3"}, {"If-Range", "\"old\""}}), some())), "0123456789");
  EXPECT_EQ(download(head({{"Range", "bytes=2-3"}}, http::Method::kHead), some())->status, 200);
  const Answer refused = download(head({{"Range", "bytes=10-"}}), some());
  EXPECT_EQ(refused->status, 416);
  EXPECT_EQ(refused->headers.back().second, "bytes */10");
  EXPECT_EQ(download(head({{"If-None-Match", "\"tag\""}, {"Range", "bytes=2-3"}}), some())->status, 304);
}

TEST(DownloadAnswer, APartOfATextInPiecesSharesIt) {
  auto text = std::make_shared<http::TextPieces>();
  for (const char* piece : {"012", "345", "6789"}) text->add(std::string(piece));
  const struct {
    const char* range;
    const char* want;
  } cases[] = {
      {"bytes=0-", "0123456789"}, {"bytes=0-2", "012"}, {"bytes=2-6", "23456"}, {"bytes=-1", "9"}, {"bytes=3-3", "3"}};
  for (const auto& c : cases) {
    Download what = some();
    what.body = std::shared_ptr<const http::TextPieces>(text);
    const Answer answer = download(head({{"Range", c.range}}), std::move(what));
    EXPECT_EQ(answer->status, 206);
    const auto part = std::get<std::shared_ptr<const http::TextPieces>>(answer->body);
    EXPECT_EQ(part->joined(), c.want) << c.range;
    EXPECT_EQ(part->size(), part->joined().size());
  }
}

TEST(DownloadAnswer, CutsFilesToo) {
  Download what = some();
  http::FileBody file;
  file.offset = 1000;
  file.length = 10;
  what.body = std::move(file);
  const Answer answer = download(head({{"Range", "bytes=-3"}}), std::move(what));
  EXPECT_EQ(answer->status, 206);
  EXPECT_EQ(std::get<http::FileBody>(answer->body).offset, 1007u);
  EXPECT_EQ(std::get<http::FileBody>(answer->body).length, 3u);
}

}  // namespace
}  // namespace vbrain::api
