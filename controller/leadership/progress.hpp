#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time/clock.hpp"

namespace vbrain::controller {

// A controller's progress. All times are measured by its steady clock.
struct WorkFacts {
  std::chrono::milliseconds volume_silent{};  // how long the volume has not answered; 0: it answered
  std::chrono::milliseconds
      volume_failing{};                     // how long the volume has answered with errors; 0: the last probe succeeded
  std::chrono::milliseconds queue_stuck{};  // how long keys have been ready while no reconcile ended; 0: reconciles end
  std::chrono::milliseconds term_ending{};  // how long ago the term was told to end and has not; 0: it was not told
  // The volume fails, and this controller has given up the Lease for that reason since the volume last worked. It gives
  // it up once: if no other controller took the Lease, the volume fails for all of them.
  bool gave_up_for_failing_volume = false;
};

// Why a controller can't work, for a log line or a probe's answer.
struct Stall {
  std::string cause;
  std::string remedy;
};

// Why a leader must give up its Lease; nothing if it may continue. `limit` is --stall-timeout. Pure.
std::optional<Stall> why_give_up(const WorkFacts& facts, std::chrono::milliseconds limit);

// Why the process must be restarted: its term can't end, because threads hang. Nothing if it can. Pure.
std::optional<Stall> why_restart(const WorkFacts& facts, std::chrono::milliseconds limit);

// Why a controller should not become the leader now. Pure.
std::optional<Stall> why_not_lead(const WorkFacts& facts);

// How long keys have been ready while no reconcile ended. It gets samples, so that an idle hour before a key arrived
// does not count.
class QueueProgress {
 public:
  void sample(base::SteadyPoint now, std::size_t ready, std::uint64_t ended);
  std::chrono::milliseconds stuck(base::SteadyPoint now) const;

 private:
  std::optional<base::SteadyPoint> since_;
  std::uint64_t ended_ = 0;
};

}  // namespace vbrain::controller
