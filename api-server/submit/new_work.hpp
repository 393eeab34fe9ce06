#pragma once

#include <optional>

#include "api-server/keys/idempotency.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/transfer/submission.hpp"

namespace vbrain::api {

// Reads the body of a request that makes a repository or a job, as long as the tenant's storageQuota has room for it:
// by its Content-Length before it is read, by what has come while it is read, and by the unpacked files at the end.
// With a `key` whose work is published already, no room is needed. `terms.check` is set here.
http::Task<Result<Submission, Refusal>> read_new_work(Call& call, const std::optional<KeyedRequest>& key,
                                                      BodyTerms terms);

}  // namespace vbrain::api
