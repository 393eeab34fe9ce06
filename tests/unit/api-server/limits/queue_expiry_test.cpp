#include "api-server/limits/queue_expiry.hpp"

#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "base/metrics.hpp"
#include "http/server.hpp"
#include "unit/api-server/held_pool.hpp"
#include "unit/http/raw_client.hpp"

namespace vbrain::api {
namespace {

using http::testing::RawClient;
using http::testing::status_of;
using std::chrono::milliseconds;

// A pod has a time in which to end. Requests that wait for a thread which does not come free would use it up, and be
// cut off at its end without an answer.
TEST(QueueExpiry, WhatWaitsTooLongIsAnsweredWhileTheServerDrains) {
  base::Metrics metrics;
  base::WorkerPool pool("test", 1, 64, milliseconds(20));
  std::optional<QueueExpiry> expiry(std::in_place, std::vector<base::WorkerPool*>{&pool}, milliseconds(5));
  http::IoThreads io(1);
  std::promise<void> asked;
  http::HttpServer server(
      "test", "127.0.0.1:0", {},
      [&](http::Exchange&) -> http::Task<http::Reply> {
        asked.set_value();
        const base::Lane lane(pool);
        const auto work = [] { return http::Reply{}; };
        http::Reply reply = co_await http::run_on(lane, work);
        co_return reply;
      },
      [](const http::RefusedRequest& refused) {
        http::Reply reply;
        reply.status = refused.status;
        return reply;
      },
      io, nullptr, metrics);
  testing::HeldPool held(pool, 1);
  RawClient client(server.address());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  asked.get_future().wait();
  EXPECT_TRUE(server.drain(std::chrono::seconds(30))) << "no request was cut off";
  EXPECT_EQ(status_of(client.read_reply()), 503);
}

}  // namespace
}  // namespace vbrain::api
