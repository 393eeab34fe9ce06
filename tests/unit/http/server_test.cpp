#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/http/server_fixture.hpp"

namespace vbrain::http {
namespace {

using testing::body_of;
using testing::get;
using ::testing::HasSubstr;
using testing::HttpServerTest;
using ::testing::Not;
using testing::post;
using testing::RawClient;
using testing::status_of;

// A function without a name would be a temporary of the co_await, see task.hpp.
template <class F>
concept RunsOnAPool = requires(base::WorkerPool& pool, F&& work) {
  run_on(pool, std::forward<F>(work));
};
struct Work {
  void operator()() const {}
};
static_assert(RunsOnAPool<Work&> && RunsOnAPool<const Work&>);
static_assert(!RunsOnAPool<Work>);

INSTANTIATE_TEST_SUITE_P(Over, HttpServerTest, ::testing::Values(testing::Wire::kPlain, testing::Wire::kTls),
                         testing::name_of);

TEST_P(HttpServerTest, AnswersAndKeepsTheConnection) {
  RawClient client(address());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(get("/a/b?c=d&e", "X-Name: v\xc3\xa9\r\n")));
    const std::string reply = client.read_reply();
    EXPECT_EQ(status_of(reply), 200);
    EXPECT_EQ(body_of(reply), "/a/b|c=d&e|Host=x;X-Name=v\xc3\xa9;");
    EXPECT_THAT(reply, HasSubstr("Connection: keep-alive"));
    EXPECT_THAT(reply, HasSubstr("\r\nDate: "));
  }
}

TEST_P(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  RawClient client(address());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += i % 2 == 0 ? get("/" + std::to_string(i)) : post("/echo", "Content-Length: 2\r\n", std::to_string(10 + i));
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i) {
    const std::string want = i % 2 == 0 ? "/" + std::to_string(i) + "||Host=x;" : std::to_string(10 + i);
    EXPECT_EQ(body_of(client.read_reply()), want);
  }
}

TEST_P(HttpServerTest, TakesRequestsByteByByte) {
  RawClient client(address());
  for (const char c :
       post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nTrailer: t\r\n\r\n")) {
    ASSERT_TRUE(client.send({&c, 1}));
  }
  EXPECT_EQ(body_of(client.read_reply()), "abcd");
}

TEST_P(HttpServerTest, WorkersBringResultsAndExceptionsBack) {
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/thread") + get("/throw") + get("/thread")));
  EXPECT_EQ(body_of(client.read_reply()), "from a worker");
  const std::string failed = client.read_reply();
  EXPECT_EQ(status_of(failed), 500);
  EXPECT_THAT(failed, Not(HasSubstr("secret")));
}

TEST_P(HttpServerTest, LogLinesHaveTheIdsOfTheRequest) {
  RawClient client(address());
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(client.send("GET /throw HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\n\r\n"));
  EXPECT_EQ(status_of(client.read_reply()), 500);
  RawClient next(address());
  ASSERT_TRUE(next.send(get("/throw")));
  EXPECT_EQ(status_of(next.read_reply()), 500);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr(R"("method":"GET","request_id":"r1","trace_id":"4bf9","error":"secret"})"));
  EXPECT_THAT(log, HasSubstr(R"("method":"GET","error":"secret"})"));
}

TEST_P(HttpServerTest, ALineAboutADownloadHasTheIdsOfTheRequest) {
  make_file(100'000);
  file_size_ = 200'000;
  RawClient client(address());
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(client.send("GET /file HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\n\r\n"));
  client.read_to_end();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr(R"("message":"a download was cut off","request_id":"r1","trace_id":"4bf9")"));
}

TEST_P(HttpServerTest, HeadHasNoBodyAndHttp10Closes) {
  {
    RawClient client(address());
    ASSERT_TRUE(client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + get("/next")));
    EXPECT_THAT(client.read_reply(true), HasSubstr("Content-Length: 10\r\n"));
    EXPECT_EQ(body_of(client.read_reply()), "/next||Host=x;");
  }
  RawClient old(address());
  ASSERT_TRUE(old.send("GET / HTTP/1.0\r\n\r\n"));
  old.shutdown_write();
  EXPECT_THAT(old.read_to_end(), HasSubstr("Connection: close"));
}

