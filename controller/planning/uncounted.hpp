#pragma once

#include "controller/planning/plan.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// The first attempt of most jobs begins without a write of the status: its pod has a deterministic name, and its claim
// on the volume is final, so no second one can run. The status counts it when it ends, when its reason changes, or when
// it is older than kCountedAfter. See docs/decisions/0029-uncounted-attempts.md.

// A job that ends sooner needs one write of its status instead of two.
inline constexpr std::chrono::milliseconds kCountedAfter{2'000};

// Whether the first attempt of a waiting job may begin without a write of the status. No if something must count it
// before: a limit, or a condition of the status that it ends. Pure.
bool may_begin_uncounted(const Snapshot& snapshot);

// Whether the first attempt has been begun although the status does not count it. Pure.
bool is_uncounted(const Snapshot& snapshot);

// The snapshot as it were if the status counted the first attempt. Pure.
Snapshot counted(const Snapshot& snapshot);

// `plan` is what `counted` needs next: adds the write that counts the attempt, or the time for it. Pure.
Plan with_count(const Snapshot& counted, Plan plan);

}  // namespace vbrain::controller
