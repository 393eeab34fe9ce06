#pragma once

#include <string>
#include <string_view>

#include "controller/planning/action.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// The next status of a job, made from the present one. Pure; each becomes one write.

// Another reason for staying as it is, for people who wait. `node` is kept when empty.
job::JobStatus with_reason(const Snapshot& snapshot, std::string_view reason, std::string_view message,
                           std::string_view node = {});

inline constexpr std::string_view kSuspendedReason = "Suspended";

// The job is held, before its first attempt or between two.
job::JobStatus with_suspension(const Snapshot& snapshot);

// A job with an attempt goes on after it was held. Its time begins anew.
job::JobStatus with_resumption(const Snapshot& snapshot);

// The first attempt is claimed.
job::JobStatus with_first_attempt(const Snapshot& snapshot);

// There are attempts that the resource does not know, by their folders or by a pod: `newest` is the last. All before it
// are over, or it would not have been begun.
job::JobStatus with_attempt_found(const Snapshot& snapshot, int newest);

// The volume has the record of the job's end, and the resource does not know it.
job::JobStatus with_recorded_end(const Snapshot& snapshot, const job::JobStatus& record);

// What is known of an attempt that ended.
struct AttemptEnd {
  Verdict verdict;
  std::string pod_uid;
  std::string node_name;
};

// The current attempt ended in vain and the next is claimed in the same write; its pod is made after
// `nextAttemptTime`.
job::JobStatus with_next_attempt(const Snapshot& snapshot, const AttemptEnd& end);

// The job ended with its current attempt.
WriteStatus with_end(const Snapshot& snapshot, const AttemptEnd& end);

// The job ended before it had an attempt.
WriteStatus with_end_unstarted(const Snapshot& snapshot, std::string_view reason, std::string_view message);

// What of a terminal status nobody can refuse: phase, reason, conditions, times, and which attempt counts. For an API
// server that does not take the whole, be it for a rule of its own or for a text that came from a node: a job that
// ended must not go on for ever because of how its end is told.
job::JobStatus bare_facts(const job::JobStatus& status);

// When the current attempt was claimed, or went on after a suspension.
base::TimePoint attempt_start(const Snapshot& snapshot);

}  // namespace vbrain::controller
