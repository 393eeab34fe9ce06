#include "api-server/transfer/multipart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vbrain::api {
namespace {

using Kind = MultipartReader::Event::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Part {
  std::string name;
  std::optional<std::string> filename;
  std::string data;
  bool ended = false;

  bool operator==(const Part&) const = default;
};

struct Outcome {
  std::vector<Part> parts;
  std::string error;
  bool complete = false;
};

Outcome read(std::string_view body, std::size_t piece_size, const MultipartLimits& limits = {},
             std::string_view boundary = "B") {
  MultipartReader reader(boundary, limits);
  Outcome outcome;
  while (!body.empty()) {
    reader.feed(body.substr(0, piece_size));
    body.remove_prefix(std::min(piece_size, body.size()));
    for (auto event = reader.next(); event.kind != Kind::kNeedMore; event = reader.next()) {
      if (event.kind == Kind::kPart) outcome.parts.push_back({event.head.name, event.head.filename, "", false});
      if (event.kind == Kind::kData) outcome.parts.back().data += event.data;
      if (event.kind == Kind::kPartEnd) outcome.parts.back().ended = true;
      if (event.kind == Kind::kError) {
        outcome.error = event.error;
        return outcome;
      }
    }
  }
  outcome.complete = reader.complete();
  return outcome;
}

std::string part(std::string_view disposition, std::string_view data) {
  return "--B\r\nContent-Disposition: " + std::string(disposition) + "\r\n\r\n" + std::string(data) + "\r\n";
}

TEST(Multipart, TakesALineEndBeforeTheFirstBoundary) {
  const std::string body = "\r\n" + part("form-data; name=\"params\"", "{}") + "--B--\r\n";
  for (std::size_t size = 1; size <= body.size(); ++size) {
    const Outcome outcome = read(body, size);
    EXPECT_THAT(outcome.parts, ElementsAre(Part{"params", std::nullopt, "{}", true})) << size << outcome.error;
    EXPECT_TRUE(outcome.complete) << size;
  }
  for (const std::string_view wrong : {"\r\n\r\n--B--\r\n", "\n--B--\r\n", "\rx--B--\r\n", " --B--\r\n"}) {
    EXPECT_NE(read(wrong, 3).error, "") << wrong;
  }
}

TEST(Multipart, ReadsTheSamePartsFromPiecesOfAnySize) {
  const std::string tricky = "\r\n--A\r\n-\r\n--\r\n--BB\0\xff\r\r\n";
  const std::string body = part("form-data; name=\"params\"", "{\"a\":1}") +
                           part("form-data; name=file; filename=\"x y.csv\"", std::string(3000, 'z') + "\r\n--") +
                           part("form-data; name=\"metadata\"", "") + "--B--\r\n";
  for (std::size_t size = 1; size <= body.size(); ++size) {
    const Outcome outcome = read(body, size);
    ASSERT_EQ(outcome.error, "") << size;
    ASSERT_TRUE(outcome.complete) << size;
    ASSERT_THAT(outcome.parts, ElementsAre(Part{"params", std::nullopt, "{\"a\":1}", true},
                                           Part{"file", "x y.csv", std::string(3000, 'z') + "\r\n--", true},
                                           Part{"metadata", std::nullopt, "", true}))
        << size;
  }
}

TEST(Multipart, DataMayHoldAllButTheBoundary) {
  const std::string data("\r\n--A\r\n-\r\n--\r\n-B\0\xff\r\r\n", 21);
  for (const std::size_t size : {1u, 2u, 3u, 7u, 1000u}) {
    const Outcome outcome = read(part("form-data; name=a", data) + "--B--", size);
    EXPECT_THAT(outcome.parts, ElementsAre(Part{"a", std::nullopt, data, true})) << size;
    EXPECT_TRUE(outcome.complete);
  }
}

TEST(Multipart, SaysWhenTheEndIsMissing) {
  const std::string whole = part("form-data; name=a", "x") + "--B--";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Outcome outcome = read(whole.substr(0, size), 5);
    EXPECT_FALSE(outcome.complete) << size;
    EXPECT_EQ(outcome.error, "") << size;
  }
}

