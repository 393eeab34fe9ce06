#include "kube/runtime/leader_elector.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <thread>

#include "base/threads/stop.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const std::string kLeases = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";

// An elector whose waits advance the clock and take no time. The script is a function of the number of waits so far.
class ElectorTest : public ::testing::Test {
 protected:
  using Script = std::function<void(int wait)>;

  LeaderElector elector(const std::string& identity, Script script = {}) {
    return LeaderElector(
        server_, {.namespace_name = "ns", .name = "leader", .identity = identity}, clock_, metrics_,
        [this, script, waits = std::make_shared<int>(0)](std::stop_token stop, std::chrono::nanoseconds time) {
          if (stop.stop_requested()) return false;
          clock_.advance(time);
          if (script) script((*waits)++);
          return !stop.stop_requested();
        });
  }

  json lease() const { return server_.object(kLeases + "/leader"); }
  std::string holder() const {
    const json found = lease();
    return found.is_null() ? "(none)" : found["spec"].value("holderIdentity", "");
  }
  void put_lease(const std::string& holder, int renewal = 0, std::int64_t seconds = 15) {
    server_.put(kLeases, {{"metadata", {{"name", "leader"}, {"namespace", "ns"}}},
                          {"spec",
                           {{"holderIdentity", holder},
                            {"leaseDurationSeconds", seconds},
                            {"leaseTransitions", 1},
                            {"renewTime", "2026-01-01T00:00:" + std::to_string(10 + renewal) + ".000000Z"}}}});
  }
  // Set to the clock's time when the first such request comes.
  std::shared_ptr<base::SteadyPoint> time_of_first(const std::string& method) {
    auto time = std::make_shared<base::SteadyPoint>();
    server_.set_before([this, method, time](const Request& request) {
      if (request.method == method && *time == base::SteadyPoint{}) *time = clock_.steady();
      return std::optional<Error>();
    });
    return time;
  }
  static void until_stopped(std::stop_token leading) {
    std::latch stopped(1);
    const std::stop_callback wake(leading, [&] { stopped.count_down(); });
    stopped.wait();
  }

  testing::FakeApiServer server_;
  testing::ManualClock clock_;
  base::Metrics metrics_;
  ApiClient client_{server_, 1};  // one is enough, whatever else the process does
};

TEST_F(ElectorTest, TakesAFreeLeaseLeadsAndGivesItUp) {
  auto elector = this->elector("me");
  std::stop_source stop;
  const auto end = elector.run(stop.get_token(), [&](std::stop_token leading) {
    EXPECT_TRUE(elector.leading());
    EXPECT_EQ(elector.holder(), "me");
    stop.request_stop();
    until_stopped(leading);
    EXPECT_EQ(holder(), "me") << "given up only after the work has ended";
  });
  EXPECT_EQ(end, LeaderElector::End::kStopped);
  EXPECT_EQ(holder(), "");
  EXPECT_FALSE(elector.leading());
}

TEST_F(ElectorTest, WorkThatEndsByItselfGivesTheLeaseUp) {
  auto elector = this->elector("me");
  EXPECT_EQ(elector.run({}, [](std::stop_token) {}), LeaderElector::End::kFinished);
  EXPECT_EQ(holder(), "");
}

TEST_F(ElectorTest, AReleasedLeaseIsTakenAtOnce) {
  auto first = elector("first");
  first.run({}, [](std::stop_token) {});
  auto second = elector("second");
  const auto before = clock_.steady();
  const auto taken_at = time_of_first("PUT");
  second.run({}, [](std::stop_token) {});
  EXPECT_EQ(*taken_at, before);
  EXPECT_EQ(lease()["spec"]["leaseTransitions"], 1);
}

TEST_F(ElectorTest, ADeadHoldersLeaseIsTakenWhenItWasSeenUnchangedForItsDuration) {
  put_lease("dead");
  const auto begin = clock_.steady();
  const auto taken_at = time_of_first("PUT");
  auto elector = this->elector("me");
  elector.run({}, [](std::stop_token) {});
  EXPECT_GE(*taken_at - begin, 15s);
  EXPECT_LE(*taken_at - begin, 15s + 2400ms);
  EXPECT_EQ(lease()["spec"]["leaseTransitions"], 2);
}

// Killed directly after a renewal, which the other candidate sees as late as its retry period allows.
TEST_F(ElectorTest, WithTheDefaultTimesAKilledLeaderIsReplacedWithinFifteenSeconds) {
  const auto duration = std::chrono::duration_cast<std::chrono::seconds>(LeaseConfig{}.lease_duration).count();
  for (int i = 0; i < 200; ++i) {
    put_lease("killed", 0, duration);
    const auto killed_at = clock_.steady();
    const auto taken_at = time_of_first("PUT");
    auto heir = elector("heir", [&](int wait) {
      if (wait == 0) put_lease("killed", 1, duration);
    });
    heir.run({}, [](std::stop_token) {});
    EXPECT_LE(*taken_at - killed_at, 15s);
  }
}

