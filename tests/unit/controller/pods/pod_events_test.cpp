// Who may read the events of late pods, and when.
#include "controller/reconcile/pod_events.hpp"

#include <gtest/gtest.h>

#include <map>

#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

// A thousand pods wait for a node's disk. None of them has a warning, so each is read by itself.
TEST(PodEvents, ACrowdOfLatePodsComesOneByOne) {
  constexpr int kPods = 1'000;
  vbrain::testing::FakeApiServer api;
  vbrain::testing::ManualClock clock;
  api.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    clock.advance(milliseconds(5));
    return {};
  });
  kube::ApiClient client(api);
  PodEvents events(client, clock);
  std::multimap<base::SteadyPoint, int> due;
  for (int pod = 0; pod < kPods; ++pod) due.emplace(clock.steady(), pod);
  int asked = 0;
  while (!due.empty() && asked < 10 * kPods) {
    const auto [time, pod] = *due.begin();
    due.erase(due.begin());
    if (time > clock.steady()) clock.advance(time - clock.steady());
    ++asked;
    const auto answer = events.read("vbrain", "pod-" + std::to_string(pod), {});
    if (answer.wait) due.emplace(clock.steady() + *answer.wait, pod);
  }
  EXPECT_TRUE(due.empty()) << due.size() << " pods were never read";
  EXPECT_LE(asked, 4 * kPods) << "to ask in vain costs a pass over the job";
}

// The turns that were given to a crowd that is gone keep nobody waiting.
TEST(PodEvents, WhoComesWhenNobodyReadsIsRead) {
  vbrain::testing::FakeApiServer api;
  vbrain::testing::ManualClock clock;
  api.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    clock.advance(std::chrono::seconds(20));
    return {};
  });
  kube::ApiClient client(api);
  PodEvents events(client, clock);
  EXPECT_FALSE(events.read("vbrain", "first", {}).wait);
  milliseconds longest(0);
  for (int i = 0; i < 100; ++i) longest = std::max(longest, *events.read("vbrain", "other", {}).wait);
  EXPECT_EQ(longest, milliseconds(160'000)) << "two reads of 20 s, and four times as long without a read";
  clock.advance(longest);
  EXPECT_FALSE(events.read("vbrain", "other", {}).wait);
}

}  // namespace
}  // namespace vbrain::controller
