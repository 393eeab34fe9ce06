#include "api-server/jobs/space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api-server/jobs/dates.hpp"
#include "artifacts/store/store.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::kMultipartType;
using testing::multipart;
using testing::World;

constexpr const char* kCsv = R"(name="file"; filename="a.csv")";
constexpr std::string_view kRemedy =
    "Remedy: delete jobs or repositories, or ask the operator for a higher storageQuota";

TEST(CheckSpace, RefusesAtTheQuotaAndWhatWouldPassIt) {
  const auto used = [](std::int64_t bytes, std::uint64_t added = 0) {
    TenantSpace space;
    space.measured = job::SpaceUsage{.bytes = bytes};
    space.added = added;
    space.quota = 100;
    return space;
  };
  const struct {
    const char* what;
    TenantSpace space;
    std::uint64_t more;
    std::string want;  // empty: room
  } cases[] = {
      {"no quota", {.measured = job::SpaceUsage{.bytes = 1'000}}, 1'000, ""},
      {"room", used(60), 40, ""},
      {"not measured yet", {.quota = 100}, 100, ""},
      {"one byte too many", used(60), 41,
       "the client stores 60 bytes, its storageQuota is 100 bytes, and this request has 41. "},
      {"used up", used(100), 0, "the client stores 100 bytes, its storageQuota is 100 bytes. "},
      {"beyond", used(200), 5, "the client stores 200 bytes, its storageQuota is 100 bytes. "},
      {"with what was added since", used(60, 30), 11,
       "the client stores 90 bytes, its storageQuota is 100 bytes, and this request has 11. "},
      {"a number that overflows", used(60), UINT64_MAX,
       "the client stores 60 bytes, its storageQuota is 100 bytes, and this request has 18446744073709551615. "},
  };
  for (const auto& c : cases) {
    const auto refused = check_space(c.space, c.more);
    ASSERT_EQ(refused.has_value(), !c.want.empty()) << c.what;
    if (!refused) continue;
    EXPECT_EQ(refused->problem, Problem::kNoSpace) << c.what;
    EXPECT_EQ(refused->detail, c.want + std::string(kRemedy)) << c.what;
  }
}

class SpaceLedgerTest : public ::testing::Test {
 protected:
  static base::TimePoint at(std::int64_t milliseconds) {
    return base::TimePoint(std::chrono::milliseconds(milliseconds));
  }
  void add(std::int64_t milliseconds, std::uint64_t bytes) { ledger_.add(kNorth, at(milliseconds), bytes); }
  void add_upload(std::int64_t milliseconds, std::uint64_t bytes, const std::string& id) {
    ledger_.add(kNorth, at(milliseconds), bytes, id);
  }
  void take_off(const std::string& id, std::int64_t measured_at, std::uint64_t measured = 0) {
    ledger_.take_off(kNorth, id, at(measured_at), measured);
  }
  std::uint64_t since(std::int64_t milliseconds) { return ledger_.since(kNorth, at(milliseconds)).added; }
  std::uint64_t freed_since(std::int64_t milliseconds) { return ledger_.since(kNorth, at(milliseconds)).freed; }

  const artifacts::Tenant kNorth{"acme", "Tutorial", "north"};
  SpaceLedger ledger_;
};

TEST_F(SpaceLedgerTest, AMeasurementEndsWhatWasPublishedBeforeIt) {
  add(1'000, 10);
  add(2'000, 5);
  EXPECT_EQ(since(0), 15U);
  EXPECT_EQ(ledger_.since({"acme", "Tutorial", "south"}, at(0)).added, 0U);
  EXPECT_EQ(since(3'000), 0U);
}

TEST_F(SpaceLedgerTest, WhatIsPublishedDuringAMeasurementStillCounts) {
  add(1'000, 10);
  // A measurement began at second 2; this is published before its result is known.
  add(2'500, 3);
  add(4'000, 2);
  EXPECT_EQ(since(2'000), 5U);
}

TEST_F(SpaceLedgerTest, AMeasurementBeforeTheLastOneCountsToo) {
  // The clock of the last leader was ahead.
  add(10'000, 7);
  EXPECT_EQ(since(5'000), 7U);
  EXPECT_EQ(since(11'000), 0U);
  add(12'000, 1);
  EXPECT_EQ(since(4'000), 1U);
}

TEST_F(SpaceLedgerTest, NothingIsLostWhileNobodyMeasures) {
  for (int i = 0; i < 3'000; ++i) add(i * 1'000, 1);
  EXPECT_EQ(since(0), 3'000U);
}

TEST_F(SpaceLedgerTest, AnUploadThatIsGoneTakesItsOwnBytesOnly) {
  add(1'000, 10);
  add_upload(1'000, 7, "u1");
  add_upload(2'000, 5, "u1");
  add_upload(2'000, 3, "u2");
  EXPECT_EQ(since(0), 25U);
  take_off("u1", 0);
  EXPECT_EQ(since(0), 13U);
  take_off("u1", 0);
  take_off("of another server", 0);
  EXPECT_EQ(since(0), 13U) << "what was never counted here";
  EXPECT_EQ(freed_since(0), 0U) << "nothing was measured";
}

TEST_F(SpaceLedgerTest, WhatWasMeasuredOfAnUploadIsFreedUntilTheNextMeasurement) {
  add_upload(1'000, 7, "u1");
  EXPECT_EQ(since(3'000), 0U) << "it was measured";
  add_upload(4'000, 5, "u1");
  add(4'000, 2);
  take_off("u1", 3'000);
  EXPECT_EQ(since(3'000), 2U);
  EXPECT_EQ(freed_since(3'000), 7U);
  // Of another server, and complete before the measurement.
  take_off("u2", 3'000, 40);
  EXPECT_EQ(freed_since(3'000), 47U);
  EXPECT_EQ(freed_since(9'000), 0U) << "a later measurement has none of it";
  EXPECT_EQ(freed_since(3'000), 0U);
}

TEST_F(SpaceLedgerTest, WhatIsFreedIsOfWhatWasMeasured) {
  TenantSpace space{.measured = job::SpaceUsage{.bytes = 100}, .added = 5, .freed = 30};
  EXPECT_EQ(space.used(), 75U);
  space.freed = 300;
  EXPECT_EQ(space.used(), 5U) << "never less than what was counted here";
}

TEST_F(SpaceLedgerTest, NothingIsLostOfManyUploads) {
  for (int i = 0; i < 3'000; ++i) add_upload(i * 1'000, 1, "u" + std::to_string(i % 1'500));
  for (int i = 0; i < 300; ++i) add_upload(i * 1'000, 1, "long");
  EXPECT_EQ(since(0), 3'300U);
}

class SpaceTest : public ::testing::Test {
 protected:
  void change_client(const std::function<void(job::Client&)>& change) {
    auto client = std::make_shared<job::Client>(*world_.clients.get("acme"));
    change(*client);
    world_.clients.put("acme", client);
  }
  void set(const std::string& quota, std::int64_t bytes) {
    change_client([&](job::Client& client) {
      client.storage_quota = quota;
      client.usage =
          job::SpaceUsage{.bytes = bytes, .files = 3, .jobs = 2, .repositories = 1, .measured_at = world_.clock.now()};
    });
  }
  static void expect_full(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 507) << reply.body;
    EXPECT_EQ(reply.json().value("error", ""), "Insufficient storage");
    EXPECT_THAT(reply.json().value("detail", ""), HasSubstr(std::string(kRemedy)));
  }
  std::size_t stored() { return world_.volume->repositories(World::tenant()).size(); }

  World world_;
};

TEST_F(SpaceTest, NewWorkIsRefusedWhenTheQuotaIsUsedUp) {
  const std::string repository = world_.post_json("/api/v1/repository", "{}").json().at("repository_id");
  set("1Ki", 1024);
  expect_full(world_.post_json("/api/v1/repository", "{}"));
  expect_full(world_.post_json("/api/v1/job/execute", "{}"));
  expect_full(world_.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository}}));
  EXPECT_EQ(stored(), 1U);
  EXPECT_EQ(world_.get("/api/v1/repository/" + repository).status, 200);
  EXPECT_EQ(world_.remove("/api/v1/repository/" + repository).status, 200);
  set("1Ki", 0);
  EXPECT_EQ(world_.post_json("/api/v1/repository", "{}").status, 201);
}

TEST_F(SpaceTest, AnUploadThatWouldPassTheQuotaIsRefused) {
  set("1000", 500);
  const std::string body = multipart({{kCsv, std::string(600, 'x') + "\n"}});
  expect_full(world_.post("/api/v1/repository", kMultipartType, body));
  EXPECT_EQ(stored(), 0U);
}

TEST_F(SpaceTest, WhatWasPublishedSinceTheMeasurementCounts) {
  set("1500", 500);
  const std::string body = multipart({{kCsv, std::string(700, 'x') + "\n"}});
  EXPECT_EQ(world_.post("/api/v1/repository", kMultipartType, body).status, 201);
  expect_full(world_.post("/api/v1/repository", kMultipartType, body));
  EXPECT_EQ(world_.get("/api/v1/usage").json().at("bytes_used"), 1201);
  world_.clock.advance(std::chrono::seconds(60));
  set("1500", 600);
  EXPECT_EQ(world_.post("/api/v1/repository", kMultipartType, body).status, 201);
}

TEST_F(SpaceTest, JobsOfABatchCountAtOnce) {
  const std::string repository = world_.post_json("/api/v1/repository", "{}").json().at("repository_id");
  const testing::Headers in_repository{{"repository_id", repository}};
  set("900k", 0);
  std::string list;
  for (int i = 0; i < 10; ++i) list += (i == 0 ? "" : ",") + (R"({"a":")" + std::string(50'000, 'x') + "\"}");
  const std::string body = R"({"params":[)" + list + "]}";
  EXPECT_EQ(world_.post_json("/api/v1/job/batch", body, in_repository).status, 201);
  EXPECT_GE(world_.get("/api/v1/usage").json().at("bytes_used"), 500'000);
  expect_full(world_.post_json("/api/v1/job/batch", body, in_repository));
  EXPECT_EQ(world_.kube.objects().size(), 10U);
}

TEST_F(SpaceTest, ABatchNeedsRoomForWhatEachJobRepeatsOfTheRepository) {
  const std::string large = R"({"params":{"a":")" + std::string(100'000, 'x') + "\"}}";
  const std::string repository = world_.post_json("/api/v1/repository", large).json().at("repository_id");
  const testing::Headers headers{{"repository_id", repository}, {"Idempotency-Key", "k"}};
  const std::string body = R"({"params":[{},{},{},{},{},{},{},{},{},{}]})";
  set("900k", 0);
  expect_full(world_.post_json("/api/v1/job/batch", body, {{"repository_id", repository}}));
  expect_full(world_.post_json("/api/v1/job/batch", body, headers));
  EXPECT_EQ(world_.kube.objects().size(), 0U);
  set("2M", 0);
  EXPECT_EQ(world_.post_json("/api/v1/job/batch", body, headers).status, 201) << "the key was not used up";
}

TEST_F(SpaceTest, ParamsOfAJobCountAtOnce) {
  const std::string repository = world_.post_json("/api/v1/repository", "{}").json().at("repository_id");
  set("900k", 0);
  const std::string body = R"({"params":{"a":")" + std::string(500'000, 'x') + "\"}}";
  EXPECT_EQ(world_.post_json("/api/v1/job/execute", body, {{"repository_id", repository}}).status, 201);
  EXPECT_GE(world_.get("/api/v1/usage").json().at("bytes_used"), 500'000);
  expect_full(world_.post_json("/api/v1/job/execute", body, {{"repository_id", repository}}));
}

// The first try has published the input, and could not create the job's resource. Its own space must not keep the same
// request from completing it.
TEST_F(SpaceTest, ARepeatedRequestNeedsNoRoomForWhatItsFirstTryStored) {
  const std::string repository = world_.post_json("/api/v1/repository", "{}").json().at("repository_id");
  const std::string body = multipart({{kCsv, std::string(700, 'x') + "\n"}});
  for (const bool in_repository : {false, true}) {
    testing::Headers key{{"Idempotency-Key", in_repository ? "k1" : "k2"}};
    if (in_repository) key.emplace_back("repository_id", repository);
    set("1500", 500);
    world_.kube.answer = [](const kube::Request&) -> kube::KubeResult<kube::Response> {
      return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kTimeout});
    };
    EXPECT_EQ(world_.post("/api/v1/job/execute", kMultipartType, body, key).status, 503);
    world_.kube.answer = {};
    set("1500", 1400);
    expect_full(world_.post("/api/v1/job/execute", kMultipartType, body, {{"Idempotency-Key", "new"}}));
    const HttpReply done = world_.post("/api/v1/job/execute", kMultipartType, body, key);
    EXPECT_EQ(done.status, 201) << done.body;
    world_.clock.advance(std::chrono::seconds(60));
  }
}

TEST_F(SpaceTest, AnotherTenantsQuotaDoesNotCount) {
  set("1Ki", 1024);
  EXPECT_EQ(world_.call("POST", "/api/v1/repository", World::identity("eve"), "").status, 201);
}

TEST_F(SpaceTest, EveryUserMayAskForTheUsage) {
  EXPECT_EQ(world_.get("/api/v1/usage").body, R"({"role":"leader","bytes_used":0})");
  set("1Ki", 77);
  json want = {{"bytes_used", 77}, {"bytes_quota", 1024}, {"files", 3},
               {"jobs", 2},        {"repositories", 1},   {"measured_on", format_created_on(world_.clock.now())}};
  for (const auto& [user, role] : {std::pair{"ana", "leader"}, {"dora", "developer"}, {"stan", "stakeholder"}}) {
    want["role"] = role;
    const HttpReply reply = world_.call("GET", "/api/v1/usage", World::identity(user));
    EXPECT_EQ(reply.status, 200) << user;
    EXPECT_EQ(reply.json(), want) << user;
  }
  EXPECT_EQ(world_.call("GET", "/api/v1/usage", World::identity("eve")).body, R"({"role":"leader","bytes_used":0})");
}

TEST_F(SpaceTest, AnEndedJobTellsWhenItExpires) {
  const std::string id = world_.make_job(job::Phase::kFinished);
  job::JobStatus status = world_.jobs.get(id)->status;
  status.completion_time = world_.clock.now();
  world_.set_status(id, status);
  world_.record(id);
  const json without = world_.get("/api/v1/job/" + id).json();
  EXPECT_FALSE(without.contains("expires_on"));
  change_client([](job::Client& client) { client.retention.jobs_max_age_seconds = 7200; });
  auto application = std::make_shared<job::Application>(*world_.applications.get("tutorial"));
  application->retention.jobs_max_age_seconds = 3600;
  world_.applications.put("tutorial", application);
  const auto ended = world_.jobs.get(id)->status.completion_time;
  ASSERT_TRUE(ended);
  EXPECT_EQ(world_.get("/api/v1/job/" + id).json().value("expires_on", ""),
            format_created_on(*ended + std::chrono::hours(1)));
  const std::string queued = world_.make_job(job::Phase::kStarted);
  EXPECT_FALSE(world_.get("/api/v1/job/" + queued).json().contains("expires_on"));
}

}  // namespace
}  // namespace vbrain::api