TEST_F(ElectorTest, ALivingHolderKeepsItsLease) {
  put_lease("living");
  std::stop_source stop;
  auto elector = this->elector("me", [&](int wait) {
    put_lease("living", wait % 40);
    if (wait == 60) stop.request_stop();
  });
  EXPECT_EQ(elector.run(stop.get_token(), [](std::stop_token) { FAIL(); }), LeaderElector::End::kStopped);
  EXPECT_EQ(elector.holder(), "living");
  EXPECT_EQ(server_.count("PUT"), 0u);
}

TEST_F(ElectorTest, RenewsEveryPeriodWithOneWriteAndNoRead) {
  std::stop_source stop;
  auto elector = this->elector("me", [&](int wait) {
    if (wait != 9) return;
    EXPECT_EQ(server_.count("GET"), 1u);
    EXPECT_EQ(server_.count("POST"), 1u);
    EXPECT_EQ(server_.count("PUT"), 9u);
    stop.request_stop();
  });
  elector.run(stop.get_token(), &until_stopped);
}

TEST_F(ElectorTest, GoesOnRenewingWhileTheWorkDrains) {
  std::stop_source stop;
  std::latch drained(1);
  std::size_t writes_at_stop = 0;
  auto elector = this->elector("me", [&](int wait) {
    if (wait == 2) {
      stop.request_stop();
      writes_at_stop = server_.count("PUT");
    }
    if (wait == 30) drained.count_down();
  });
  const auto end = elector.run(stop.get_token(), [&](std::stop_token leading) {
    until_stopped(leading);
    drained.wait();
    EXPECT_TRUE(elector.leading());
  });
  EXPECT_EQ(end, LeaderElector::End::kStopped);
  EXPECT_GE(server_.count("PUT"), writes_at_stop + 27);
}

TEST_F(ElectorTest, LosesTheLeaseWhenItCannotRenewInTime) {
  auto elector = this->elector("me", [&](int wait) {
    if (wait != 3) return;
    server_.set_before([this](const Request&) {
      clock_.advance(3s);
      return std::optional(Error{.code = ErrorCode::kTimeout, .message = "away"});
    });
  });
  base::SteadyPoint stopped_at{};
  const auto begin = clock_.steady();
  const auto end = elector.run({}, [&](std::stop_token leading) {
    until_stopped(leading);
    stopped_at = clock_.steady();
  });
  EXPECT_EQ(end, LeaderElector::End::kLost);
  EXPECT_FALSE(elector.leading());
  // Three successful renewals, then calls of 3 s every 2 s until the deadline of 7 s has passed: no further call
  // starts.
  EXPECT_EQ(stopped_at - begin, 6s + 7s);
}

TEST_F(ElectorTest, SurvivesAShortOutage) {
  std::stop_source stop;
  auto elector = this->elector("me", [&](int wait) {
    if (wait == 2) {
      server_.set_before(
          [](const Request&) { return std::optional(Error{.code = ErrorCode::kUnavailable, .message = "away"}); });
    }
    if (wait == 4) server_.set_before({});
    if (wait == 12) stop.request_stop();
  });
  EXPECT_EQ(elector.run(stop.get_token(), &until_stopped), LeaderElector::End::kStopped);
}

TEST_F(ElectorTest, AStolenLeaseEndsTheWorkAtOnceAndIsNotGivenUp) {
  auto elector = this->elector("me", [&](int wait) {
    if (wait == 2) put_lease("thief");
  });
  const auto begin = clock_.steady();
  EXPECT_EQ(elector.run({}, &until_stopped), LeaderElector::End::kLost);
  EXPECT_EQ(clock_.steady() - begin, 6s);
  EXPECT_EQ(holder(), "thief");
  EXPECT_EQ(elector.holder(), "thief");
}

// The work ends while a renewal is under way: nobody waits for its answer, but the server has taken it.
TEST_F(ElectorTest, GivesUpTheLeaseAlsoAfterARenewalWhoseAnswerIsUnknown) {
  std::stop_source stop;
  std::atomic<bool> lost{false};
  LeaderElector elector(server_, {.namespace_name = "ns", .name = "leader", .identity = "me"}, clock_, metrics_,
                        [&](std::stop_token finished, std::chrono::nanoseconds time) {
                          if (lost) until_stopped(finished);
                          clock_.advance(time);
                          return !finished.stop_requested();
                        });
  server_.set_before([&](const Request& request) -> std::optional<Error> {
    if (request.method != "PUT" || lost.exchange(true)) return std::nullopt;
    put_lease("me", 1);
    stop.request_stop();
    return Error{.code = ErrorCode::kCancelled, .message = "cancelled"};
  });
  EXPECT_EQ(elector.run(stop.get_token(), &until_stopped), LeaderElector::End::kStopped);
  EXPECT_EQ(holder(), "");
}

