#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api-server/answers/shared_answer.hpp"
#include "api-server/jobs/dates.hpp"
#include "api-server/lists/id_lists.hpp"
#include "api-server/services.hpp"
#include "artifacts/store/layout.hpp"
#include "base/log/request_ids.hpp"

namespace vbrain::api {

// Add lists of ids as JSON to an answer, ascending: ids that our servers made are then in the order of their time. The
// text is that of IdLists, which the answer shares. `ids`: of the request, for log lines; of several that share the
// answer, of the one that began. A list that has no room in memory is written into a file first, as
// archives are (spool()), so that a repository is never too large. All block on the volume and throw VolumeError.

// In the place of the id of a repository: the jobs of all of them.
inline constexpr std::string_view kAllJobs = "*";

// A list that was read on Services::list_workers after the request had come.
struct KnownList {
  std::string repository_id;  // empty: the tenant's repositories; kAllJobs: all its jobs
  IdLists::Listed listed;
};
KnownList read_list(const Services& services, const artifacts::Tenant& tenant, const std::string& repository_id);

// Without the `known` list, add_jobs() and add_repositories() do not what takes long: then the answer gets a
// missing_list() instead. Call again with what read_list() returns for it (read_with_list()).

// The list, or neither a list nor `too_large` if there is none. Nothing: `answer` has a missing_list() now.
std::optional<IdLists::Listed> look_up_list(AnswerText& answer, const Services& services,
                                            const artifacts::Tenant& tenant, const std::string& repository_id,
                                            const KnownList* known);

// When a job was made: ids that our servers made contain the time. A Job made with kubectl may have any name. Nothing:
// there is no such job.
std::optional<base::TimePoint> time_of_job(const Services& services, const artifacts::Tenant& tenant,
                                           std::string_view id, const base::RequestIds& ids);

// The ids of a repository's jobs that were made within `range`. False: the tenant has no such repository.
bool add_jobs(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
              std::string_view repository_id, const DateRange& range, const KnownList* known,
              const base::RequestIds& ids);

// The ids of the tenant's repositories that were made within `range`.
void add_repositories(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
                      const DateRange& range, const KnownList* known, const base::RequestIds& ids);

}  // namespace vbrain::api
