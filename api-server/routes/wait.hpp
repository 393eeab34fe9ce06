#pragma once

#include <chrono>
#include <string_view>

#include "api-server/errors.hpp"
#include "api-server/routes/call.hpp"

namespace vbrain::api {

inline constexpr std::chrono::seconds kLongestWait{60};

// The query parameter `wait`: whole seconds, at most kLongestWait. Zero without it.
Result<std::chrono::seconds, Refusal> wanted_wait(std::string_view query);

// What a request waits for.
enum class WaitFor {
  kOtherState,  // `job_status` is another one than when the request came
  kEnd,         // the job has ended
};

// Returns when that has happened, when `time` is over, or when the server stops; at once if the job has ended or cannot
// be shown, or if as many requests wait as may (JobWaits). The caller then answers as it does without a wait. No thread
// and no memory budget is held meanwhile. Throws http::BodyError (kGone) if the client goes, and what a look at the job
// throws (find_job, http::run_on).
http::Task<void> wait_for_job(Call& call, std::chrono::seconds time, WaitFor what);

}  // namespace vbrain::api
