#pragma once

namespace vbrain::fuzz {

// Which branches the code under test takes, if it was compiled with -fsanitize-coverage=trace-pc (the preset `fuzz`).
// For one thread.
void clear_coverage();
// True if the run since clear_coverage() took a branch, or took one in an order of magnitude of times, that no run
// before did. Without the compiler's help always false.
bool saw_something_new();
// Branches seen so far, since forget_coverage().
unsigned branches_seen();
void forget_coverage();

}  // namespace vbrain::fuzz
