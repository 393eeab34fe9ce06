#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <array>
#include <optional>

#include "api-server/auth/auth.hpp"
#include "api-server/auth/identity.hpp"
#include "api-server/jobs/dates.hpp"
#include "api-server/keys/idempotency.hpp"
#include "api-server/routes/router.hpp"
#include "api-server/submit/json_body.hpp"
#include "api-server/submit/priority.hpp"
#include "api-server/transfer/download.hpp"
#include "api-server/transfer/multipart.hpp"
#include "artifacts/store/layout.hpp"
#include "fuzz/fuzz.hpp"
#include "http/message/head_check.hpp"
#include "http/message/parser.hpp"

namespace vbrain::fuzz {
namespace {

using api::MultipartReader;
using http::RequestHead;
using http::RequestParser;

struct Body {
  std::string bytes;
  bool good = false;
  bool done = false;
};

// Like a connection: new bytes go to the parser, and the bytes it can't use yet stay in the buffer.
Body read_body(http::RequestParser& parser, std::string_view input, std::size_t piece) {
  Body body;
  std::string have;
  while (!parser.is_done() && !input.empty()) {
    have += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
    while (!parser.is_done() && !have.empty()) {
      boost::system::error_code error;
      const std::size_t used = parser.put_body(have, error);
      body.bytes += parser.take_piece();
      have.erase(0, used);
      if (error == boost::beast::http::error::need_more) break;
      if (error) return body;
    }
  }
  body.good = true;
  body.done = parser.is_done();
  require(!body.done || parser.announced() == 0 || body.bytes.size() == parser.announced(),
          "chunks have the bytes that they announce");
  return body;
}

// A head, followed by its body. If the check accepts the head, the parser must read the same values.
void run_http(std::string_view input) {
  const auto end = input.find("\r\n\r\n");
  const std::string_view head = input.substr(0, end == input.npos ? end : end + 4);
  if (http::check_head(head)) return;
  require(end != input.npos, "a head ends with an empty line");
  std::optional<Body> before;
  for (const std::size_t piece : {std::size_t{1} << 16, std::size_t{1}, std::size_t{7}}) {
    http::RequestHead request;
    http::RequestParser parser(request);
    boost::system::error_code error;
    parser.put(boost::asio::buffer(head.data(), head.size()), error);
    if (error || !parser.is_header_done()) return;
    require(!(request.chunked && request.content_length), "a body has one length");
    require(request.http_1_1 || !request.chunked, "HTTP/1.0 has no chunks");
    const auto lines = static_cast<std::size_t>(std::ranges::count(head, '\n'));
    require(request.fields.size() + 2 == lines, "each line is one field");
    for (const auto& field : request.fields) {
      require(std::ranges::none_of(field.value, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }),
              "values have no controls");
    }
    if (!request.has_body()) return;
    const Body body = read_body(parser, input.substr(end + 4), piece);
    if (before && before->done && body.done) require(before->bytes == body.bytes, "pieces change nothing");
    if (before) require(before->good == body.good && before->done == body.done, "pieces change no verdict");
    before = body;
  }
}

struct Form {
  std::string text;
  bool complete = false;
};

Form read_form(std::string_view input, std::size_t piece) {
  using Kind = MultipartReader::Event::Kind;
  MultipartReader reader("B");
  Form form;
  while (!input.empty()) {
    reader.feed(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
    for (auto event = reader.next(); event.kind != Kind::kNeedMore; event = reader.next()) {
      if (event.kind == Kind::kError) {
        require(!event.error.empty(), "an error has words");
        return form;
      }
      if (event.kind == Kind::kPart) form.text += "<" + event.head.name + "|" + event.head.filename.value_or("-") + ">";
      if (event.kind == Kind::kData) form.text += event.data;
      if (event.kind == Kind::kPartEnd) form.text += "</>";
    }
  }
  form.complete = reader.missing().empty();
  return form;
}

void run_multipart(std::string_view input) {
  const Form whole = read_form(input, input.size());
  for (const std::size_t piece : {1, 2, 5, 64}) {
    const Form form = read_form(input, piece);
    require(form.complete == whole.complete, "pieces change no verdict");
    if (whole.complete) require(form.text == whole.text, "pieces change nothing");
  }
}

// Values of single headers, paths and queries.
void run_values(std::string_view input) {
  if (const auto value = api::parse_parameterized(input)) static_cast<void>(api::boundary_of(*value));
  static_cast<void>(api::query_parameter(input, "from_date"));
  static constexpr std::array<api::RoutePattern, 3> kRoutes{{{http::Method::kGet, "/api/v1/job/:id"},
                                                             {http::Method::kPost, "/api/v1/job/execute"},
                                                             {http::Method::kGet, "/api/v1/job/:id/result"}}};
  if (const auto match = api::match_route(kRoutes, http::Method::kGet, input)) {
    require(match->id.find('/') == match->id.npos, "an id is one segment");
  }
  for (const std::uint64_t size : {0ULL, 1ULL, 1000ULL, ~0ULL}) {
    const auto choice = api::choose_range(input, size);
    if (choice.kind != api::RangeKind::kPart) continue;
    require(choice.range.first <= choice.range.last && choice.range.last < size, "a range lies in the body");
  }
  static_cast<void>(api::names_etag(input, "abc", api::Comparison::kStrong));
  if (const auto name = api::decode_header_value(input)) require(artifacts::is_name(*name), "a header value is a name");
  if (const auto key = api::read_idempotency_key({{"Idempotency-Key", input}})) {
    require(*key && !(*key)->empty() && (*key)->size() <= 255, "a key has 1 to 255 characters");
  }
  if (const auto fields = api::read_batch_fields(input)) {
    require(!fields->params.empty() && fields->params.size() <= api::kMostJobsOfBatch, "a batch has jobs");
    for (const std::string_view params : fields->params) require(params.starts_with('{'), "params are objects");
  }
  if (const auto priority = api::read_priority(input)) {
    require(*priority >= api::kLeastPriority && *priority <= api::kMostPriority, "a priority is within its limits");
  }
  if (const auto key = api::parse_api_key(input)) require(key->secret.size() >= 43, "a secret is long");
}

void run_dates(std::string_view input) {
  if (const auto minute = api::parse_query_minute(input)) {
    require(minute->time_since_epoch().count() % 60'000 == 0, "a minute is whole");
    static_cast<void>(api::format_created_on(*minute));
  }
  if (const auto time = base::parse_rfc3339(input)) {
    const auto again = base::parse_rfc3339(base::format_rfc3339(*time));
    // Years with more than four digits can't be formatted.
    const bool four_digits = *time >= base::TimePoint(std::chrono::sys_days(std::chrono::year(0) / 1 / 1)) &&
                             *time < base::TimePoint(std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1));
    require(!four_digits || again == time, "a time is written as it was read");
  }
}

std::string request(std::string_view fields, std::string_view body) {
  return "POST /api/v1/job/execute HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace

std::vector<Target> http_targets() {
  const std::string part = "--B\r\nContent-Disposition: form-data; name=\"params\"\r\n\r\n{}\r\n";
  return {
      {"http",
       run_http,
       {"GET /api/v1/job?from_date=202001010000 HTTP/1.1\r\nHost: x\r\nusername: v\xc3\xa9\r\n\r\n",
        "GET http://h/p HTTP/1.0\r\n\r\n", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        request("Content-Length: 5\r\n", "hello"), request("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        request("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n")},
       {"\r\n",
        "\n",
        "\r",
        ":",
        " ",
        "\t",
        "HTTP/1.0",
        "HTTP/1.1",
        "Host: ",
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: h2c\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff",
        ";",
        "\"",
        "Trailer: x\r\n",
        "http://",
        "*"}},
      {"multipart",
       run_multipart,
       {part + "--B--\r\n", "\r\n" + part + "--B--",
        part + "--B\r\nContent-Disposition: form-data; name=file; filename=\"a.csv\"\r\nContent-Type: "
               "text/csv\r\n\r\n1,2\r\n--\r\n--A\r\n\r\n--B--\r\n",
        "--B\r\ncontent-disposition: form-data; name=file; filename*=UTF-8''a%C3%A7.csv\r\nContent-Transfer-Encoding: "
        "binary\r\n\r\n\r\n--B--"},
       {"\r\n", "--B", "--B--", "\r\n--B\r\n", "; filename=", "; filename*=UTF-8''", "\"", "\\", "%00", "; name=file",
        "\r\n\r\n", "Content-Disposition: form-data"}},
      {"values",
       run_values,
       {"multipart/form-data; boundary=\"a b\"", "form-data; name=\"a\\\"b\"; x=y", "from_date=2020%31&to_date=1+2",
        "/api/v1/job/abc/result", "bytes=0-9", "bytes=-5", "\"abc\", W/\"abc\"",
        "Opera\xe7\xf5"
        "es",
        "vb_abc1_0123456789012345678901234567890123456789012", R"({"params":[{"a":1},{}],"priority":-5})", "-1000",
        R"("8e03978e\\ \"")"},
       {"bytes=", "-", ",", ";", "=", "\"", "\\", "%", "boundary=", "from_date=", "&", "/", "W/", "*",
        "18446744073709551615", "999999999999999999", "vb_", "_"}},
      {"dates",
       run_dates,
       {"202009231629", "2020-09-23T16:29:39Z", "2020-02-29T23:59:60.999999999+14:00", "1969-12-31t00:00:00.1-00:00"},
       {"-", "+", ":", ".", "T", "Z", "00", "99", "60", "9999", "0000", "0229"}},
  };
}

}  // namespace vbrain::fuzz
