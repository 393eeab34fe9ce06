#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace vbrain::controller {

// What a controller knows about its own work. All times are measured by its steady clock.
struct WorkFacts {
  std::chrono::milliseconds volume_silent{};   // the volume owes an answer for so long; 0: it answered
  std::chrono::milliseconds volume_failing{};  // the volume answers with errors for so long; 0: the last try succeeded
  std::chrono::milliseconds queue_stuck{};     // keys are ready for so long and no reconcile has ended; 0: they move
  std::chrono::milliseconds term_ending{};     // the term was told to end so long ago and has not; 0: it was not told
  // The volume fails, and this controller has given up the Lease for that since the volume worked last. It gives it up
  // once: if no other controller took the Lease, the volume fails for all of them.
  bool gave_up_for_failing_volume = false;
};

// Why a controller cannot do its work, for a log line or a probe's answer.
struct Stall {
  std::string cause;
  std::string remedy;
};

// Why a leader has to give up its Lease; nothing while it may go on. `limit` is --stall-timeout. Pure.
std::optional<Stall> why_give_up(const WorkFacts& facts, std::chrono::milliseconds limit);

// Why the process has to be restarted: its term cannot end, since threads hang. Nothing while it can. Pure.
std::optional<Stall> why_restart(const WorkFacts& facts, std::chrono::milliseconds limit);

// Why a controller should not become the leader now. Pure.
std::optional<Stall> why_not_lead(const WorkFacts& facts);

// For how long keys have been ready without that any reconcile ended. It sees samples, so that a quiet hour before a
// key came is not counted.
class QueueProgress {
 public:
  void sample(base::SteadyPoint now, std::size_t ready, std::uint64_t ended);
  std::chrono::milliseconds stuck(base::SteadyPoint now) const;

 private:
  std::optional<base::SteadyPoint> since_;
  std::uint64_t ended_ = 0;
};

}  // namespace vbrain::controller
