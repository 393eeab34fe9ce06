#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "job/job.hpp"

namespace vbrain::job {

// What is known of the end of a job and its callback_url, as a condition of the Job. True: the receiver has answered
// that it knows. False: it was given up. Unknown: a try has failed, and others follow. Absent: no try has ended.
inline constexpr std::string_view kCallbackCondition = "CallbackDelivered";

// For how long the receiver of an ended job is tried. It counts from the first try, or from when the job began to wait
// for its turn, and not from the job's end: if no controller leads for days, receivers are told afterwards.
inline constexpr std::chrono::hours kCallbackPatience{24};

// The job has ended, and its receiver is still to be told. Until then the Job must stay: nothing else knows it. Pure.
bool callback_is_due(const Job& job);

// Since when tries have failed, as the condition says. Nothing: none is recorded. Pure.
std::optional<base::TimePoint> callback_failing_since(const Job& job);

// Whether a Job that was created with `url` as its spec.callbackURL has kept it, by the answer of the API server. A
// definition of Job that is older than this program has no such field, and the API server removes it in silence. Pure.
bool callback_was_kept(const std::string& url, const nlohmann::json& created);
inline constexpr std::string_view kCallbackNotKept =
    "the cluster's definition of Job is older than this program and does not know callbackURL. Remedy: the operator "
    "installs the definitions of this version: kubectl apply --server-side --force-conflicts -f helm/vbrain/files/crds";

// The time until a receiver that has been tried since `since` is given up; 0: it is over. Pure.
std::chrono::milliseconds callback_left(base::TimePoint since, base::TimePoint now);

}  // namespace vbrain::job
