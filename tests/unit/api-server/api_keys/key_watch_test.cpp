// The watch of Keys: a cluster that does not know them yet, and what is written at the end.
#include "api-server/api_keys/key_watch.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "support/cpp/fake_api_server.hpp"
#include "unit/api-server/api_keys/fake_keys.hpp"

namespace vbrain::api {
namespace {

using std::chrono::milliseconds;
using testing::kKeysOf;

bool reaches(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

nlohmann::json key_object() {
  return {{"apiVersion", "vbrain.visagio.com/v1"},
          {"kind", "Key"},
          {"metadata", {{"name", "q7m2x9k4w1ab"}, {"namespace", "vbrain"}}},
          {"spec",
           {{"organizationId", "acme"},
            {"applicationId", "Tutorial"},
            {"clientId", "north"},
            {"username", "ana"},
            {"sha256", std::string(64, 'a')}}}};
}

class KeyWatchTest : public ::testing::Test {
 protected:
  vbrain::testing::FakeApiServer server;
  kube::ApiClient client{server};
  base::Metrics metrics;
  base::SystemClock clock;
  KeyWatchPeriods periods{milliseconds(5), milliseconds(5), std::chrono::hours(1)};
  KeyWatch watch{server, client, "vbrain", metrics, clock, periods};
};

TEST_F(KeyWatchTest, StartsWithoutTheirDefinitionAndTakesThemWhenItIsThere) {
  using kube::ErrorCode;
  server.put(kKeysOf, key_object());
  EXPECT_EQ(watch.state(), KeysState::kStarting);
  for (const auto& [code, state] : {std::pair(ErrorCode::kNotFound, KeysState::kNotServed),
                                    std::pair(ErrorCode::kForbidden, KeysState::kForbidden)}) {
    server.set_before([code = code](const kube::Request&) { return kube::Error{.code = code}; });
    if (code == ErrorCode::kNotFound) watch.start();
    EXPECT_TRUE(reaches([&, state = state] { return watch.state() == state; }));
  }
  // What it has said stays as long as the API server does not answer at all.
  std::atomic<int> asked = 0;
  server.set_before([&](const kube::Request&) {
    ++asked;
    return kube::Error{.code = ErrorCode::kUnavailable};
  });
  EXPECT_TRUE(reaches([&] { return asked > 1; }));
  EXPECT_EQ(watch.state(), KeysState::kForbidden);
  EXPECT_EQ(watch.store().size(), 0U);
  server.set_before({});
  EXPECT_TRUE(reaches([&] { return watch.state() == KeysState::kKnown; }));
  EXPECT_NE(watch.store().get("q7m2x9k4w1ab"), nullptr);
  EXPECT_EQ(watch.store().by_index(kIssuedIndex, tenant_key({"acme", "Tutorial", "north"})).size(), 1U);
}

TEST_F(KeyWatchTest, TheUsesThatAreLeftAreWrittenAtTheEnd) {
  server.put(kKeysOf, key_object());
  watch.start();
  ASSERT_TRUE(reaches([&] { return watch.state() == KeysState::kKnown; }));
  watch.uses().note(*watch.store().get("q7m2x9k4w1ab"), *base::parse_rfc3339("2026-06-01T12:30:00Z"));
  watch.stop();
  EXPECT_EQ(server.object(kKeysOf + "/q7m2x9k4w1ab")["status"]["lastUsedTime"], "2026-06-01T12:00:00Z");
}

TEST_F(KeyWatchTest, AServerThatNeverKnewThemEnds) {
  server.set_before([](const kube::Request&) { return kube::Error{.code = kube::ErrorCode::kNotFound}; });
  watch.start();
  ASSERT_TRUE(reaches([&] { return watch.state() == KeysState::kNotServed; }));
  watch.stop();
  EXPECT_EQ(watch.state(), KeysState::kNotServed);
}

}  // namespace
}  // namespace vbrain::api
