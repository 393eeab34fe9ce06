// What a tenant at its limit is told, and that others do not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api-server/limits/tenants.hpp"
#include "unit/api-server/held_pool.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::Not;
using testing::RawClient;
using testing::status_of;
using testing::World;

const std::string kUsage = "/api/v1/usage";

std::string request_of(const std::string& username, const std::string& path) {
  std::string text = "GET " + path + " HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [name, value] : World::identity(username)) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

TEST(RequestRate, OneTooManyIs429AndOthersAreServed) {
  World world(Limits{.max_requests_per_second = 2});
  for (const char* rest : {R"("default";r=1;t=1)", R"("default";r=0;t=1)"}) {
    const HttpReply reply = world.get(kUsage);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("RateLimit-Policy"), R"("default";q=2;w=1)");
    EXPECT_EQ(reply.header("RateLimit"), rest);
  }
  const auto begun = std::chrono::steady_clock::now();
  const HttpReply refused = world.call("GET", kUsage, World::identity("dora"));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(100)) << "who goes on at once waits";
  EXPECT_EQ(refused.status, 429) << "all users of a tenant have one rate";
  EXPECT_EQ(refused.body,
            R"({"error":"Too many requests","detail":"your client sends more requests than it may )"
            R"((--max-requests-per-second); send fewer, and this one again after the time in Retry-After"})");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("RateLimit-Policy"), R"("default";q=2;w=1)");
  EXPECT_EQ(refused.header("RateLimit"), R"("default";r=0;t=1)");
  EXPECT_EQ(world.call("GET", kUsage, World::identity("eve")).status, 200) << "another tenant";
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_tenant_limit_total{reason=\"rate\"} 1\n"));
  world.clock.advance(std::chrono::milliseconds(500));
  EXPECT_EQ(world.get(kUsage).status, 200);
  EXPECT_EQ(world.get(kUsage).status, 429);
}

TEST(RequestRate, AllAnswersToRightKeysSayWhatIsLeft) {
  World world(Limits{.max_requests_per_second = 1, .max_request_burst = 10});
  EXPECT_EQ(world.get("/api/v1/job/0190a0b0-0000-7000-8000-000000000000").header("RateLimit"), R"("default";r=9;t=1)");
  EXPECT_EQ(world.remove("/api/v1/job/0190a0b0-0000-7000-8000-000000000000", "stan").status, 403);
  EXPECT_EQ(world.get(kUsage).header("RateLimit"), R"("default";r=7;t=1)");
  Headers wrong = World::identity("ana");
  wrong.back().second = World::key("eve");
  const HttpReply unknown = world.call("GET", kUsage, wrong);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_THAT(unknown.head, Not(HasSubstr("RateLimit")));
  EXPECT_EQ(world.get(kUsage).header("RateLimit"), R"("default";r=6;t=1)")
      << "a wrong key takes nothing of the tenant's";
}

TEST(RequestRate, IsNotToldWhereAnotherLimitIsReached) {
  World world(Limits{.max_uploads = 1, .max_requests_per_second = 10});
  const auto create = [&] {
    Headers headers = World::identity("ana");
    headers.emplace_back("Tus-Resumable", "1.0.0");
    headers.emplace_back("Upload-Length", "1");
    return world.call("POST", "/api/v1/uploads", headers);
  };
  EXPECT_EQ(create().header("RateLimit"), R"("default";r=9;t=1)");
  const HttpReply refused = create();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "60");
  EXPECT_EQ(refused.header("RateLimit-Policy"), R"("default";q=10;w=1, "uploads";q=1)");
  EXPECT_EQ(refused.header("RateLimit"), R"("uploads";r=0;t=60)") << "8 are left, and this one would fail again";
}

TEST(RequestRate, WithoutALimitNothingIsSaid) {
  World world;
  for (int i = 0; i < 20; ++i) {
    const HttpReply reply = world.get(kUsage);
    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.head, Not(HasSubstr("RateLimit")));
  }
}

