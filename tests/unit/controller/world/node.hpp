#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "unit/controller/world/oracle.hpp"
#include "unit/controller/world/random.hpp"

namespace vbrain::controller::testing {

// What an application does on its node.
struct Behaviour {
  enum class Kind { kExits, kRunsUntilStopped, kImageMissing, kEvicted, kNeverStarts };
  Kind kind = Kind::kExits;
  int exit_code = 0;
  int runs_for = 0;  // moves of the kubelet before it ends
};

// The only node: a kubelet with the runners of its pods, and the garbage collector. Pods make one move at a time.
class Node {
 public:
  using json = nlohmann::json;
  struct Parts {
    vbrain::testing::FakeApiServer& api;
    const artifacts::Store& store;
    const base::Clock& clock;
    Oracle& oracle;
  };

  explicit Node(Parts parts) : parts_(parts) {}

  void behave(int attempt, Behaviour behaviour) { behaviours_[attempt] = behaviour; }
  // Called once, when the application of an attempt has started.
  void when_running(int attempt, std::function<void()> act) { when_running_[attempt] = std::move(act); }

  // Every pod makes a move.
  void work();
  // Some pods make a move.
  void work_slowly(Random& random);

 private:
  Behaviour behaviour_of(int attempt) const;
  void move_pods(const std::function<bool()>& moves);
  void forget_removed_pods(const std::vector<json>& pods);
  void move(json pod);
  void fail(json pod);
  void start(json& pod);
  void go_on(json& pod);
  void run_out(json& pod, int exit_code);
  void report_status(const json& pod);
  void remove(const json& pod);

  Parts parts_;
  std::map<int, Behaviour> behaviours_;
  std::map<int, std::function<void()>> when_running_;
  std::map<std::string, int> moves_;  // UID -> moves since the application started
  std::map<std::string, json>
      status_;  // UID -> the last status: the kubelet reports it again if the API server lost it
};

}  // namespace vbrain::controller::testing
