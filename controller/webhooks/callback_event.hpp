#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "job/job.hpp"

namespace vbrain::controller {

// What the receiver of a job's callback_url is told now. A job has two events at most, job.started and then
// job.finished or job.failed. Only the newest is told: job.started is left out once the job has ended.
struct CallbackEvent {
  // The same at every try, in every process, and for a Job that was lost and made again: the job's id and the event.
  std::string id;
  std::string type;  // "job.started", "job.finished" or "job.failed"
  std::string body;  // JSON, as small as one event: reason and message at most
  bool ended = false;
};

// Nothing: the job waits for its start, is being deleted or has no callback_url. Pure.
std::optional<CallbackEvent> event_of(const job::Job& job);

// How long after failed try number `tries` (from 1) the next one comes: 5 s, doubled at each try, 1 h at most, and a
// fifth more or less by `chance` (0 to 1), so that not all come at once. Pure.
std::chrono::milliseconds delay_after(unsigned tries, double chance);

}  // namespace vbrain::controller