// A connection that has answered a request of the user.
std::unique_ptr<RawClient> connection_of(World& world, const std::string& username) {
  auto client = std::make_unique<RawClient>(world.server->address());
  EXPECT_TRUE(client->send(request_of(username, kUsage)));
  EXPECT_EQ(status_of(client->read_reply()), 200);
  return client;
}

TEST(Connections, OfATenantAreLimitedAndAnotherIsServed) {
  World world(Limits{.max_connections_per_tenant = 2});
  std::vector<std::unique_ptr<RawClient>> open;
  open.push_back(connection_of(world, "ana"));
  open.push_back(connection_of(world, "dora"));
  RawClient third(world.server->address());
  ASSERT_TRUE(third.send(request_of("stan", kUsage)));
  const std::string refused = third.read_to_end();  // the server closes it
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(refused, HasSubstr("--max-connections-per-tenant"));
  EXPECT_THAT(refused, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(refused, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(refused, HasSubstr("\r\nRateLimit-Policy: \"connections\";q=2;qu=\"concurrent-requests\"\r\n"));
  EXPECT_THAT(refused, HasSubstr("\r\nRateLimit: \"connections\";r=0;t=1\r\n"));
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_tenant_limit_total{reason=\"connections\"} 1\n"));
  for (const auto& client : open) {
    ASSERT_TRUE(client->send(request_of("ana", kUsage)));
    EXPECT_EQ(status_of(client->read_reply()), 200) << "those that are open go on";
  }
  EXPECT_EQ(world.call("GET", kUsage, World::identity("eve")).status, 200) << "another tenant";
  open.pop_back();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int status = 429;
  while (status == 429 && std::chrono::steady_clock::now() < end) status = world.get(kUsage).status;
  EXPECT_EQ(status, 200) << "one has ended";
}

// As of a proxy, whose connections carry requests of all.
TEST(Connections, CountForTheTenantThatUsedThemLast) {
  World world(Limits{.max_connections_per_tenant = 1});
  const auto shared = connection_of(world, "ana");
  EXPECT_EQ(world.get(kUsage).status, 429);
  ASSERT_TRUE(shared->send(request_of("eve", kUsage)));
  EXPECT_EQ(status_of(shared->read_reply()), 200);
  EXPECT_EQ(world.get(kUsage).status, 200);
  EXPECT_EQ(world.call("GET", kUsage, World::identity("eve")).status, 429);
}

TEST(Tenants, HaveLanesOfTheirOwnUntilThereAreTooMany) {
  World world(Limits{.max_requests_per_second = 1});
  Tenants tenants(*world.services, 2);
  Seat& first = tenants.of({"a", "x", "1"});
  EXPECT_EQ(&tenants.of({"a", "x", "1"}), &first);
  EXPECT_NE(&tenants.of({"a", "x", "2"}), &first);
  Seat& beyond = tenants.of({"a", "x", "3"});
  EXPECT_NE(&beyond, &first);
  EXPECT_EQ(&tenants.of({"a", "x", "3"}), &beyond);
  EXPECT_TRUE(first.bucket.limits());
  EXPECT_NE(first.connections, nullptr);
  EXPECT_EQ(beyond.connections, nullptr);
  EXPECT_FALSE(beyond.bucket.limits()) << "tenants that share a seat would use up each other's tokens";
}

// All threads are held, and the tenant's own requests fill its half of the queue.
TEST(Queue, ATenantThatFillsItsPartGets429AndAnotherIsServed) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  const std::string of_eve = world.make_job(Phase::kFinished, "eve");
  testing::HeldPool held(*world.bulk_workers, World::kBulkWorkers);
  const std::string logs = request_of("ana", "/api/v1/job/" + id + "/logs");
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 32; ++i) {
    waiting.push_back(std::make_unique<RawClient>(world.server->address()));
    ASSERT_TRUE(waiting.back()->send(logs));
    ASSERT_EQ(world.get(kUsage).status, 200);  // the only I/O thread has posted the request before
  }
  const HttpReply refused = world.get("/api/v1/job/" + id + "/logs");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("--max-queued"));
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("RateLimit-Policy"), R"("queue";q=32;qu="concurrent-requests")");
  EXPECT_EQ(refused.header("RateLimit"), R"("queue";r=0;t=1)");
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_tenant_limit_total{reason=\"queue\"} 1\n"));
  RawClient eve(world.server->address());
  ASSERT_TRUE(eve.send(request_of("eve", "/api/v1/job/" + of_eve + "/logs")));
  EXPECT_EQ(world.get(kUsage).status, 200);
  EXPECT_FALSE(eve.is_readable()) << "it waits, and is not refused";
  held.release();
  EXPECT_EQ(status_of(eve.read_reply()), 200);
  for (const auto& client : waiting) EXPECT_EQ(status_of(client->read_reply()), 200);
}

