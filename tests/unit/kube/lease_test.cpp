#include "kube/runtime/lease.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;

constexpr base::SteadyPoint kStart{1'000'000s};

Lease lease_of(std::string holder, std::int64_t seconds = 15, std::string version = "5") {
  Lease lease;
  lease.meta.name = "leader";
  lease.meta.namespace_name = "ns";
  lease.meta.uid = "u";
  lease.meta.resource_version = std::move(version);
  lease.holder = std::move(holder);
  lease.duration_seconds = seconds;
  lease.acquire_time = "2020-01-01T00:00:00.000000Z";
  lease.renew_time = "2099-01-01T00:00:00.000000Z";  // the clock of the other candidate is wrong by decades
  lease.transitions = 3;
  return lease;
}

LeaseConfig config() {
  return {.namespace_name = "ns", .name = "leader", .identity = "me"};
}

TEST(Lease, DecidesByWhoHoldsItAndHowLongWeHaveSeenItUnchanged) {
  const struct {
    const char* name;
    std::optional<Lease> lease;
    std::chrono::milliseconds later;
    LeaseMove want;
  } cases[] = {
      {"none", std::nullopt, 0ms, LeaseMove::kCreate},
      {"ours", lease_of("me"), 0ms, LeaseMove::kRenew},
      {"ours, long ago", lease_of("me"), 60s, LeaseMove::kRenew},
      {"released", lease_of("", 1), 0ms, LeaseMove::kTakeOver},
      {"another's, just seen", lease_of("other"), 0ms, LeaseMove::kWait},
      {"another's, almost over", lease_of("other"), 14'999ms, LeaseMove::kWait},
      {"another's, over", lease_of("other"), 15s, LeaseMove::kTakeOver},
      {"another's own duration counts", lease_of("other", 60), 59s, LeaseMove::kWait},
      {"another's without duration", lease_of("other", 0), 9s, LeaseMove::kWait},
      {"another's without duration, over", lease_of("other", 0), 10s, LeaseMove::kTakeOver},
      {"an absurd duration", lease_of("other", INT64_MAX), 23h, LeaseMove::kWait},
      {"an absurd duration, a day later", lease_of("other", INT64_MAX), 24h, LeaseMove::kTakeOver},
  };
  for (const auto& c : cases) {
    LeaseView view;
    view.observe(c.lease, kStart);
    EXPECT_EQ(decide(view, "me", kStart + c.later), c.want) << c.name;
  }
}

TEST(Lease, EveryChangeStartsTheWaitAnew) {
  LeaseView view;
  view.observe(lease_of("other", 15, "5"), kStart);
  view.observe(lease_of("other", 15, "5"), kStart + 10s);
  EXPECT_EQ(view.since(), kStart);
  view.observe(lease_of("other", 15, "6"), kStart + 14s);
  EXPECT_EQ(decide(view, "me", kStart + 20s), LeaseMove::kWait);
  EXPECT_EQ(decide(view, "me", kStart + 29s), LeaseMove::kTakeOver);
}

TEST(Lease, BodiesCarryTheVersionSeenAndTheHistory) {
  LeaseView view;
  const base::TimePoint now = *base::parse_rfc3339("2026-01-02T03:04:05.678Z");
  const auto created = lease_body(view, LeaseMove::kCreate, config(), now);
  EXPECT_FALSE(created["metadata"].contains("resourceVersion"));
  EXPECT_EQ(created["spec"]["holderIdentity"], "me");
  EXPECT_EQ(created["spec"]["leaseDurationSeconds"], 10);
  EXPECT_EQ(created["spec"]["leaseTransitions"], 0);
  EXPECT_EQ(created["spec"]["acquireTime"], "2026-01-02T03:04:05.678000Z");

  view.observe(lease_of("me"), kStart);
  const auto renewed = lease_body(view, LeaseMove::kRenew, config(), now);
  EXPECT_EQ(renewed["metadata"]["resourceVersion"], "5");
  EXPECT_EQ(renewed["metadata"]["uid"], "u");
  EXPECT_EQ(renewed["spec"]["acquireTime"], "2020-01-01T00:00:00.000000Z");
  EXPECT_EQ(renewed["spec"]["renewTime"], "2026-01-02T03:04:05.678000Z");
  EXPECT_EQ(renewed["spec"]["leaseTransitions"], 3);

  view.observe(lease_of("other"), kStart);
  const auto taken = lease_body(view, LeaseMove::kTakeOver, config(), now);
  EXPECT_EQ(taken["metadata"]["resourceVersion"], "5");
  EXPECT_EQ(taken["spec"]["holderIdentity"], "me");
  EXPECT_EQ(taken["spec"]["acquireTime"], "2026-01-02T03:04:05.678000Z");
  EXPECT_EQ(taken["spec"]["leaseTransitions"], 4);

  const auto released = released_body(lease_of("me"), now);
  EXPECT_EQ(released["metadata"]["resourceVersion"], "5");
  EXPECT_FALSE(released["spec"].contains("holderIdentity"));
  EXPECT_EQ(released["spec"]["leaseDurationSeconds"], 1);
}

TEST(Lease, ReadsWhatTheServerHas) {
  const Lease lease = Lease::decode(nlohmann::json::parse(
      R"({"metadata":{"name":"leader","namespace":"ns","uid":"u","resourceVersion":"9","labels":{"a":"b"}},
          "spec":{"holderIdentity":"x","leaseDurationSeconds":20,"acquireTime":"2020-01-01T00:00:00.000000Z",
                  "renewTime":"2020-01-01T00:00:01.000000Z","leaseTransitions":2}})"));
  EXPECT_EQ(lease.holder, "x");
  EXPECT_EQ(lease.duration_seconds, 20);
  EXPECT_EQ(lease.transitions, 2);
  const Lease empty =
      Lease::decode(nlohmann::json::parse(R"({"metadata":{"name":"l","uid":"u","resourceVersion":"9"},"spec":{}})"));
  EXPECT_EQ(empty.holder, "");
}

TEST(Lease, RefusesTimesThatMakeNoSense) {
  EXPECT_EQ(check(config()), "");
  const struct {
    const char* name;
    void (*spoil)(LeaseConfig&);
  } cases[] = {
      {"no name", [](LeaseConfig& c) { c.name.clear(); }},
      {"no identity", [](LeaseConfig& c) { c.identity.clear(); }},
      {"deadline not below duration", [](LeaseConfig& c) { c.renew_deadline = 10s; }},
      {"retry near the deadline", [](LeaseConfig& c) { c.retry_period = 6s; }},
      {"no retry period", [](LeaseConfig& c) { c.retry_period = 0s; }},
      {"below a second", [](LeaseConfig& c) { c = {"ns", "l", "i", 900ms, 600ms, 100ms}; }},
  };
  for (const auto& c : cases) {
    LeaseConfig spoilt = config();
    c.spoil(spoilt);
    EXPECT_NE(check(spoilt), "") << c.name;
  }
}

}  // namespace
}  // namespace vbrain::kube
