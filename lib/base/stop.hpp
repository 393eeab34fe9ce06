#pragma once

#include <chrono>
#include <stop_token>

namespace vbrain::base {

// Blocks SIGTERM and SIGINT in the calling thread and all it will start, and ignores SIGPIPE. Call first in main:
// a thread started before would still be killed by the default action.
void block_termination_signals();

// Waits for SIGTERM or SIGINT, or until `stop` is requested by somebody else; returns the signal's number or 0.
// block_termination_signals() must have been called. Polls `stop` four times a second.
int wait_for_termination(std::stop_token stop);

// Sleeps for `duration` or until stop is requested. True if the whole time has passed.
bool sleep_for(std::stop_token stop, std::chrono::nanoseconds duration);

}  // namespace vbrain::base
