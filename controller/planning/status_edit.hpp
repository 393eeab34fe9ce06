#pragma once

#include <string>
#include <string_view>

#include "controller/planning/action.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// The next status of a job, derived from the current one. Pure; each becomes one write.

// Whether a status with this reason and message tells more than `status` does. Of a few reasons the message counts too.
// The kubelet alternates between the reason of a failed pull and ImagePullBackOff, which is no news. Pure.
bool is_news(const job::JobStatus& status, std::string_view reason, std::string_view message);

// Another reason for the same phase, for people. Keeps `node` if it is empty.
job::JobStatus with_reason(const Snapshot& snapshot, std::string_view reason, std::string_view message,
                           std::string_view node = {});

// The same, with the event and the log line that belong to it: none if the job goes on.
WriteStatus with_news(const Snapshot& snapshot, std::string_view reason, std::string_view message,
                      std::string_view node = {});

// The job waits for something else, by its condition Waiting.
bool is_waiting(const job::JobStatus& status);

// spec.suspend was changed while an attempt is under way, which goes on: condition and event say so.
bool tells_suspension(const Snapshot& snapshot);
WriteStatus with_suspension_told(const Snapshot& snapshot);

// False if the condition ClientFound says that there is no Client, and there is one now. The write corrects it.
bool tells_client(const Snapshot& snapshot);
job::JobStatus with_client_told(const Snapshot& snapshot);

// The conditions of a Job besides Complete, Failed and Suspended.
inline constexpr std::string_view kEndedCondition = "Ended";      // true at either end
inline constexpr std::string_view kWaitingCondition = "Waiting";  // it does not go on before something else happens
// A Client names its tenant. Absent if that was so whenever its status was written.
inline constexpr std::string_view kClientFoundCondition = "ClientFound";

inline constexpr std::string_view kSuspendedReason = "Suspended";

// The job is suspended, before its first attempt or between two.
WriteStatus with_suspension(const Snapshot& snapshot);

// A job with an attempt continues after a suspension. Its start time is set again.
WriteStatus with_resumption(const Snapshot& snapshot);

// The first attempt is claimed.
WriteStatus with_first_attempt(const Snapshot& snapshot);

// There are attempts that the resource does not know, in folders or by a pod: `newest` is the last. All earlier ones
// have ended, otherwise it would not have started.
job::JobStatus with_attempt_found(const Snapshot& snapshot, int newest);

// The volume has the record of the job's end, which the resource does not know. `record` has a terminal phase. The end
// was reported and counted when it was recorded, so the write has no notice.
job::JobStatus with_recorded_end(const Snapshot& snapshot, const job::JobStatus& record);

// Facts about an attempt that has ended.
struct AttemptEnd {
  Verdict verdict;
  std::string pod_uid;
  std::string node_name;
};

// The current attempt failed, and the same write claims the next one; its pod is created after `nextAttemptTime`.
WriteStatus with_next_attempt(const Snapshot& snapshot, const AttemptEnd& end);

// The job ended with its current attempt.
WriteStatus with_end(const Snapshot& snapshot, const AttemptEnd& end);

// The job ended before it had an attempt.
WriteStatus with_end_unstarted(const Snapshot& snapshot, std::string_view reason, std::string_view message);

// The part of a terminal status that no rule refuses: phase, reason, conditions, times, and the accepted attempt. It is
// for an API server that refuses the whole status, because of an added rule or of a text from a node. An ended job must
// not stay live because of its message.
job::JobStatus bare_facts(const job::JobStatus& status);

// When the current attempt was claimed, or when it continued after a suspension.
base::TimePoint attempt_start(const Snapshot& snapshot);

}  // namespace vbrain::controller
