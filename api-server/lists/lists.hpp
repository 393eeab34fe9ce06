#pragma once

#include <string_view>

#include "api-server/jobs/dates.hpp"
#include "api-server/services.hpp"
#include "api-server/transfer/shared_answer.hpp"
#include "artifacts/store/layout.hpp"

namespace vbrain::api {

// Add lists of ids as JSON to an answer, ascending: ids that our servers made are then in the order of their time. The
// text is that of IdLists, which the answer shares. A list that has no room in memory is written into a file first, as
// archives are (spool()), so that a repository is never too large. Both block on the volume and throw VolumeError.

// The ids of a repository's jobs that were made within `range`. False: the tenant has no such repository.
bool add_jobs(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
              std::string_view repository_id, const DateRange& range);

// The ids of the tenant's repositories that were made within `range`.
void add_repositories(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
                      const DateRange& range);

}  // namespace vbrain::api
