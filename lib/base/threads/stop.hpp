#pragma once

#include <chrono>
#include <stop_token>

namespace vbrain::base {

// Blocks SIGTERM and SIGINT in the calling thread and in the threads that it starts later, and ignores SIGPIPE. Call it
// first in main(): in a thread that was started before, the signal would end the program at once.
void block_termination_signals();

// Waits for SIGTERM or SIGINT and returns the signal's number, or 0 when `stop` is requested. Call
// block_termination_signals() before. Looks at `stop` four times a second.
int wait_for_termination(std::stop_token stop);

// Sleeps for `duration`, or until stop is requested. Returns true if the whole time has passed.
bool sleep_for(std::stop_token stop, std::chrono::nanoseconds duration);

}  // namespace vbrain::base
