#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/jobs/job_record.hpp"
#include "api-server/keys/idempotency.hpp"
#include "api-server/request_context.hpp"
#include "api-server/services.hpp"
#include "api-server/transfer/submission.hpp"
#include "api-server/typed/params_check.hpp"
#include "http/task.hpp"

namespace vbrain::api {

struct NewJob {
  std::string job_id;
  std::string repository_id;
  std::string answer;     // the JSON of the 201
  bool repeated = false;  // an earlier request with the same Idempotency-Key has done it all
  bool replayed = false;  // an earlier request with the same Idempotency-Key has chosen the ids
};

// Creates a job. Order: 1. its data is durable on the volume (a repository first, if none is named), 2. the Job
// resource with our finalizer and the id chosen here, 3. return. So a job whose id was sent to a client survives a
// crash of any program. If 2 fails, the job is withdrawn: its folder is marked deleted, so that neither the sweeper nor
// a create request that arrives late can run it. The folder is removed if no resource can exist. A repository created
// for the job is removed too, unless another job uses it. Refuses with kNoRepository, kNotPermitted (a priority that
// the role may not give), kNoSpace, kUnavailable. Throws VolumeError, TooLarge and Overloaded.
// `typed` has the effective params, if the Application has a schema; `submission.callback_url` is that of
// callback_of(). With `key`, whose `request` is set, the job is that of the key's record. If an earlier request with
// the key was interrupted or is under way, its work is completed here. A failure after 1. withdraws nothing then: a
// repetition completes the job. Refuses with kOtherSubmission and kTooMany too.
http::Task<Result<NewJob, Refusal>> execute_job(const Services& services, const Caller& caller,
                                                const RequestContext& context, std::string_view repository_id,
                                                Submission submission, TypedJob typed,
                                                const std::optional<KeyedRequest>& key);

// Creates a job with the repository, input, params and metadata of `old`, which has ended. Its priority is that of
// `old`, as far as the caller's role may give it. As execute_job() otherwise; kJobNotEnded if `old` has not ended,
// kNoRepository if its repository is gone, kNoJob if it was deleted meanwhile.
http::Task<Result<NewJob, Refusal>> retry_job(const Services& services, const Caller& caller,
                                              const RequestContext& context, const JobRecord& old, TypedJob typed,
                                              const std::optional<KeyedRequest>& key);

}  // namespace vbrain::api
