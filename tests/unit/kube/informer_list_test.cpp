// Lists that a caller asks for: as new as the API server, whatever the watch says.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/threads/stop.hpp"
#include "kube/cache/informer.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "unit/kube/things.hpp"

namespace vbrain::kube {
namespace {

// Its watches are open and say nothing, as on a connection that died on the way.
class DeadWatches final : public Transport {
 public:
  explicit DeadWatches(Transport& server) : server_(server) {}
  KubeResult<Response> call(const Request& request, std::stop_token stop) override {
    return server_.call(request, stop);
  }
  KubeResult<void> stream(const Request&, const StreamOptions&, const ChunkSink&, std::stop_token stop) override {
    base::sleep_for(stop, std::chrono::hours(1));
    return tl::unexpected(cancelled_error());
  }

 private:
  Transport& server_;
};

TEST(InformerList, IsAsNewAsTheApiServerWhenItWasAskedFor) {
  testing::FakeApiServer api;
  DeadWatches transport(api);
  base::Metrics metrics;
  Informer<Thing> informer(transport, "ns", "", metrics);
  api.put(kThings, stored_thing("a", "1", 1));
  informer.start();
  ASSERT_TRUE(informer.wait_synced({}));
  api.put(kThings, stored_thing("b", "1", 2));
  EXPECT_EQ(informer.store().get("b"), nullptr) << "the watch is dead, and nobody knows";
  const auto known = informer.store().get("a");
  ASSERT_TRUE(informer.wait_listed(informer.request_list(), {}));
  EXPECT_NE(informer.store().get("b"), nullptr);
  EXPECT_NE(informer.store().get("a"), known) << "its version alone does not tell that it is the same";
  api.put(kThings, stored_thing("c", "1", 3));
  ASSERT_TRUE(informer.wait_listed(informer.request_list(), {})) << "as often as wanted";
  EXPECT_NE(informer.store().get("c"), nullptr);
}

// Says when the second page of a list was asked for.
class SecondPage final : public Transport {
 public:
  explicit SecondPage(Transport& server) : server_(server) {}
  KubeResult<Response> call(const Request& request, std::stop_token stop) override {
    if (request.target.find("continue=") != std::string::npos) asked = true;
    return server_.call(request, stop);
  }
  KubeResult<void> stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                          std::stop_token stop) override {
    return server_.stream(request, options, sink, stop);
  }

  std::atomic<bool> asked = false;

 private:
  Transport& server_;
};

TEST(InformerList, ThePagesAreMadeWhileThoseBeforeAreDecoded) {
  testing::FakeApiServer api;
  SecondPage transport(api);
  base::Metrics metrics;
  Informer<Thing> informer(transport, "ns", "", metrics, {.page_size = 1});
  api.put(kThings, stored_thing("a", "1", 1));
  api.put(kThings, stored_thing("b", "1", 2));
  bool first = true;
  informer.add_handler([&](const Change<Thing>&) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (first && !transport.asked && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (std::exchange(first, false)) {
      EXPECT_TRUE(transport.asked);
    }
  });
  informer.start();
  ASSERT_TRUE(informer.wait_synced({}));
  EXPECT_EQ(informer.store().size(), 2U);
}

// Who takes the order of changes for that of resourceVersions must know when it is not.
TEST(InformerList, TellsWhenAListBeginsAndOfWhichVersionItIs) {
  testing::FakeApiServer api;
  DeadWatches transport(api);
  base::Metrics metrics;
  Informer<Thing> informer(transport, "ns", "", metrics);
  std::vector<std::string> told;  // by the thread of the informer, which this one waits for
  informer.add_handler([&](const Change<Thing>& change) {
    told.push_back((change.now != nullptr ? "" : "no ") + (change.now != nullptr ? change.now : change.old)->meta.name);
  });
  informer.add_list_handler([&] { told.emplace_back("began"); },
                            [&](const std::string& version) { told.push_back("ended " + version); });
  api.put(kThings, stored_thing("a", "1", 1));
  const std::string first = std::to_string(api.version());
  informer.start();
  ASSERT_TRUE(informer.wait_listed(informer.request_list(), {}));
  api.erase(kThings + std::string("/a"));
  const std::string second = std::to_string(api.version());
  told.clear();
  ASSERT_TRUE(informer.wait_listed(informer.request_list(), {}));
  informer.stop();
  EXPECT_EQ(told, (std::vector<std::string>{"began", "no a", "ended " + second}));
  EXPECT_NE(first, second);
}

TEST(InformerList, WaitsNoLongerThanWanted) {
  testing::FakeApiServer api;
  base::Metrics metrics;
  Informer<Thing> informer(api, "ns", "", metrics);  // never started
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(informer.wait_listed(informer.request_list(), stop.get_token()));
}

}  // namespace
}  // namespace vbrain::kube
