#pragma once

namespace vbrain::fuzz {

// Records the branches that the code under test takes, if it is compiled with -fsanitize-coverage=trace-pc (the preset
// `fuzz`). Single-threaded.
void clear_coverage();
// True if the run since clear_coverage() took a new branch, or took a branch a new order of magnitude of times. Always
// false without that compiler option.
bool saw_something_new();
// Number of branches seen since forget_coverage().
unsigned branches_seen();
void forget_coverage();

}  // namespace vbrain::fuzz
