// Lists that a caller asks for: as new as the API server, whatever the watch says.
#include <gtest/gtest.h>

#include "base/stop.hpp"
#include "kube/cache/informer.hpp"
#include "support/fake_api_server.hpp"
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