TEST_P(HttpServerTest, SaysContinueOnlyWhenTheBodyIsWanted) {
  RawClient wanted(address());
  ASSERT_TRUE(wanted.send(post("/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n", "")));
  EXPECT_EQ(wanted.read_reply(true), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(wanted.send("hello"));
  EXPECT_EQ(body_of(wanted.read_reply()), "hello");

  RawClient unwanted(address());
  ASSERT_TRUE(unwanted.send(post("/other", "Content-Length: 5\r\nExpect: 100-continue\r\n", "")));
  EXPECT_EQ(status_of(unwanted.read_reply()), 200);
  EXPECT_TRUE(unwanted.is_closed_by_peer());
}

TEST_P(HttpServerTest, SendsFilesWhole) {
  make_file(1'000'003);
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/file") + get("/after")));
  const std::string body = body_of(client.read_reply());
  ASSERT_EQ(body.size(), 1'000'005u);
  EXPECT_EQ(body.front(), '<');
  EXPECT_EQ(body.back(), '>');
  EXPECT_EQ(body[1 + 999'999], 'a' + 999'999 % 23);
  EXPECT_EQ(body_of(client.read_reply()), "/after||Host=x;");
}

TEST_P(HttpServerTest, LeavesOutHeadersWithControlCharacters) {
  RawClient client(address());
  ASSERT_TRUE(client.send(get("/inject")));
  EXPECT_THAT(client.read_reply(), Not(HasSubstr("Evil")));
}

struct Malformed {
  const char* name;
  std::string bytes;
  int want_status;
};

class MalformedTest : public testing::HttpServerBase, public ::testing::WithParamInterface<Malformed> {
 protected:
  MalformedTest() : HttpServerBase(testing::Wire::kPlain) {}
};

// The head is refused before a handler gets it, the connection is closed, and the server continues.
TEST_P(MalformedTest, IsRefusedAndClosed) {
  RawClient client(address());
  client.send(GetParam().bytes);
  bool closed = false;
  const std::string reply = client.read_to_end(&closed);
  EXPECT_EQ(status_of(reply), GetParam().want_status) << reply;
  EXPECT_TRUE(closed);
  EXPECT_EQ(reply.find("\nHTTP/1.", 1), std::string::npos) << "more than one answer: " << reply;
  RawClient other(address());
  ASSERT_TRUE(other.send(get("/")));
  EXPECT_EQ(status_of(other.read_reply()), 200);
}

std::string head(std::string_view fields) {
  return post("/echo", fields, "");
}

TEST_P(HttpServerTest, ABrokenChunkSaysWhereItIs) {
  RawClient client(address());
  client.send(head("Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\nzz\r\n");
  EXPECT_THAT(client.read_to_end(),
              ::testing::AllOf(HasSubstr("after 3 bytes of content"), HasSubstr("RFC 9112 section 7.1")));
}

INSTANTIATE_TEST_SUITE_P(
    Heads, MalformedTest,
    ::testing::Values(
        Malformed{"te_and_cl", head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "abc", 400},
        Malformed{"cl_and_te", head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "abc", 400},
        Malformed{"two_cl", head("Content-Length: 3\r\nContent-Length: 4\r\n") + "abcd", 400},
        Malformed{"two_equal_cl", head("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc", 400},
        Malformed{"cl_list", head("Content-Length: 5, 0\r\n") + "abcde", 400},
        Malformed{"cl_same_list", head("Content-Length: 5, 5\r\n") + "abcde", 400},
        Malformed{"cl_plus", head("Content-Length: +5\r\n") + "abcde", 400},
        Malformed{"cl_minus", head("Content-Length: -1\r\n"), 400},
        Malformed{"cl_letter", head("Content-Length: 5x\r\n") + "abcde", 400},
        Malformed{"cl_hex", head("Content-Length: 0x5\r\n") + "abcde", 400},
        Malformed{"cl_empty", head("Content-Length:\r\n"), 400},
        Malformed{"cl_20_digits", head("Content-Length: 99999999999999999999\r\n"), 400},
        Malformed{"te_xchunked", head("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n", 400},
        Malformed{"te_identity", head("Transfer-Encoding: identity\r\n"), 400},
        Malformed{"te_gzip_chunked", head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 400},
        Malformed{"te_twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
        Malformed{"te_http10", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Malformed{"space_before_colon", head("Content-Length : 3\r\n") + "abc", 400},
        Malformed{"space_in_name", head("X Y: 3\r\n"), 400}, Malformed{"no_colon", head("nonsense\r\n"), 400},
        Malformed{"empty_name", head(": x\r\n"), 400}, Malformed{"obs_fold", head("X-A: 1\r\n 2\r\n"), 400},
        Malformed{"obs_fold_tab", head("X-A: 1\r\n\t2\r\n"), 400},
        Malformed{"obs_fold_first", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
        Malformed{"bare_lf", "GET / HTTP/1.1\nHost: x\n\n", 400},
        Malformed{"bare_lf_in_field", "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400},
        Malformed{"bare_cr", "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400},
        Malformed{"nul", std::string("GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 35), 400},
        Malformed{"control",
                  "GET / HTTP/1.1\r\nHost: x\r\nX: a\x01"
                  "b\r\n\r\n",
                  400},
        Malformed{"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
        Malformed{"two_hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
        Malformed{"bad_host", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
        Malformed{"http_9_9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505},
        Malformed{"http_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}, Malformed{"http_0_9", "GET /\r\n\r\n", 400},
        Malformed{"lower_version", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"two_spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"target_space", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"target_raw_utf8", "GET /\xf0\x9f\x98\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"target_no_slash", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"target_fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"bad_method", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Malformed{"tls_hello", "\x16\x03\x01\x02\n", 400}, Malformed{"expect", head("Expect: 200-ok\r\n"), 417},
        Malformed{"long_header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(1 << 20, 'a') + "\r\n\r\n", 431},
        Malformed{"endless_header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(64 << 20, 'a'), 431},
        Malformed{"many_headers",
                  [] {
                    std::string all = "GET / HTTP/1.1\r\nHost: x\r\n";
                    for (int i = 0; i < 20'000; ++i) all += "a:b\r\n";
                    return all + "\r\n";
                  }(),
                  431},
        Malformed{"101_headers",
                  [] {
                    std::string all = "GET / HTTP/1.1\r\nHost: x\r\n";
                    for (int i = 0; i < 100; ++i) all += "a:b\r\n";
                    return all + "\r\n";
                  }(),
                  431}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Bodies, MalformedTest,
    ::testing::Values(
        Malformed{"chunk_minus", head("Transfer-Encoding: chunked\r\n") + "-1\r\n", 400},
        Malformed{"chunk_zz", head("Transfer-Encoding: chunked\r\n") + "zz\r\n", 400},
        Malformed{"chunk_empty", head("Transfer-Encoding: chunked\r\n") + "\r\n\r\n", 400},
        Malformed{"chunk_overflow", head("Transfer-Encoding: chunked\r\n") + "11111111111111111\r\n", 400},
        Malformed{"chunk_huge",
                  head("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\n" + std::string(2 << 20, 'a'), 413},
        // The client sends nothing more, so the answer must not wait for it.
        Malformed{"chunk_huge_announced", head("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\n", 413},
        Malformed{"chunk_over_limit_announced", head("Transfer-Encoding: chunked\r\n") + "100001\r\n", 413},
        Malformed{
            "chunks_over_limit_announced",
            head("Transfer-Encoding: chunked\r\n") + "1\r\na\r\nfffff\r\n" + std::string(0xfffff, 'a') + "\r\n1\r\n",
            413},
        Malformed{"chunks_overflow_announced",
                  head("Transfer-Encoding: chunked\r\n") + "1\r\na\r\nffffffffffffffff\r\n", 413},
        Malformed{"chunk_bare_lf", head("Transfer-Encoding: chunked\r\n") + "3\nabc\n0\n\n\r\n\r\n", 400},
        Malformed{"chunk_longer", head("Transfer-Encoding: chunked\r\n") + "3\r\nabcd\r\n0\r\n\r\n", 400},
        Malformed{"chunk_extension", head("Transfer-Encoding: chunked\r\n") + "3;" + std::string(1 << 20, 'a'), 400},
        Malformed{"trailers_endless", head("Transfer-Encoding: chunked\r\n") + "0\r\nX: " + std::string(1 << 20, 'a'),
                  400},
        Malformed{"length_over_limit", head("Content-Length: 1000000000000\r\n"), 413},
        Malformed{"chunks_over_limit",
                  head("Transfer-Encoding: chunked\r\n") + "200000\r\n" + std::string(0x200000, 'a') + "\r\n0\r\n\r\n",
                  413}),
    [](const auto& test) { return test.param.name; });

// Bytes after a refused or unread body must not be read as a request.
TEST_P(HttpServerTest, NeverReadsAnUnreadBodyAsARequest) {
  const std::string smuggled = get("/smuggled");
  {
    RawClient client(address());
    ASSERT_TRUE(client.send(post("/ignored", "Content-Length: " + std::to_string(smuggled.size()) + "\r\n", smuggled) +
                            get("/next")));
    EXPECT_EQ(status_of(client.read_reply()), 200);
    EXPECT_EQ(body_of(client.read_reply()), "/next||Host=x;");
  }
  RawClient client(address());
  ASSERT_TRUE(client.send(post("/ignored", "Transfer-Encoding: chunked\r\n", smuggled)));
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, Not(HasSubstr("/smuggled")));
  EXPECT_THAT(all, HasSubstr("Connection: close"));
}

TEST_P(HttpServerTest, ClientGoneInTheBodyEndsTheHandler) {
  {
    RawClient client(address());
    ASSERT_TRUE(client.send(post("/echo", "Content-Length: 100\r\n", "half")));
    ASSERT_TRUE(seen_.wait([this] { return seen_.requests == 1; }));
  }
  EXPECT_TRUE(seen_.wait([this] { return seen_.broken_bodies == 1; }));
}

}  // namespace
}  // namespace vbrain::http
