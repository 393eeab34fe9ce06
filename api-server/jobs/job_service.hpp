#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/jobs/job_record.hpp"
#include "api-server/request_context.hpp"
#include "api-server/services.hpp"
#include "api-server/transfer/submission.hpp"
#include "http/task.hpp"

namespace vbrain::api {

struct NewJob {
  std::string job_id;
  std::string repository_id;
  bool new_repository = false;  // made for this job, from the same body
};

// Creates a job. Order: 1. its data is durable on the volume (a repository first, if none is named), 2. the Job
// resource with our finalizer and the id chosen here, 3. return. So a job whose id was sent to a client survives a
// crash of any program. If 2 fails, the job is withdrawn: its folder is marked deleted, so that neither the sweeper nor
// a create request that arrives late can run it. The folder is removed if no resource can exist. A repository created
// for the job is removed too, unless another job uses it. Refuses with kNoRepository, kUnknownKey (no such application
// for this organization), kUnavailable. Throws VolumeError, TooLarge and Overloaded.
http::Task<Result<NewJob, Refusal>> execute_job(const Services& services, const Caller& caller,
                                                const RequestContext& context, std::string_view repository_id,
                                                Submission submission);

// The caller's job. `repository_id` (may be empty) must exist and be the job's; kNoRepository before kNoJob. Blocks on
// the volume. If the record is unconfirmed, call confirm_job() before you answer.
Result<JobRecord, Refusal> find_job(const Services& services, const Caller& caller, std::string_view job_id,
                                    std::string_view repository_id);

// Asks the API server whether the caller's job exists. Blocks on the Kubernetes API: call it on Services::workers, so
// that an API server that does not answer blocks no thread of the volume's pool. Refuses with kNoJob or kUnavailable.
Result<void, Refusal> confirm_job(const Services& services, const Caller& caller, std::string_view job_id);

// New work needs an Application that is open to the organization. Otherwise kUnknownKey, as for a tenant that does not
// exist; only the log says why.
std::optional<Refusal> refuse_closed_application(const Services& services, const artifacts::Tenant& tenant);

}  // namespace vbrain::api