TEST(Multipart, RefusesWhatIsMalformed) {
  const std::string good = part("form-data; name=a", "x");
  const struct {
    const char* name;
    std::string body;
  } cases[] = {
      {"preamble", "hello\r\n" + good + "--B--"},
      {"epilogue", good + "--B--\r\nhello"},
      {"two line ends", good + "--B--\r\n\r\n"},
      {"other boundary", "--C\r\n\r\n--C--"},
      {"boundary with more", good + "--Bx\r\n"},
      {"no disposition", "--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B--"},
      {"two dispositions",
       "--B\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\nx\r\n--B--"},
      {"no name", part("form-data", "x")},
      {"attachment", part("attachment; name=a", "x")},
      {"name twice", part("form-data; name=a; name=b", "x")},
      {"filename twice", part("form-data; name=a; filename=b; filename=c", "x")},
      {"filenames differ", part("form-data; name=a; filename=b; filename*=UTF-8''c", "x")},
      {"filename* of another charset", part("form-data; name=a; filename*=ISO-8859-1''%e9", "x")},
      {"filename* badly encoded", part("form-data; name=a; filename*=UTF-8''%g0", "x")},
      {"filename* cut short", part("form-data; name=a; filename*=UTF-8''%e", "x")},
      {"open quote", part("form-data; name=\"a", "x")},
      {"CRLF in a name", part("form-data; name=\"a\r\nX: y\"", "x")},
      {"NUL in a name", part(std::string("form-data; name=\"a\0\"", 20), "x")},
      {"folded", "--B\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nx\r\n--B--"},
      {"base64",
       "--B\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--B--"},
      {"head of 1 MB", "--B\r\nX: " + std::string(1 << 20, 'a') + "\r\n\r\n"},
      {"head without end", "--B\r\n" + std::string(1 << 20, 'a')},
  };
  for (const auto& c : cases) {
    for (const std::size_t size : {1000u, 7u}) {
      const Outcome outcome = read(c.body, size);
      EXPECT_NE(outcome.error, "") << c.name;
      EXPECT_FALSE(outcome.complete) << c.name;
    }
  }
}

TEST(Multipart, CountsParts) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += part("form-data; name=a", "x");
  const Outcome outcome = read(body + "--B--", 4096);
  EXPECT_EQ(outcome.error, "too many parts");
  EXPECT_EQ(outcome.parts.size(), 16u);
}

TEST(Multipart, KeepsFilenamesAsSent) {
  const struct {
    const char* disposition;
    const char* want;
  } cases[] = {
      {"form-data; name=file; filename=a.csv", "a.csv"},
      {"form-data; name=file; filename=\"a b.csv\"", "a b.csv"},
      {"form-data; name=file; filename=\"a\\\"b\\\\c.csv\"", "a\"b\\c.csv"},
      {"form-data; name=file; filename=\"C:\\x.csv\"", "C:\\x.csv"},
      {"form-data; name=file; filename=\"opera\xc3\xa7\xc3\xb5"
       "es.csv\"",
       "opera\xc3\xa7\xc3\xb5"
       "es.csv"},
      {"form-data; name=file; filename*=utf-8''opera%C3%A7%c3%b5es.csv",
       "opera\xc3\xa7\xc3\xb5"
       "es.csv"},
      {"form-data; name=file; filename*=UTF-8'pt'a.csv; filename=\"a.csv\"", "a.csv"},
      {"form-data; name=file; filename=\"a;b=c.csv\"", "a;b=c.csv"},
      {"form-data; name=file; filename=\"%22.csv\"", "%22.csv"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = read(part(c.disposition, "x") + "--B--", 1000);
    ASSERT_EQ(outcome.parts.size(), 1u) << c.disposition << ": " << outcome.error;
    EXPECT_EQ(outcome.parts[0].filename, c.want);
  }
}

TEST(Multipart, TakesBoundariesOfTheStandardOnly) {
  const struct {
    std::string type;
    std::optional<std::string> want;
  } cases[] = {
      {"multipart/form-data; boundary=abc", "abc"},
      {"Multipart/Form-Data;boundary=\"a b:c\"", "a b:c"},
      {"multipart/form-data; charset=x; BOUNDARY=abc", "abc"},
      {"multipart/form-data; boundary=" + std::string(70, 'x'), std::string(70, 'x')},
      {"multipart/form-data", std::nullopt},
      {"multipart/form-data; boundary=", std::nullopt},
      {"multipart/form-data; boundary=\"\"", std::nullopt},
      {"multipart/form-data; boundary=\"a \"", std::nullopt},
      {"multipart/form-data; boundary=" + std::string(71, 'x'), std::nullopt},
      {"multipart/form-data; boundary=a; boundary=b", std::nullopt},
      {"multipart/form-data; boundary=\"a\r\n\"", std::nullopt},
      {"multipart/mixed; boundary=abc", std::nullopt},
      {"application/json", std::nullopt},
  };
  for (const auto& c : cases) {
    const auto type = parse_parameterized(c.type);
    EXPECT_EQ(type ? boundary_of(*type) : std::nullopt, c.want) << c.type;
  }
}

TEST(Multipart, HoldsAtMostWhatItWasFed) {
  MultipartReader reader("B");
  reader.feed("--B\r\nContent-Disposition: form-data; name=file\r\n\r\n");
  const std::string piece(64 * 1024, 'x');
  std::size_t got = 0;
  for (int i = 0; i < 100; ++i) {
    reader.feed(piece);
    for (auto event = reader.next(); event.kind != Kind::kNeedMore; event = reader.next()) {
      ASSERT_NE(event.kind, Kind::kError);
      got += event.data.size();
    }
    ASSERT_GE(got + 200, piece.size() * static_cast<std::size_t>(i + 1));
  }
}

}  // namespace
}  // namespace vbrain::api
