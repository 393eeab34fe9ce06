#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "kube/api/api_client.hpp"
#include "kube/runtime/lease.hpp"
#include "kube/transport/transport.hpp"

namespace vbrain::kube {

// Elects one of several processes as leader with a Lease. For a short time after a Lease is lost, two processes may
// believe that they lead, so every write needs its own precondition. The elector has its own ApiClient on the shared
// Transport, so that renewals do not wait behind other calls.
class LeaderElector {
 public:
  enum class End {
    kStopped,   // `stop` was requested: the work was ended, then the Lease was released
    kLost,      // the Lease could not be renewed in time or was taken: run() again, or end the program
    kFinished,  // on_started returned; the Lease was released
    kResigned,  // why_resign gave a reason: the Lease was released at once, then the work was ended
  };
  // The leader's work: blocks until its stop token is requested, then ends in an orderly way.
  using Work = std::function<void(std::stop_token leading)>;
  // Called before each renewal. A text ends the term; it is the reason for the log.
  using WhyResign = std::function<std::optional<std::string>()>;
  using Sleep = std::function<bool(std::stop_token, std::chrono::nanoseconds)>;

  // The referenced objects must outlive this. Throws std::invalid_argument for a config that check() refuses. `sleep`
  // waits and returns false if stop was requested. Tests replace it.
  LeaderElector(Transport& transport, LeaseConfig config, const base::Clock& clock, base::Metrics& metrics,
                Sleep sleep = {});

  // Waits for the Lease, then runs `on_started` on a separate thread and renews the Lease on this one, also while the
  // work drains after `stop`. If the Lease is lost, or `why_resign` gives a reason, leading() is false at once, stop is
  // requested for the work, and run() waits until the work has ended. A lost Lease is not changed. A resigned Lease is
  // released before the work has ended, because the work may hang. Blocks; for one thread only.
  End run(std::stop_token stop, const Work& on_started, const WhyResign& why_resign = {});

  // True while this process holds the Lease by its own clock: the last renewal is younger than renew_deadline.
  // Thread-safe, and cheap enough to call before every write.
  bool leading() const;
  // The last known holder of the Lease; "" if there is none. Thread-safe.
  std::string holder() const;

 private:
  enum class Attempt { kHeld, kNotOurs, kFailed };
  enum class Kept { kUntilFinished, kLost, kResigned };

  bool acquire(std::stop_token stop);
  End lead(std::stop_token stop, const Work& on_started, const WhyResign& why_resign);
  Kept keep(std::stop_token finished, const WhyResign& why_resign);
  void say_lost() const;
  Attempt try_once(std::stop_token stop);
  std::optional<Error> read_lease(std::stop_token stop);
  void give_up();
  KubeResult<Lease> call(Request request, std::stop_token stop);
  std::chrono::milliseconds call_timeout() const;
  bool overdue() const;
  void note_holder();
  void note_renewed(base::SteadyPoint when);
  void note_lost();

  ApiClient client_;
  const LeaseConfig config_;
  const base::Clock& clock_;
  Sleep sleep_;
  LeaseView view_;
  std::atomic<base::SteadyPoint::rep> renewed_;  // when the last successful write was sent; kNotHeld otherwise
  mutable std::mutex mutex_;
  std::string holder_;
  std::minstd_rand random_;
  prometheus::Gauge& is_leader_;
  prometheus::Counter& changes_;
};

}  // namespace vbrain::kube
