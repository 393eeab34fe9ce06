#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/jobs/job_record.hpp"
#include "api-server/services.hpp"
#include "api-server/transfer/submission.hpp"
#include "http/task.hpp"

namespace vbrain::api {

struct NewJob {
  std::string job_id;
  std::string repository_id;
  bool new_repository = false;  // made for this job, from the same body
};

// Takes a job on. Order: 1. data durable on the volume (a repository first, if none is named), 2. Job resource with
// our finalizer, named by the id chosen here, 3. return. So whoever has the id has a job that survives a crash of
// anything. When 2 fails the job is taken back: its folder is marked deleted (so that neither the orphan rule nor a
// late create can run it) and, if no resource can exist, removed; a repository made for it stays, with no job in it.
// Refuses with kNoRepository, kUnknownKey (no such application for this organization), kUnavailable. Throws
// VolumeError, TooLarge and Overloaded.
http::Task<Result<NewJob, Refusal>> execute_job(const Services& services, const Caller& caller,
                                                std::string_view repository_id, Submission submission);

// The caller's job. `repository_id` (may be empty) must exist and be the job's; kNoRepository before kNoJob.
Result<JobRecord, Refusal> find_job(const Services& services, const Caller& caller, std::string_view job_id,
                                    std::string_view repository_id);

// New work needs an Application that an operator has opened to the organization. Otherwise kUnknownKey, as for any
// tenant that does not exist; only the log says why.
std::optional<Refusal> refuse_closed_application(const Services& services, const artifacts::Tenant& tenant);

}  // namespace vbrain::api
