#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "integration/control_plane.hpp"
#include "integration/lead_until_killed.hpp"
#include "kube/runtime/leader_elector.hpp"

namespace vbrain::testing {
namespace {

using namespace std::chrono_literals;
using kube::LeaderElector;

kube::LeaseConfig lease_config(const std::string& ns, const std::string& identity) {
  return {.namespace_name = ns,
          .name = "leader",
          .identity = identity,
          .lease_duration = 3s,
          .renew_deadline = 2s,
          .retry_period = 200ms};
}

// A candidate with its own thread and connections.
class Candidate {
 public:
  Candidate(const std::string& ns, const std::string& identity)
      : elector_(connection_.transport(), lease_config(ns, identity), clock_, metrics_) {}
  ~Candidate() { stop(); }

  void start() {
    thread_ = std::jthread([this](std::stop_token stop) {
      end_ = elector_.run(stop, [this](std::stop_token leading) {
        leads_.set_value();
        std::promise<void> stopped;
        const std::stop_callback wake(leading, [&] { stopped.set_value(); });
        stopped.get_future().wait();
      });
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  bool leads_within(std::chrono::seconds time) { return led_.wait_for(time) == std::future_status::ready; }
  LeaderElector& elector() { return elector_; }
  LeaderElector::End end() const { return end_; }
  void join() { thread_.join(); }

 private:
  base::SystemClock clock_;
  base::Metrics metrics_;
  Connection connection_;
  LeaderElector elector_;
  std::promise<void> leads_;
  std::future<void> led_ = leads_.get_future();
  LeaderElector::End end_ = LeaderElector::End::kFinished;
  std::jthread thread_;
};

std::string holder(Connection& connection) {
  const auto lease = connection.client().get<kube::Lease>(connection.ns(), "leader");
  return lease ? lease->holder : "";
}

TEST(Leader, AReleasedLeaseIsTakenWithoutWaitingForItsEnd) {
  Connection connection;
  Candidate first(connection.ns(), "first");
  first.start();
  ASSERT_TRUE(first.leads_within(30s));
  Candidate second(connection.ns(), "second");
  second.start();
  EXPECT_FALSE(second.leads_within(0s));
  EXPECT_TRUE(first.elector().leading());
  first.stop();
  EXPECT_EQ(first.end(), LeaderElector::End::kStopped);
  EXPECT_FALSE(first.elector().leading());
  ASSERT_TRUE(second.leads_within(30s));
  EXPECT_EQ(holder(connection), "second");
  const auto lease = connection.client().get<kube::Lease>(connection.ns(), "leader");
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->transitions, 1);
}

TEST(Leader, AKilledLeadersLeaseIsTakenWhenItHasRunOut) {
  Connection connection;
  const pid_t victim =
      start_program({"/proc/self/exe", "lead", ControlPlane::shared().kubeconfig().string(), connection.ns()});
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (holder(connection) != "victim" && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(20ms);
  }
  Candidate heir(connection.ns(), "heir");
  heir.start();
  const bool early = heir.leads_within(1s);
  const std::string before = holder(connection);
  kill(victim, SIGKILL);
  wait_for_program(victim);
  EXPECT_FALSE(early);
  EXPECT_EQ(before, "victim");
  ASSERT_TRUE(heir.leads_within(30s));
  EXPECT_EQ(holder(connection), "heir");
}

TEST(Leader, ALeaderThatIsCutOffStopsBeforeTheNextOneStarts) {
  auto& plane = ControlPlane::shared();
  Connection connection;
  Candidate leader(connection.ns(), "leader");
  leader.start();
  ASSERT_TRUE(leader.leads_within(30s));
  plane.kill_apiserver();
  leader.join();
  EXPECT_EQ(leader.end(), LeaderElector::End::kLost);
  EXPECT_FALSE(leader.elector().leading());
  plane.start_apiserver();
  Candidate heir(connection.ns(), "heir");
  heir.start();
  EXPECT_TRUE(heir.leads_within(30s));
}

TEST(Leader, ALeaseStolenByHandIsNotedAtTheNextRenewal) {
  Connection connection;
  Candidate leader(connection.ns(), "leader");
  leader.start();
  ASSERT_TRUE(leader.leads_within(30s));
  ASSERT_TRUE(connection.client().patch(kube::Lease::kType, connection.ns(), "leader",
                                        {{"spec", {{"holderIdentity", "thief"}}}}));
  leader.join();
  EXPECT_EQ(leader.end(), LeaderElector::End::kLost);
  EXPECT_EQ(holder(connection), "thief") << "what is not ours is not given up";
}

}  // namespace

int lead_until_killed(const std::string& kubeconfig, const std::string& ns) {
  const auto config = kube::load_kubeconfig(kubeconfig);
  if (!config) return 1;
  Connection connection(*config);
  base::SystemClock clock;
  base::Metrics metrics;
  LeaderElector elector(connection.transport(), lease_config(ns, "victim"), clock, metrics);
  elector.run({}, [](std::stop_token) { std::promise<void>().get_future().wait_for(300s); });
  return 0;
}

}  // namespace vbrain::testing
