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
// be shown, or if as many requests wait as may (JobWaits); then it returns false. The caller then answers as it does
// without a wait, but with ask_again_soon() after true. No thread and no memory budget is held meanwhile. Throws
// http::BodyError (kGone) if the client goes, and what a look at the job throws (find_job, http::run_on).
http::Task<bool> wait_for_job(Call& call, std::chrono::seconds time, WaitFor what);

// The Retry-After of a 202 is for clients that come back without `wait`. Who waits and sleeps in between would learn
// late of what happens meanwhile, so it becomes a second.
Answer ask_again_soon(Answer answer);

}  // namespace vbrain::api
