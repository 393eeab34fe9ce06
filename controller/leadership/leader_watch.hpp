#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "controller/leadership/progress.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// Watches whether this controller gets anything done: tries the volume on a thread of its own, whether it leads or not,
// and looks at the queue while it leads. Thread-safe; no member but wait_until_fit() and the destructor waits.
class LeaderWatch {
 public:
  // Tries the volume. Throws when it fails; may hang.
  using Probe = std::function<void()>;

  static constexpr std::chrono::milliseconds kProbeInterval{5'000};
  // How long a controller leaves the Lease to others after it gave it up.
  static constexpr std::chrono::milliseconds kStandAside{20'000};

  // `clock` must outlive this. `limit` is --stall-timeout.
  LeaderWatch(Probe probe, const base::Clock& clock, std::chrono::milliseconds limit);
  // Waits for the probe under way, which never ends where the volume hangs for good.
  ~LeaderWatch();
  LeaderWatch(const LeaderWatch&) = delete;
  LeaderWatch& operator=(const LeaderWatch&) = delete;

  // A term of leadership, from its begin until all its threads have ended.
  class Term {
   public:
    // `leading` is stopped when the term has to end.
    Term(LeaderWatch& watch, kube::ReconcileLoop& loop, std::stop_token leading);
    ~Term();
    Term(const Term&) = delete;
    Term& operator=(const Term&) = delete;

   private:
    LeaderWatch& watch_;
    std::optional<std::stop_callback<std::function<void()>>> on_end_;
  };

  // Why the leader has to give up the Lease; to be asked every few seconds while it leads.
  std::optional<Stall> why_give_up();
  // Why the process has to be restarted, for /livez; empty if it need not be.
  std::string why_restart();
  // Why this controller would be of no use as a leader; empty if it would.
  std::string why_not_lead();
  // Blocks until this controller can be a candidate for the Lease. False if `stop` was requested first.
  bool wait_until_fit(std::stop_token stop);

 private:
  void run_probe(std::stop_token stop);
  WorkFacts facts_locked();
  void note_ending();

  const Probe probe_;
  const base::Clock& clock_;
  const std::chrono::milliseconds limit_;
  std::mutex mutex_;
  std::optional<base::SteadyPoint> probe_began_;  // of the probe under way
  std::optional<base::SteadyPoint> failing_since_;
  bool probed_ = false;  // one probe at least has ended
  bool gave_up_for_failing_volume_ = false;
  std::optional<base::SteadyPoint> gave_up_at_;
  kube::ReconcileLoop* loop_ = nullptr;  // of the present term
  std::optional<base::SteadyPoint> ending_since_;
  QueueProgress queue_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vbrain::controller
