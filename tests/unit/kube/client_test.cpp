#include "kube/api/api_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "support/cpp/fake_api_server.hpp"
#include "unit/kube/things.hpp"

namespace vbrain::kube {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  testing::FakeApiServer server_;
  ApiClient client_{server_};
};

TEST_F(ClientTest, CreatesReadsReplacesTheStatusAndRemoves) {
  const auto created = client_.create<Thing>("ns", thing_json("a", "1"));
  ASSERT_TRUE(created);
  EXPECT_EQ(created->value, "1");
  auto read = client_.get<Thing>("ns", "a");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->meta.uid, created->meta.uid);

  auto next = thing_json("a", "2");
  next["metadata"]["resourceVersion"] = read->meta.resource_version;
  next["status"] = {{"done", true}};
  const auto replaced = client_.replace_status<Thing>("ns", next);
  ASSERT_TRUE(replaced);
  EXPECT_NE(replaced->meta.resource_version, read->meta.resource_version);
  const auto stale = client_.replace_status<Thing>("ns", next);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, ErrorCode::kConflict);

  const auto refused = client_.remove(Thing::kType, "ns", "a", {.preconditions = {.uid = "another"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(client_.remove(Thing::kType, "ns", "a", {.preconditions = {.uid = read->meta.uid}}));
  const auto absent = client_.get<Thing>("ns", "a");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
}

TEST_F(ClientTest, WhoKnowsWhatItWroteReadsOnlyTheMetadata) {
  const auto created = client_.create_for_meta(Thing::kType, "ns", thing_json("a", "1"));
  ASSERT_TRUE(created);
  EXPECT_EQ(created->name, "a");
  auto next = thing_json("a", "2");
  next["metadata"]["resourceVersion"] = created->resource_version;
  next["status"] = {{"done", true}};
  const auto written = client_.replace_status_for_meta(Thing::kType, "ns", next);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->uid, created->uid);
  EXPECT_EQ(written->resource_version, client_.get<Thing>("ns", "a")->meta.resource_version);
  const auto stale = client_.replace_status_for_meta(Thing::kType, "ns", next);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, ErrorCode::kConflict);
  EXPECT_EQ(std::ranges::count(server_.requests(), true, &Request::only_metadata), 3);
}

TEST_F(ClientTest, TheStatusIsWrittenAlone) {
  const auto created = client_.create(Thing::kType, "ns", thing_json("a", "1"));
  auto body = *created;
  body["spec"]["value"] = "changed";
  body["status"] = {{"phase", "Started"}};
  const auto written = client_.replace_status<Thing>("ns", body);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->value, "1");
  const auto stored = client_.call({.method = "GET", .target = kThings + "/a"});
  ASSERT_TRUE(stored);
  EXPECT_EQ(nlohmann::json::parse(stored->body)["status"]["phase"], "Started");
}

TEST_F(ClientTest, Patches) {
  ASSERT_TRUE(client_.create(Thing::kType, "ns", thing_json("a", "1")));
  const auto merged = client_.patch<Thing>("ns", "a", {{"spec", {{"value", "2"}}}});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->value, "2");
  const auto refused =
      client_.patch<Thing>("ns", "a", {{"metadata", {{"resourceVersion", "1"}}}, {"spec", {{"value", "3"}}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

TEST_F(ClientTest, AnObjectThatCannotBeDecodedIsAnError) {
  server_.put(kThings, thing_json("bad", 7));
  const auto read = client_.get<Thing>("ns", "bad");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kInternal);
  EXPECT_EQ(read.error().reason, "Malformed");
}

// Blocks every call until the test releases them.
class Turnstile final : public Transport {
 public:
  KubeResult<Response> call(const Request&, std::stop_token) override {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --inside_;
    return Response{.status = 200, .body = "{}"};
  }
  KubeResult<void> stream(const Request&, const StreamOptions&, const ChunkSink&, std::stop_token) override {
    return {};
  }
  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  void wait_until_inside(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
};

const Request kRequest{.method = "GET", .target = kThings + "/a"};

TEST(ApiClient, LimitsTheCallsInFlight) {
  Turnstile transport;
  ApiClient client(transport, 2);
  std::stop_source stop;
  stop.request_stop();
  for (int round = 0; round < 3; ++round) {
    transport.set_open(false);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] { EXPECT_TRUE(client.call(kRequest)); });
    }
    transport.wait_until_inside(2);
    // The third call gets no slot, so it is cancelled while it waits.
    const auto third = client.call(kRequest, stop.get_token());
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::kCancelled);
    threads.emplace_back([&] { EXPECT_TRUE(client.call(kRequest)); });
    transport.set_open(true);
  }
}

TEST(ApiClient, AWaiterIsCancelledByItsStopToken) {
  Turnstile transport;
  ApiClient client(transport, 0);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto result = client.call(kRequest, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace vbrain::kube