// As when a volume hangs: the work does not end, and the others must not wait for that.
TEST_F(ElectorTest, AResigningLeaderReleasesTheLeaseBeforeItsWorkHasEnded) {
  int waits = 0;
  auto elector = this->elector("me", [&](int wait) { waits = wait; });
  std::latch given_up(1);
  std::atomic_flag seen;  // the heir gives its Lease up, too
  server_.set_before([&](const Request& request) {
    if (request.method == "PUT" && request.body.find("holderIdentity") == std::string::npos) {
      EXPECT_FALSE(elector.leading()) << "its writes end before another controller can take the Lease";
      if (!seen.test_and_set()) given_up.count_down();
    }
    return std::optional<Error>();
  });
  std::latch hangs(1);
  std::jthread others([&] {
    given_up.wait();
    auto heir = this->elector("heir");
    EXPECT_EQ(heir.run({}, [](std::stop_token) {}), LeaderElector::End::kFinished);
    hangs.count_down();
  });
  const auto end = elector.run(
      {}, [&](std::stop_token) { hangs.wait(); },
      [&]() -> std::optional<std::string> {
        if (waits < 2) return std::nullopt;
        return "the volume hangs";
      });
  EXPECT_EQ(end, LeaderElector::End::kResigned);
  EXPECT_EQ(waits, 2);
}

TEST_F(ElectorTest, ADeletedLeaseIsMadeAgain) {
  std::stop_source stop;
  auto elector = this->elector("me", [&](int wait) {
    if (wait == 2) server_.erase(kLeases + "/leader");
    if (wait == 4) {
      EXPECT_EQ(holder(), "me");
      stop.request_stop();
    }
  });
  EXPECT_EQ(elector.run(stop.get_token(), &until_stopped), LeaderElector::End::kStopped);
}

TEST_F(ElectorTest, AProcessThatSleptTooLongDoesNotRenew) {
  std::size_t writes = 0;
  auto elector = this->elector("me", [&](int wait) {
    if (wait == 2) {
      clock_.advance(60s);  // the process was stopped by SIGSTOP and continued by SIGCONT
      writes = server_.count("PUT");
    }
  });
  EXPECT_EQ(elector.run({}, &until_stopped), LeaderElector::End::kLost);
  EXPECT_EQ(server_.count("PUT"), writes);
}

TEST_F(ElectorTest, ALeaseEditedByHandIsReadAgainAndKept) {
  std::stop_source stop;
  auto elector = this->elector("me", [&](int wait) {
    if (wait == 2) put_lease("me");
    if (wait == 4) stop.request_stop();
  });
  EXPECT_EQ(elector.run(stop.get_token(), &until_stopped), LeaderElector::End::kStopped);
}

TEST_F(ElectorTest, WorkThatThrowsGivesTheLeaseUpAndIsPassedOn) {
  auto elector = this->elector("me");
  EXPECT_THROW(elector.run({}, [](std::stop_token) { throw std::runtime_error("work"); }), std::runtime_error);
  EXPECT_EQ(holder(), "");
}

TEST_F(ElectorTest, OfManyCandidatesOneLeadsAtATime) {
  std::atomic<int> leading{0};
  std::atomic<int> led{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        auto candidate =
            LeaderElector(server_, {.namespace_name = "ns", .name = "leader", .identity = "c" + std::to_string(i)},
                          clock_, metrics_, [](std::stop_token stop, std::chrono::nanoseconds) {
                            std::this_thread::yield();
                            return !stop.stop_requested();
                          });
        candidate.run({}, [&](std::stop_token) {
          EXPECT_EQ(++leading, 1);
          ++led;
          --leading;
        });
      });
    }
  }
  EXPECT_EQ(led, 4);
}

TEST_F(ElectorTest, RenewalsDoNotWaitBehindOtherCalls) {
  std::latch hangs(1);
  std::latch over(1);
  server_.set_before([&](const Request& request) {
    if (request.target.find("pods") != std::string::npos) {
      hangs.count_down();
      over.wait();
    }
    return std::optional<Error>();
  });
  std::jthread other([&] { client_.call({.method = "GET", .target = "/api/v1/namespaces/ns/pods"}); });
  hangs.wait();
  std::stop_source stop;
  std::jthread patience([&] {
    if (base::sleep_for(stop.get_token(), 5s)) stop.request_stop();
  });
  auto elector = this->elector("me");
  EXPECT_EQ(elector.run(stop.get_token(), [](std::stop_token) {}), LeaderElector::End::kFinished);
  stop.request_stop();
  over.count_down();
}

TEST_F(ElectorTest, RefusesABadConfiguration) {
  EXPECT_THROW(LeaderElector(server_, {.namespace_name = "ns", .name = "l", .identity = ""}, clock_, metrics_),
               std::invalid_argument);
}

}  // namespace
}  // namespace vbrain::kube
