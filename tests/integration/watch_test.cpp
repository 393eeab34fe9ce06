#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "integration/config_maps.hpp"
#include "integration/control_plane.hpp"
#include "kube/cache/watch_decoder.hpp"

namespace vbrain::testing {
namespace {

using namespace std::chrono_literals;
using kube::ErrorCode;
using nlohmann::json;

Mirror::Versions versions_of(Connection& connection) {
  const auto maps = list_config_maps(connection.client(), connection.ns());
  Mirror::Versions versions;
  for (const auto& map : maps) versions[map.meta.name] = map.meta.resource_version;
  return versions;
}

TEST(Watch, FollowsWhatOthersDo) {
  Connection connection;
  auto& client = connection.client();
  for (int i = 0; i < 25; ++i) {
    ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), config_map("start-" + std::to_string(i), "x")));
  }
  base::Metrics metrics;
  kube::Informer<ConfigMap> informer(connection.transport(), connection.ns(), "", metrics, {.page_size = 10});
  Mirror mirror;
  informer.add_handler([&](const auto& change) { mirror.take(change); });
  informer.start();
  ASSERT_TRUE(informer.wait_synced(std::stop_source().get_token()));
  EXPECT_EQ(informer.store().size(), 25u);
  ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), config_map("new", "1")));
  ASSERT_TRUE(replace(client, connection.ns(), config_map("start-3", "changed")));
  ASSERT_TRUE(client.remove(ConfigMap::kType, connection.ns(), "start-4"));
  EXPECT_TRUE(mirror.becomes(versions_of(connection)));
  EXPECT_EQ(informer.store().get("start-3")->value, "changed");
  EXPECT_EQ(informer.store().get("start-4"), nullptr);
  EXPECT_EQ(mirror.changes(), 25 + 3);
}

TEST(Watch, AnInformerWithASelectorSeesOnlyItsObjects) {
  Connection connection;
  auto& client = connection.client();
  auto labelled = config_map("mine", "1");
  labelled["metadata"]["labels"] = {{"vbrain.visagio.com/job", "a"}};
  ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), labelled));
  ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), config_map("other", "1")));
  base::Metrics metrics;
  kube::Informer<ConfigMap> informer(connection.transport(), connection.ns(), "vbrain.visagio.com/job=a", metrics);
  Mirror mirror;
  informer.add_handler([&](const auto& change) { mirror.take(change); });
  informer.start();
  ASSERT_TRUE(mirror.has_seen("mine"));
  EXPECT_EQ(informer.store().size(), 1u);
  // For this informer, an object that no longer matches the selector is deleted.
  ASSERT_TRUE(client.patch<ConfigMap>(connection.ns(), "mine",
                                      {{"metadata", {{"labels", {{"vbrain.visagio.com/job", "b"}}}}}}));
  EXPECT_TRUE(mirror.becomes({}));
}

// A writer that continues while the API server stops and starts. Names are never reused, so that a create that was sent
// twice is detected.
class Writer {
 public:
  explicit Writer(const std::string& ns) : ns_(ns) {}

