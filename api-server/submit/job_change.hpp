#pragma once

#include <optional>
#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "http/task.hpp"
#include "job/job.hpp"

namespace vbrain::api {

// What a client can change of a job that has not ended. Each is one field of the Job's spec.
enum class JobChange { kCancel, kSuspend, kResume };

// Why the change cannot be made by what the status says; nothing: it can, or it was made (see is_made). Pure.
std::optional<Refusal> refuse_change(JobChange change, const job::JobStatus& status);

// True if the job has ended by this change: a repeated cancellation succeeds. Pure.
bool is_made(JobChange change, const job::JobStatus& status);

// The refusal of a job that is being cancelled: it can't be suspended or resumed any more.
Refusal being_cancelled();

// Changes the spec of the caller's Job. The controller acts on it, so the state of the job changes later. May be
// repeated. Refuses with kNoRepository and kNoJob as find_job(), kJobFixed for a job that has ended or is being
// cancelled, kUnavailable if the Kubernetes API fails or the resource is not there yet. Throws Overloaded, and
// VolumeError while looking for the job.
http::Task<Result<void, Refusal>> change_job(const Services& services, const Caller& caller, std::string_view job_id,
                                             std::string_view repository_id, JobChange change);

}  // namespace vbrain::api
