#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/time/clock.hpp"
#include "controller/leadership/progress.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// Checks whether this controller makes progress: it probes the volume on its own thread, whether it leads or not, and
// checks the queue while it leads. Thread-safe; only wait_until_fit() and the destructor wait.
class LeaderWatch {
 public:
  // Probes the volume. Throws if it fails; may hang.
  using Probe = std::function<void()>;

  static constexpr std::chrono::milliseconds kProbeInterval{5'000};
  // How long a controller stays out of the election after it gave up the Lease.
  static constexpr std::chrono::milliseconds kStandAside{20'000};

  // `clock` must outlive this. `limit` is --stall-timeout. `interval` is the real time between two probes.
  LeaderWatch(Probe probe, const base::Clock& clock, std::chrono::milliseconds limit,
              std::chrono::milliseconds interval = kProbeInterval);
  // Waits for the running probe, which never ends if the volume hangs permanently.
  ~LeaderWatch();
  LeaderWatch(const LeaderWatch&) = delete;
  LeaderWatch& operator=(const LeaderWatch&) = delete;

  // A term of leadership, from its start until all its threads have ended.
  class Term {
   public:
    // Stop is requested on `leading` when the term must end.
    Term(LeaderWatch& watch, kube::ReconcileLoop& loop, std::stop_token leading);
    ~Term();
    Term(const Term&) = delete;
    Term& operator=(const Term&) = delete;

   private:
    LeaderWatch& watch_;
    std::optional<std::stop_callback<std::function<void()>>> on_end_;
  };

  // Why the leader must give up the Lease; call it every few seconds while it leads.
  std::optional<Stall> why_give_up();
  // Why the process must be restarted, for /livez; empty if it need not be.
  std::string why_restart();
  // Why this controller could not work as a leader; empty if it could.
  std::string why_not_lead();
  // Whether this controller can be a candidate for the Lease now.
  bool is_fit();
  // Blocks until this controller can be a candidate for the Lease. False if `stop` was requested first.
  bool wait_until_fit(std::stop_token stop);

 private:
  void run_probe(std::stop_token stop);
  WorkFacts facts_locked();
  void note_ending();

  const Probe probe_;
  const base::Clock& clock_;
  const std::chrono::milliseconds limit_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::optional<base::SteadyPoint> probe_began_;  // of the running probe
  std::optional<base::SteadyPoint> failing_since_;
  bool probed_ = false;  // at least one probe has ended
  bool gave_up_for_failing_volume_ = false;
  std::optional<base::SteadyPoint> gave_up_at_;
  kube::ReconcileLoop* loop_ = nullptr;  // of the current term
  std::optional<base::SteadyPoint> ending_since_;
  QueueProgress queue_;
  std::jthread thread_;  // last: it uses all members above
};

}  // namespace vbrain::controller
