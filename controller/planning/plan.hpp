#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "controller/planning/action.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// The next actions for a job, in order, and the time of the next pass even without a change. After the actions the
// snapshot is updated and planned again, until no action is left. Every step depends only on durable state, so after a
// crash between two steps a new controller continues.
struct Plan {
  std::vector<Action> actions;
  std::optional<std::chrono::milliseconds> requeue_after;

  static Plan of(Action action) {
    Plan plan;
    plan.actions.emplace_back(std::move(action));
    return plan;
  }
  // Plan again after `delay` at the latest.
  void wake_after(std::chrono::milliseconds delay) {
    requeue_after = std::min(requeue_after.value_or(delay), std::max(delay, std::chrono::milliseconds(1)));
  }
};

// A watch shows a write within seconds. A write that it does not show for this long may have been undone (etcd
// restored).
inline constexpr std::chrono::milliseconds kWatchPatience{60'000};

// A failure that will probably pass soon is reported only after this time. The same for other short states.
inline constexpr std::chrono::milliseconds kWorthTelling{1'000};

// What a job needs next. No I/O, no clock, no globals, no logging.
//
// A cache may be older than the API server. So every action that destroys something is based on a Job and an
// Application that are known to be current. The write of a status carries the Job's resourceVersion as precondition.
// Stopping a pod, closing an attempt and purging a folder can't carry it, and a failure depends on the Application:
// before them the plan asks for ConfirmJob, once per pass.
//
// An action that failed is left out until its next try. The plan then reports in the status what fails and why, and
// continues with everything that does not depend on it: deadlines, cancelling and deleting work in the meantime.
Plan plan(const Snapshot& snapshot);

// Its parts, each for jobs in one state.
Plan plan_deletion(const Snapshot& snapshot);      // the Job is marked for deletion
Plan plan_ended(const Snapshot& snapshot);         // Finished or Failed
Plan plan_queued(const Snapshot& snapshot);        // no attempt begun yet
Plan plan_cancellation(const Snapshot& snapshot);  // the same, and the job is to end
Plan plan_attempt(const Snapshot& snapshot);       // an attempt is under way

}  // namespace vbrain::controller
