#pragma once

#include <string>
#include <string_view>

#include "api-server/errors.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/transfer/shared_answer.hpp"
#include "api-server/transfer/shared_reads.hpp"

namespace vbrain::api {

// The key of SharedReads for a request: all that its answer depends on, for any user of the tenant who may read it.
// `what` names the endpoint and form. Names and ids hold no line break.
std::string key_of_read(std::string_view what, const Call& call);

// The query parameter `jobs` of an object: false leaves the list of the repository's jobs out. True without it.
Result<bool, Refusal> wants_jobs(std::string_view query);

}  // namespace vbrain::api
