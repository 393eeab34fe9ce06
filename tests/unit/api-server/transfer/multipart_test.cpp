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
  outcome.complete = reader.missing().empty();
  return outcome;
}

std::string part(std::string_view disposition, std::string_view data) {
  return "--B\r\nContent-Disposition: " + std::string(disposition) + "\r\n\r\n" + std::string(data) + "\r\n";
}

// RFC 2046 section 5.1.1.
TEST(Multipart, IgnoresWhatIsAroundTheParts) {
  const std::string good = part("form-data; name=\"params\"", "{}");
  const std::string padded = "--B \t \r\n" + good.substr(5);
  const struct {
    const char* name;
    std::string body;
  } cases[] = {
      {"a line end first", "\r\n" + good + "--B--\r\n"},
      {"two line ends first", "\r\n\r\n" + good + "--B--\r\n"},
      {"preamble", "This is a message in MIME format.\r\n--\r\n-- B\r\n" + good + "--B--\r\n"},
      {"long preamble", std::string(100'000, '-') + "\r\n" + good + "--B--"},
      {"blanks behind a boundary", padded + "--B--\r\n"},
      {"blanks behind the last boundary", good + "--B-- \t\r\n"},
      {"epilogue", good + "--B--\r\nThat was all.\r\n--B\r\nnot a part"},
      {"line ends behind it", good + "--B--\r\n\r\n\r\n"},
      {"long epilogue", good + "--B--" + std::string(100'000, 'x')},
      {"no line end behind it", good + "--B--"},
  };
  for (const auto& c : cases) {
    for (const std::size_t size : {1U, 2U, 3U, 5U, 64U, 200'000U}) {
      if (size < 64 && c.body.size() > 1000) continue;
      const Outcome outcome = read(c.body, size);
      EXPECT_THAT(outcome.parts, ElementsAre(Part{"params", std::nullopt, "{}", true}))
          << c.name << size << outcome.error;
      EXPECT_TRUE(outcome.complete) << c.name << size;
    }
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

TEST(Multipart, SaysWhenTheBoundaryIsMissing) {
  MultipartReader reader("B");
  reader.feed("--C\r\n\r\n--C--");
  EXPECT_EQ(reader.next().kind, Kind::kNeedMore);
  EXPECT_EQ(
      reader.missing(),
      "the boundary that Content-Type names is not in the body; let the HTTP library set Content-Type together with "
      "the body");
}

TEST(Multipart, SaysWhichPartIsWrong) {
  const std::string body = part("form-data; name=a", "x") + part("attachment; name=a", "x") + "--B--";
  EXPECT_EQ(read(body, 1000).error, "part 2: a part without Content-Disposition: form-data; add it");
}

TEST(Multipart, SaysWhenTheEndIsMissing) {
  const std::string whole = part("form-data; name=a", "x") + "--B--";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Outcome outcome = read(whole.substr(0, size), 5);
    EXPECT_FALSE(outcome.complete) << size;
    EXPECT_EQ(outcome.error, "") << size;
  }
}

TEST(Multipart, RefusesMalformedBodies) {
  const std::string good = part("form-data; name=a", "x");
  const struct {
    const char* name;
    std::string body;
  } cases[] = {
      {"boundary with more", good + "--Bx\r\n"},
      {"no disposition", "--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B--"},
      {"two dispositions",
       "--B\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\nx\r\n--B--"},
      {"no name", part("form-data", "x")},
      {"attachment", part("attachment; name=a", "x")},
      {"name twice", part("form-data; name=a; name=b", "x")},
      {"filename twice", part("form-data; name=a; filename=b; filename=c", "x")},
      {"filename* of another charset", part("form-data; name=a; filename*=KOI8-R''%e9", "x")},
      {"filename* that is not UTF-8", part("form-data; name=a; filename*=UTF-8''%e9", "x")},
      {"filename* badly encoded", part("form-data; name=a; filename*=UTF-8''%g0", "x")},
      {"filename* cut short", part("form-data; name=a; filename*=UTF-8''%e", "x")},
      {"open quote", part("form-data; name=\"a", "x")},
      {"CRLF in a name", part("form-data; name=\"a\r\nX: y\"", "x")},
      {"NUL in a name", part(std::string("form-data; name=\"a\0\"", 20), "x")},
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
  EXPECT_EQ(outcome.error, "part 17: too many parts; send file, params and metadata once each");
  EXPECT_EQ(outcome.parts.size(), 16u);
}

// The heads are those of real clients: browsers, curl, .NET, Apache HttpClient, requests, reqwest, Python's email.
TEST(Multipart, ReadsTheFileNameThatWasMeant) {
  const struct {
    const char* parameters;
    const char* want;
  } cases[] = {
      {"filename=a.csv", "a.csv"},
      {"filename=\"a b.csv\"", "a b.csv"},
      {"filename=a b.csv", "a b.csv"},
      {"filename = a.csv ", "a.csv"},
      {"filename=\"a;b=c.csv\"", "a;b=c.csv"},
      {"filename=\"opera\xc3\xa7\xc3\xb5"
       "es.csv\"",
       "operações.csv"},
      {"filename=opera\xc3\xa7\xc3\xb5"
       "es.csv",
       "operações.csv"},
      {"filename=\"opera\xe7\xf5"
       "es.csv\"",
       "operações.csv"},
      // Quotation marks.
      {"filename=\"a\\\"b.csv\"", "a\"b.csv"},
      {"filename=\"a%22b%22.csv\"", "a\"b\".csv"},
      {"filename=\"100%.csv\"", "100%.csv"},
      // Headers that were built by hand do not escape them.
      {"filename=\"a\"b.csv\"", "a\"b.csv"},
      {"filename=\"a\"b\" c.csv\" ; x=\"y\"", "a\"b\" c.csv"},
      {"filename=\"a\\\"; x=b.csv\"", "a\"; x=b.csv"},
      // Percent-encoded names (aiohttp; Apache HttpClient 5, EXTENDED) are decoded if all of it is encoded and it is
      // not ASCII.
      {"filename=\"relat%C3%B3rio%20a%C3%A7a%C3%AD.csv\"", "relatório açaí.csv"},
      {"filename=\"a%2Frelat%C3%B3rio.csv\"", "relatório.csv"},
      {"filename=\"my%20file.csv\"", "my%20file.csv"},
      {"filename=\"100%25.csv\"", "100%25.csv"},
      {"filename=\"relat%C3%B3rio 1.csv\"", "relat%C3%B3rio 1.csv"},
      {"filename=\"relat%F3rio.csv\"", "relat%F3rio.csv"},
      {"filename*=\"UTF-8''UTF-8%27%27%25E6%2597%25A5%25E6%259C%25AC.csv\"", "日本.csv"},
      {"filename=\"a%20b%2.csv\"", "a%20b%2.csv"},
      // filename* goes before filename.
      {"filename*=utf-8''opera%C3%A7%c3%b5es.csv", "operações.csv"},
      {"filename*=UTF-8'pt'a.csv; filename=\"a.csv\"", "a.csv"},
      {"filename=\"=?utf-8?B?w7MuY3N2?=\"; filename*=utf-8''%C3%B3.csv", "ó.csv"},
      {"filename=\"relat?rio.csv\"; filename*=UTF-8''relat%C3%B3rio.csv", "relatório.csv"},
      {"filename=relatorio.csv; filename*=UTF-8''relat%C3%B3rio.csv", "relatório.csv"},
      {"filename*=UTF-8''relat%C3%B3rio.csv; filename=relatorio.csv", "relatório.csv"},
      {"filename=o.csv; filename*=\"UTF-8''%C3%B3.csv\"", "ó.csv"},
      {"filename*=ISO-8859-1''%f3.csv; filename=o.csv", "ó.csv"},
      {"filename*=iso-8859-1'pt'%F3.csv", "ó.csv"},
      {"filename*=UTF-8''100%2522.csv", "100%22.csv"},
      // A malformed one is ignored if there is another.
      {"filename=o.csv; filename*=KOI8-R''%d2.csv", "o.csv"},
      {"filename=o.csv; filename*=UTF-8''%f3.csv", "o.csv"},
      {"filename=o.csv; filename*=o.csv", "o.csv"},
      // Encoded words.
      {"filename=\"=?utf-8?B?w7MuY3N2?=\"", "ó.csv"},
      {"filename=\"=?UTF-8?Q?relat=C3=B3rio_1.csv?=\"", "relatório 1.csv"},
      {"filename=\"=?iso-8859-1?q?relat=F3rio.csv?=\"", "relatório.csv"},
      {"filename=\"=?utf-8*pt?b?w7MuY3N2?=\"", "ó.csv"},
      {"filename==?utf-8?B?w7MuY3N2?=", "ó.csv"},
      {"filename=\"=?utf-8?B?w7M=?= =?utf-8?Q?.csv?=\"", "ó.csv"},
      {"filename=\"=?utf-8?Q?100%22.csv?=\"", "100%22.csv"},
      {"filename=\"=?utf-8?X?w7M=?=.csv\"", "=?utf-8?X?w7M=?=.csv"},
      {"filename=\"a =?utf-8?B?w7M=?= .csv\"", "a =?utf-8?B?w7M=?= .csv"},
      // Of a path only the last part counts (RFC 7578 section 4.2).
      {"filename=/home/ana/numbers.csv", "numbers.csv"},
      {"filename=\"/home/ana/numbers.csv\"", "numbers.csv"},
      {"filename=\"C:\\Users\\ana\\numbers.csv\"", "numbers.csv"},
      {"filename=C:\\Users\\ana\\numbers.csv", "numbers.csv"},
      {"filename=\"C:\\\\Users\\\\ana\\\\numbers.csv\"", "numbers.csv"},
      {"filename=\"\\\\host\\share\\numbers.csv\"", "numbers.csv"},
      {"filename=\"C:\\a/b\\c/numbers.csv\"", "numbers.csv"},
      {"filename=\"../../numbers.csv\"", "numbers.csv"},
      {"filename*=UTF-8''%2Fhome%2Fana%2F%C3%B3.csv", "ó.csv"},
      {"filename*=UTF-8''C%3A%5C%C3%B3.csv", "ó.csv"},
      {"filename=\"=?utf-8?B?L2hvbWUvw7MuY3N2?=\"", "ó.csv"},
      // A field that was left empty.
      {"filename=\"\"", ""},
      {"filename=", ""},
      {"filename=;x=y", ""},
      {"filename=\"/home/ana/\"", ""},
  };
  for (const auto& c : cases) {
    for (const std::string before :
         {"form-data; name=file; ", "form-data;name=\"file\";", "form-data;\r\n name=file;\r\n\t"}) {
      const Outcome outcome = read(part(before + c.parameters, "x") + "--B--", 1000);
      ASSERT_EQ(outcome.parts.size(), 1u) << before << c.parameters << ": " << outcome.error;
      EXPECT_EQ(outcome.parts[0].filename, c.want) << before << c.parameters;
    }
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
      {"multipart/form-data; boundary=----=_Part_1:2/3.4", "----=_Part_1:2/3.4"},
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