  void start() {
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  int written() const { return written_; }

 private:
  void run(std::stop_token stop) {
    std::minstd_rand random(11);
    for (int i = 0; !stop.stop_requested(); ++i) {
      const std::string name = "w-" + std::to_string(i);
      auto& client = connection_.client();
      const auto made = client.create<ConfigMap>(ns_, config_map(name, "1"), stop);
      if (!made) {
        std::this_thread::sleep_for(20ms);
        continue;
      }
      ++written_;
      if (random() % 2 == 0) (void)replace(client, ns_, config_map(name, "2"), stop);
      if (random() % 4 == 0) (void)client.remove(ConfigMap::kType, ns_, name, {}, stop);
    }
  }

  const std::string ns_;
  Connection connection_;
  std::atomic<int> written_{0};
  std::jthread thread_;
};

TEST(Watch, NothingIsLostAndNothingComesTwiceWhenTheApiServerIsRestarted) {
  auto& plane = ControlPlane::shared();
  Connection connection;
  base::Metrics metrics;
  kube::Informer<ConfigMap> informer(connection.transport(), connection.ns(), "", metrics,
                                     {.page_size = 20, .min_backoff = 50ms, .max_backoff = 500ms});
  Mirror mirror;
  informer.add_handler([&](const auto& change) { mirror.take(change); });
  informer.start();
  Writer writer(connection.ns());
  writer.start();
  ASSERT_TRUE(mirror.has_seen("w-20"));
  for (int round = 0; round < 2; ++round) {
    plane.kill_apiserver();
    // The informer's next list finds what was written before it has a watch again.
    plane.start_apiserver();
    const int before = writer.written();
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (writer.written() < before + 30 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(10ms);
    }
    ASSERT_GE(writer.written(), before + 30) << "nobody can write";
  }
  writer.stop();
  const auto want = versions_of(connection);
  EXPECT_GT(want.size(), 40u);
  EXPECT_TRUE(mirror.becomes(want));
  EXPECT_EQ(mirror.versions(), want);
  EXPECT_EQ(informer.store().size(), want.size());
}

TEST(Watch, ARestartedInformerFindsWhatHappenedWithoutIt) {
  Connection connection;
  auto& client = connection.client();
  ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), config_map("kept", "1")));
  ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), config_map("removed", "1")));
  for (int i = 0; i < 2; ++i) {
    base::Metrics metrics;
    kube::Informer<ConfigMap> informer(connection.transport(), connection.ns(), "", metrics);
    informer.start();
    ASSERT_TRUE(informer.wait_synced(std::stop_source().get_token()));
    EXPECT_EQ(informer.store().size(), i == 0 ? 2u : 1u);
    informer.stop();
    if (i == 0) {
      ASSERT_TRUE(client.remove(ConfigMap::kType, connection.ns(), "removed"));
    }
  }
}

TEST(Watch, AVersionTooOldIsGone) {
  Connection connection;
  ASSERT_TRUE(connection.client().create<ConfigMap>(connection.ns(), config_map("a", "1")));
  std::optional<kube::Error> error;
  kube::WatchDecoder decoder;
  const auto ended = connection.transport().stream(
      kube::watch_request(ConfigMap::kType, connection.ns(), {.resource_version = "1", .timeout = 5s}), {},
      [&](std::string_view chunk) {
        return *decoder.feed(chunk, [&](const kube::WatchEvent& event) {
          if (event.type == kube::EventType::kError) error = event.error;
          return !error;
        });
      },
      {});
  if (!error && !ended) error = ended.error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kGone);
}

TEST(Watch, AContinueTokenFromBeforeACompactionIsGone) {
  auto& plane = ControlPlane::shared();
  Connection connection;
  auto& client = connection.client();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.create<ConfigMap>(connection.ns(), config_map("c" + std::to_string(i), "1")));
  }
  const auto page = client.list(ConfigMap::kType, connection.ns(), {.limit = 1});
  ASSERT_TRUE(page);
  const auto last = client.create<ConfigMap>(connection.ns(), config_map("later", "1"));
  ASSERT_TRUE(last);
  plane.compact(last->meta.resource_version);
  plane.kill_apiserver();  // otherwise it could answer from its watch cache
  plane.start_apiserver();
  const auto next =
      client.list(ConfigMap::kType, connection.ns(), {.limit = 1, .continue_token = (*page)["metadata"]["continue"]});
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kGone);
}

TEST(Watch, StopEndsAnInformerAtOnce) {
  Connection connection;
  base::Metrics metrics;
  kube::Informer<ConfigMap> informer(connection.transport(), connection.ns(), "", metrics);
  informer.start();
  ASSERT_TRUE(informer.wait_synced(std::stop_source().get_token()));
  informer.stop();
  informer.stop();
}

}  // namespace
}  // namespace vbrain::testing
