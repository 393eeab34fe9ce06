#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/keys/idempotency.hpp"
#include "api-server/request_context.hpp"
#include "api-server/services.hpp"
#include "api-server/submit/json_body.hpp"
#include "api-server/typed/params_check.hpp"
#include "http/task.hpp"

namespace vbrain::api {

struct NewBatch {
  std::string id;
  std::vector<std::string> jobs;  // in the order of the params, ascending
  std::string answer = {};        // the JSON of the 201
  bool repeated = false;          // as NewJob::repeated
  bool replayed = false;          // as NewJob::replayed
};

// Creates one job for each of `fields.params` in an existing repository, all or none: they are accepted when they are
// published together on the volume (artifacts/submit/job_batch.hpp). Their resources are created afterwards, a few at a
// time; one that cannot be created now is created later by the controller's sweeper, as for any job without a resource.
// `check` has found nothing wrong with the params (check_batch()). Refuses with kNoRepository, kNotPermitted (as
// execute_job()), kOtherSubmission, kTooMany. Throws VolumeError, TooLarge and Overloaded.
http::Task<Result<NewBatch, Refusal>> execute_batch(const Services& services, const Caller& caller,
                                                    const RequestContext& context, const std::string& repository_id,
                                                    const BatchFields& fields, ParamsCheck& check,
                                                    const std::optional<KeyedRequest>& key);

}  // namespace vbrain::api