// Nobody has to poll faster than others for it: slow readers of large answers are enough.
TEST(Memory, ATenantThatHasItsPartGets429AndAnotherIsServed) {
  World world;
  const std::string large = R"({"params":{"a":")" + std::string(60'000, 'x') + "\"}}";
  const auto make = [&](const std::string& username) {
    Headers headers = World::identity(username);
    headers.emplace_back("Content-Type", "application/json");
    const HttpReply made = world.call("POST", "/api/v1/repository", headers, large);
    return "/api/v1/repository/" + made.json()["repository_id"].get<std::string>() + "/params";
  };
  const std::string of_ana = make("ana");
  const std::string of_eve = make("eve");
  std::optional<TenantBudget::Share> held(std::in_place, *world.json_budget, World::tenant());
  held->cover(world.json_budget->room(World::tenant()));
  const HttpReply refused = world.get(of_ana);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body,
            R"({"error":"Too many requests","detail":"your client has as much JSON under way as it may (half of )"
            R"(--max-json-memory); send fewer or smaller requests at a time, read answers to their end, and send )"
            R"(this one again after the time in Retry-After"})");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("RateLimit-Policy"),
            "\"memory\";q=" + std::to_string(world.json_budget->tenant_bytes()) + ";qu=\"content-bytes\"");
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_tenant_limit_total{reason=\"memory\"} 1\n"));
  const artifacts::Tenant third{"initech", "Tutorial", "north"};
  const std::uint64_t left = world.json_budget->room(third);
  EXPECT_EQ(world.call("GET", of_eve, World::identity("eve")).status, 200);
  // The answer gives its room back a moment after its client has it.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (world.json_budget->room(third) != left && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  // All together have no more: that is nobody's own limit.
  TenantBudget::Share rest(*world.json_budget, third);
  rest.cover(left);
  const HttpReply overload = world.call("GET", of_eve, World::identity("eve"));
  EXPECT_EQ(overload.status, 503);
  EXPECT_THAT(overload.body, HasSubstr("the server is overloaded"));
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_tenant_limit_total{reason=\"memory\"} 1\n"));
  held.reset();
  EXPECT_EQ(world.get(of_ana).status, 200);
}

bool wait_for_connections(World& world, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (world.server->connections() != count && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return world.server->connections() == count;
}

TEST(Queue, WhatAClientThatLeftHadQueuedIsDropped) {
  http::HttpOptions options;
  options.idle_timeout = std::chrono::milliseconds(40);  // how often the server looks
  World world(Limits{}, options);
  const std::string id = world.make_job(Phase::kFinished);
  testing::HeldPool held(*world.bulk_workers, World::kBulkWorkers);
  const std::string logs = request_of("ana", "/api/v1/job/" + id + "/logs");
  RawClient stays(world.server->address());
  ASSERT_TRUE(stays.send(logs));
  RawClient leaves(world.server->address());
  ASSERT_TRUE(leaves.send(logs + "more bytes that nobody reads"));
  ASSERT_EQ(world.get(kUsage).status, 200);
  leaves.close();
  EXPECT_TRUE(wait_for_connections(world, 1)) << "the thread that it waits for is still held";
  EXPECT_FALSE(stays.is_readable());
  held.release();
  EXPECT_EQ(status_of(stays.read_reply()), 200);
}

}  // namespace
}  // namespace vbrain::api
