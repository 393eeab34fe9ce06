#pragma once

#include <chrono>
#include <string_view>

#include "job/job.hpp"

namespace vbrain::job {

// What is known of the end of a job and its callback_url, as a condition of the Job. True: the receiver has answered
// that it knows. False: it was given up. Unknown: a try has failed, and others follow. Absent: no try has ended.
inline constexpr std::string_view kCallbackCondition = "CallbackDelivered";

// For how long after its end a job's receiver is told of it.
inline constexpr std::chrono::hours kCallbackPatience{24};

// The job has ended, and its receiver is still to be told. Pure.
bool callback_is_due(const Job& job);

// The time until the receiver of an ended job is given up; 0 if there is nothing to wait for (callback_is_due). Pure.
std::chrono::milliseconds callback_left(const Job& job, base::TimePoint now);

}  // namespace vbrain::job
