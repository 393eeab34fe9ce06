#pragma once

#include <optional>
#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/jobs/job_record.hpp"
#include "api-server/services.hpp"

namespace vbrain::api {

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
