#include "http/health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/metrics.hpp"
#include "http/server.hpp"
#include "unit/http/raw_client.hpp"

namespace vbrain::http {
namespace {

using testing::body_of;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::status_of;

HealthChecks checks(std::string not_ready = {}, std::string not_alive = {}) {
  return {.not_ready = [not_ready] { return not_ready; },
          .not_alive = [not_alive] { return not_alive; },
          .metrics = [] { return std::string("up 1\n"); }};
}

std::string text_of(const Reply& reply) {
  return std::get<std::string>(reply.body);
}

TEST(Health, AnswersByMethodAndPath) {
  struct Case {
    Method method;
    const char* path;
    int want_status;
    const char* want_text;
  };
  const Case cases[] = {
      {Method::kGet, "/livez", 200, "ok\n"},
      {Method::kGet, "/readyz", 200, "ok\n"},
      {Method::kGet, "/metrics", 200, "up 1\n"},
      {Method::kHead, "/livez", 200, "ok\n"},
      {Method::kGet, "/", 404, "not found\n"},
      {Method::kPost, "/other", 404, "not found\n"},
      {Method::kPost, "/livez", 405, "only GET and HEAD\n"},
      {Method::kOther, "/metrics", 405, "only GET and HEAD\n"},
  };
  for (const Case& c : cases) {
    const Reply reply = answer_health(c.method, c.path, checks());
    EXPECT_EQ(reply.status, c.want_status) << c.path;
    EXPECT_EQ(text_of(reply), c.want_text) << c.path;
    EXPECT_TRUE(reply.close) << c.path;
  }
}

TEST(Health, SaysWhyItIsNotReadyOrNotAlive) {
  struct Case {
    const char* not_ready;
    const char* not_alive;
    int want_readyz;
    int want_livez;
  };
  const Case cases[] = {{"", "", 200, 200},
                        {"stopping", "", 503, 200},
                        {"", "the volume hangs", 200, 503},
                        {"starting", "stuck", 503, 503}};
  for (const Case& c : cases) {
    const Reply ready = answer_health(Method::kGet, "/readyz", checks(c.not_ready, c.not_alive));
    EXPECT_EQ(ready.status, c.want_readyz);
    EXPECT_EQ(text_of(ready), c.want_readyz == 200 ? "ok\n" : std::string(c.not_ready) + "\n");
    const Reply alive = answer_health(Method::kGet, "/livez", checks(c.not_ready, c.not_alive));
    EXPECT_EQ(alive.status, c.want_livez);
    EXPECT_EQ(text_of(alive), c.want_livez == 200 ? "ok\n" : std::string(c.not_alive) + "\n");
  }
}

TEST(Health, IsAliveWithoutACheck) {
  HealthChecks without = checks();
  without.not_alive = nullptr;
  EXPECT_EQ(answer_health(Method::kGet, "/livez", without).status, 200);
}

TEST(Health, ServesOneRequestWhileOthersDawdle) {
  base::Metrics metrics;
  const HealthListener listener("127.0.0.1:0", checks(), metrics);
  RawClient silent[5]{RawClient(listener.address()), RawClient(listener.address()), RawClient(listener.address()),
                      RawClient(listener.address()), RawClient(listener.address())};
  RawClient client(listener.address());
  for (const std::string_view part : {"GET /met", "rics?x=y HTTP/1.1\r\nHost: x\r\n", "\r\n"}) {
    ASSERT_TRUE(client.send(part));
  }
  const std::string reply = client.read_reply();
  EXPECT_EQ(status_of(reply), 200);
  EXPECT_EQ(body_of(reply), "up 1\n");
  EXPECT_THAT(reply, HasSubstr("Connection: close"));
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(Health, RefusesLargeAndMalformedRequests) {
  base::Metrics metrics;
  const HealthListener listener("127.0.0.1:0", checks(), metrics);
  const std::pair<std::string, int> cases[] = {{"GET /livez\r\n\r\n", 400},
                                               {"GET /livez SMTP\r\n\r\n", 400},
                                               {"GET /livez HTTP/1.1\r\nA: " + std::string(9000, 'x'), 431}};
  for (const auto& [request, want_status] : cases) {
    RawClient client(listener.address());
    static_cast<void>(client.send(request));
    EXPECT_EQ(status_of(client.read_reply()), want_status) << request.substr(0, 40);
  }
}

TEST(Health, CutsAConnectionAfterFiveSeconds) {
  base::Metrics metrics;
  const HealthListener listener("127.0.0.1:0", checks(), metrics);
  RawClient client(listener.address());
  ASSERT_TRUE(client.send("GET /livez HTTP/1.1\r\n"));
  EXPECT_TRUE(client.is_closed_by_peer());  // waits at most 10 s
}

TEST(Health, RefusesAnAddressThatIsNone) {
  base::Metrics metrics;
  for (const char* address : {"", "localhost", "127.0.0.1", "127.0.0.1:http", "999.0.0.1:0", "host.invalid:0"}) {
    EXPECT_THROW(HealthListener(address, checks(), metrics), std::runtime_error) << address;
  }
}

TEST(IoThreads, TellsThatOneOfThemHangs) {
  IoThreads io(2);
  EXPECT_EQ(io.unresponsive_for().count(), 0);
  std::promise<void> begun;
  std::promise<void> release;
  boost::asio::post(io.next(), [&] {
    begun.set_value();
    release.get_future().wait();
  });
  begun.get_future().wait();
  static_cast<void>(io.unresponsive_for());  // asks the thread that hangs, if no question is open
  EXPECT_GT(io.unresponsive_for().count(), 0);
  release.set_value();
  while (io.unresponsive_for().count() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace vbrain::http
